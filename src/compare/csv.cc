#include "src/compare/csv.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace fletbridge::compare {
namespace {

std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

void AddInterval(const std::optional<Interval>& interval, std::vector<std::string>& to) {
  if (!interval) return to.resize(to.size() + 3);
  for (const double value : {interval->estimate, interval->low, interval->high})
    to.push_back(Number(value));
}

std::string Line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) line += (&cell == &cells[0] ? "" : ",") + Quoted(cell);
  return line + "\r\n";
}

// `comparison`: null for the baseline.
std::string SeriesLine(const Results& results, const WorkloadResult& workload,
                       const std::string& part, const Series& series, bool pooled,
                       const Comparison* comparison) {
  const Histogram all = series.All();
  std::vector<std::string> cells = {results.app,
                                    workload.workload.name,
                                    part,
                                    series.variant,
                                    UnitOf(workload.workload.measure),
                                    std::to_string(all.count())};
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 100.0})
    cells.push_back(all.count() == 0 || !pooled ? "" : std::to_string(all.ValueAt(percent)));
  AddInterval(comparison == nullptr ? std::nullopt : comparison->ratio, cells);
  AddInterval(comparison == nullptr ? std::nullopt : comparison->difference, cells);
  cells.emplace_back(comparison == nullptr ? "baseline" : VerdictName(comparison->verdict));
  cells.emplace_back(results.complete() ? "yes" : "no");
  return Line(cells);
}

}  // namespace

std::string CsvText(const Results& results) {
  std::string text = Line({"app", "workload", "part", "variant", "unit", "n", "p50", "p90", "p99",
                           "p99.9", "max", "ratio", "ratio_low", "ratio_high", "difference",
                           "difference_low", "difference_high", "verdict", "complete"});
  for (const WorkloadResult& workload : results.workloads) {
    for (std::size_t i = 0; i < workload.series.size(); ++i) {
      const Comparison comparison = i == 0 ? Comparison() : workload.Compare(i, results.seed);
      text += SeriesLine(results, workload, "", workload.series[i], workload.pooled(),
                         i == 0 ? nullptr : &comparison);
    }
    for (const Part& part : workload.parts) {
      for (std::size_t i = 0; i < part.series.size(); ++i) {
        const Comparison comparison =
            i == 0 ? Comparison() : workload.ComparePart(part, i, results.seed);
        text += SeriesLine(results, workload, part.name, part.series[i], true,
                           i == 0 ? nullptr : &comparison);
      }
    }
  }
  return text;
}

}  // namespace fletbridge::compare
