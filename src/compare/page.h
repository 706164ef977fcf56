// Room: src/compare. Results as one self-contained HTML file: tables and plots, printable, light
// or dark by the reader's system setting.
#pragma once

#include <string>

#include "common/base/error.h"
#include "src/compare/results.h"

namespace fletbridge::compare {

// `parts` is the folder with page.html, page.js and plotly.min.js. kSetup if one is missing.
[[nodiscard]] Result<std::string> PageHtml(const Results& results, const std::string& parts);

}  // namespace fletbridge::compare
