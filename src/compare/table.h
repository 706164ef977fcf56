// Room: src/compare. Results for people: as a table for a terminal, or as Markdown for a pull
// request.
#pragma once

#include <string>

#include "src/compare/results.h"

namespace fletbridge::compare {

[[nodiscard]] std::string TableText(const Results& results);
[[nodiscard]] std::string MarkdownText(const Results& results);

}  // namespace fletbridge::compare
