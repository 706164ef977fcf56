// Room: src/compare. Intervals drawn with characters: a line for each ratio, on one logarithmic
// axis on which 1 is the baseline and less is better. Pure.
#pragma once

#include <string>
#include <vector>

#include "src/compare/statistics.h"

namespace fletbridge::compare {

struct ForestLine {
  std::string group, name;  // the group stands where it changes
  Interval ratio;
  std::string verdict;  // behind the figures
};
// Nothing for no lines.
[[nodiscard]] std::string ForestText(const std::vector<ForestLine>& lines);
// Columns of a terminal that a text takes, if each letter takes one.
[[nodiscard]] std::size_t Width(std::string_view text);

}  // namespace fletbridge::compare
