// Room: src/compare. Results as text: a table for a terminal, or Markdown for a pull request.
#pragma once

#include <string>

#include "src/compare/results.h"

namespace fletbridge::compare {

// A line for each control that can be clicked: whether it is, or why not.
[[nodiscard]] std::string ClicksText(const std::vector<ClickChoice>& clicks);
[[nodiscard]] std::string TableText(const Results& results);
[[nodiscard]] std::string MarkdownText(const Results& results);

}  // namespace fletbridge::compare
