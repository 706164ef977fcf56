// Room: src/compare. Draws intervals with characters: one line per ratio, on a logarithmic axis
// with the baseline at 1; lower is better. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/measure/statistics.h"

namespace fletbridge::compare {

using statistics::Interval;

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
