// Room: src/recording/diff. A comparison for people and for programs. Pure functions, any thread.
#pragma once

#include <string>

#include "src/recording/diff/recording_diff.h"

namespace fletbridge::diff {

struct Side {
  std::string name;  // of the file
  recording::Info info;
};

// "the same: 7 inputs, 8 comparisons" or "2 differences in 7 inputs".
[[nodiscard]] std::string Headline(const Comparison& comparison);
// The first difference on one line, for a verdict.
[[nodiscard]] std::string OneLine(const Difference& difference);
[[nodiscard]] std::string TextReport(const Comparison& comparison, const Side& a, const Side& b);
[[nodiscard]] std::string JsonReport(const Comparison& comparison, const Side& a, const Side& b);
// One file that needs no other, in the light or the dark as the browser is.
[[nodiscard]] std::string HtmlReport(const Comparison& comparison, const Side& a, const Side& b);

}  // namespace fletbridge::diff
