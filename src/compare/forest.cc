#include "src/compare/forest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace fletbridge::compare {
namespace {

constexpr int kCells = 41;
// Values further away are drawn at the edge.
constexpr double kLeast = 0.05, kMost = 20;
// So much is seen at least, so that a per cent does not look like a gulf.
constexpr double kReach = 1.1;

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, Width(text)), ' ');
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string ForestText(const std::vector<ForestLine>& lines) {
  if (lines.empty()) return {};
  double low = 1 / kReach, high = kReach;
  std::size_t group_width = 0, name_width = 0;
  for (const ForestLine& line : lines) {
    low = std::clamp(line.ratio.low, kLeast, low);
    high = std::clamp(line.ratio.high, high, kMost);
    group_width = std::max(group_width, Width(line.group));
    name_width = std::max(name_width, Width(line.name));
  }
  const auto cell = [&](double ratio) {
    const double share = std::log(std::clamp(ratio, low, high) / low) / std::log(high / low);
    return static_cast<std::size_t>(std::lround(share * (kCells - 1)));
  };
  const std::size_t one = cell(1);
  // "0.83        1       1.2": 1 where it is.
  std::string axis = Number(low);
  if (one > axis.size() + 1) axis = Padded(axis, one) + "1";
  if (const std::string end = Number(high); axis.size() + end.size() + 1 < kCells)
    axis = Padded(axis, kCells - end.size()) + end;
  std::string text = std::string(group_width + name_width + 4, ' ') + axis + "\n";
  std::string group;
  for (const ForestLine& line : lines) {
    std::vector<std::string> cells(kCells, " ");
    cells[one] = "│";
    const std::size_t from = cell(line.ratio.low), to = cell(line.ratio.high);
    for (std::size_t i = from; i <= to; ++i) cells[i] = i == one ? "┼" : "─";
    cells[from] = line.ratio.low < low ? "<" : "├";
    cells[to] = line.ratio.high > high ? ">" : "┤";
    cells[cell(line.ratio.estimate)] = "●";
    char figures[80];
    std::snprintf(figures, sizeof figures, "  %.2f [%.2f, %.2f]", line.ratio.estimate,
                  line.ratio.low, line.ratio.high);
    text += Padded(line.group == group ? "" : line.group, group_width) + "  " +
            Padded(line.name, name_width) + "  ";
    for (const std::string& one_cell : cells) text += one_cell;
    text += figures + (line.verdict.empty() ? "" : "  " + line.verdict) + "\n";
    group = line.group;
  }
  return text;
}

}  // namespace fletbridge::compare
