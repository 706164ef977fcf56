#include "src/compare/table.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "src/compare/forest.h"
#include "src/compare/summary.h"

namespace fletbridge::compare {
namespace {

using Row = std::vector<std::string>;

std::string Ratio(const std::optional<Interval>& ratio) {
  if (!ratio) return "-";
  char text[80];
  std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", ratio->estimate, ratio->low, ratio->high);
  return text;
}

// Where the tail goes another way than the middle, the reader must know.
std::string TailNote(const Comparison& comparison) {
  if (comparison.verdict_p99 == comparison.verdict || !comparison.ratio_p99) return {};
  if (comparison.verdict_p99 != Verdict::kFaster && comparison.verdict_p99 != Verdict::kSlower)
    return {};
  char text[80];
  std::snprintf(text, sizeof text, "; p99 %s by %.0f %%", VerdictName(comparison.verdict_p99),
                std::abs(comparison.ratio_p99->estimate - 1) * 100);
  return text;
}

Row SeriesRow(const WorkloadResult& workload, std::size_t i, std::uint64_t seed) {
  const Histogram all = workload.series[i].All();
  const char* unit = UnitOf(workload.workload.measure);
  Row row{workload.series[i].variant, std::to_string(all.count())};
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 100.0}) {
    // A percentile that only the largest few values make is the maximum under another name.
    const bool known = percent == 50 || percent == 100 ||
                       static_cast<double>(all.count()) * (100 - percent) / 100 >= 1;
    row.push_back(all.count() == 0 || !known || !workload.pooled()
                      ? "-"
                      : Shown(static_cast<double>(all.ValueAt(percent)), unit));
  }
  if (i == 0) {
    row.insert(row.end(), {"1", "(baseline)"});
    return row;
  }
  const Comparison comparison = workload.Compare(i, seed);
  row.push_back(Ratio(comparison.ratio));
  row.push_back(all.count() == 0
                    ? "nothing was measured"
                    : Said(comparison, workload.workload.measure) + TailNote(comparison));
  return row;
}

std::vector<Row> Rows(const WorkloadResult& workload, const Results& results) {
  std::vector<Row> rows = {
      {"", "n", "p50", "p90", "p99", "p99.9", "max", "ratio of p50 [95 %]", "verdict"}};
  for (std::size_t i = 0; i < workload.series.size(); ++i)
    rows.push_back(SeriesRow(workload, i, results.seed));
  return rows;
}

// The last two columns are words, or all are.
enum class Columns { kFigures, kCells };

std::string Aligned(const std::vector<Row>& rows, Columns columns = Columns::kFigures) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - Width(row[i]), ' ');
      const bool left = columns == Columns::kCells || i == 0 || i + 2 >= row.size();
      line += (i == 0 ? "" : "  ") + (left ? row[i] + space : space + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Piped(const std::vector<Row>& rows) {
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    text += "|";
    for (const std::string& cell : rows[r]) text += " " + cell + " |";
    text += "\n";
    if (r != 0) continue;
    text += "|";
    for (std::size_t i = 0; i < rows[r].size(); ++i)
      text += i == 0 || i + 2 >= rows[r].size() ? "---|" : "--:|";
    text += "\n";
  }
  return text;
}

std::string Environment(const Results& results) {
  std::string text;
  for (const VariantState& state : results.variants) {
    if (state.flet.empty()) continue;
    text = "Flet " + state.flet + ", Python " + state.python + "; ";
    break;
  }
  const nlohmann::json machine = nlohmann::json::parse(results.machine_json);
  char time[64];
  std::snprintf(time, sizeof time, "%d round%s in %.0f s, ended by %s", results.rounds,
                results.rounds == 1 ? "" : "s", results.seconds, results.stopped_by.c_str());
  return text + std::to_string(machine.value("processors", 0)) + " x " +
         machine.value("processor", std::string("?")) + ", " +
         machine.value("kernel", std::string()) + "; " + time + ", seed " +
         std::to_string(results.seed);
}

std::string AtDisplay(const Results& results) {
  return results.ui == "desktop" ? " (in a window, measured at the display)" : "";
}

// "0.52 [0.48, 0.57]", as many digits as the interval has a use for.
std::string ShortRatio(const std::optional<Interval>& ratio) {
  if (!ratio) return {};
  char text[80];
  const int digits = ratio->estimate < 0.1 ? 3 : 2;
  std::snprintf(text, sizeof text, "%.*f [%.*f, %.*f]", digits, ratio->estimate, digits, ratio->low,
                digits, ratio->high);
  return text;
}

// "791 µs", "752 µs, 0.95 [0.92, 0.97] faster": a median, and its ratio to the baseline's.
std::string Cell(const Series& series, const Comparison& comparison, Measure measure) {
  const Histogram all = series.All();
  if (all.count() == 0) return "-";
  std::string cell = Shown(static_cast<double>(all.ValueAt(50)), UnitOf(measure));
  if (const std::string ratio = ShortRatio(comparison.ratio); !ratio.empty()) cell += ", " + ratio;
  if (comparison.verdict == Verdict::kFaster || comparison.verdict == Verdict::kSlower)
    cell += std::string(" ") + VerdictWord(comparison.verdict, measure);
  return cell;
}

// One line for each input of a workload: the medians, and the ratios to the baseline.
std::vector<Row> Parts(const WorkloadResult& workload, std::uint64_t seed) {
  std::vector<Row> rows = {{""}};
  for (const Series& series : workload.series) rows[0].push_back(series.variant);
  for (const Part& part : workload.parts) {
    Row row{part.name + (part.restless ? " *" : "")};
    for (std::size_t i = 0; i < part.series.size(); ++i) {
      row.push_back(Cell(part.series[i],
                         i == 0 ? Comparison() : workload.ComparePart(part, i, seed),
                         workload.workload.measure));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string PartsTitle(const WorkloadResult& workload, const Results& results) {
  const bool restless = std::any_of(workload.parts.begin(), workload.parts.end(),
                                    [](const Part& part) { return part.restless; });
  return "each by itself: p50, and its ratio to that of " + results.variants[0].variant.name +
         " [95 %, as all intervals of the run at once]" +
         (restless ? "; * the page changes more than once after it" : "") +
         (workload.pooled() ? ""
                            : "; they take too unequal a time for percentiles of all together, "
                              "whose ratio is the geometric mean of theirs");
}

// One line a workload: the medians, and the ratios to the baseline.
std::vector<Row> Overview(const Results& results) {
  std::vector<Row> rows = {{""}};
  for (const VariantState& state : results.variants) rows[0].push_back(state.variant.name);
  const auto end_group = [&](const std::string& group) {
    const auto members =
        std::count_if(results.workloads.begin(), results.workloads.end(),
                      [&](const WorkloadResult& result) { return result.workload.group == group; });
    if (group.empty() || members < 2) return;
    Row row{group + ", geometric mean of " + std::to_string(members)};
    for (std::size_t i = 0; i < results.variants.size(); ++i)
      row.push_back(i == 0 ? "" : ShortRatio(results.GroupRatio(group, i)));
    rows.push_back(std::move(row));
  };
  std::string group;
  for (const WorkloadResult& result : results.workloads) {
    if (result.workload.group != group) end_group(group);
    group = result.workload.group;
    Row row{result.workload.name};
    for (std::size_t i = 0; i < result.series.size(); ++i) {
      const Comparison comparison = i == 0 ? Comparison() : result.Compare(i, results.seed);
      row.push_back(result.pooled() ? Cell(result.series[i], comparison, result.workload.measure)
                                    : ShortRatio(comparison.ratio));
    }
    rows.push_back(std::move(row));
  }
  end_group(group);
  return rows;
}

// A few workloads are overlooked without it.
bool WantsOverview(const Results& results) { return results.workloads.size() > 3; }
std::string OverviewTitle(const Results& results) {
  return "p50, and its ratio to that of " + results.variants[0].variant.name + " [95 %]";
}

std::string Lines(const std::vector<std::string>& lines, const std::string& before) {
  std::string text;
  for (const std::string& line : lines) text += before + line + "\n";
  return text;
}

// Above all else, so that nobody takes them for whole.
std::string Partial(const Results& results, const std::string& before) {
  if (results.complete()) return {};
  return before + "THESE RESULTS ARE PARTIAL: " +
         (results.stopped_by == "interrupt" ? "the run was ended by an interrupt"
          : results.stopped_by == "failure" ? "the run was ended by a failure"
                                            : "a variant was lost") +
         "\n\n";
}

// Each ratio with its interval, drawn.
std::string AtAGlance(const Results& results) {
  std::vector<ForestLine> lines;
  for (const WorkloadResult& workload : results.workloads) {
    for (std::size_t i = 1; i < workload.series.size(); ++i) {
      const Comparison comparison = workload.Compare(i, results.seed);
      if (!comparison.ratio) continue;
      lines.push_back({workload.workload.name, workload.series[i].variant, *comparison.ratio,
                       comparison.verdict == Verdict::kNoDifferenceShown
                           ? ""
                           : VerdictWord(comparison.verdict, workload.workload.measure)});
    }
  }
  if (lines.empty()) return {};
  return "\nratios of p50 to that of " + results.variants[0].variant.name +
         " [95 %]; more to the left is better\n" + ForestText(lines);
}

std::vector<std::string> Notes(const Results& results) {
  std::vector<std::string> notes;
  for (const VariantState& state : results.variants) {
    if (!state.problem.empty()) notes.push_back("left out: " + state.problem);
  }
  std::vector<std::pair<std::string, std::string>> left_out;  // why, names
  for (const LeftOut& out : results.left_out) {
    if (left_out.empty() || left_out.back().first != out.why) left_out.push_back({out.why, {}});
    std::string& names = left_out.back().second;
    names += (names.empty() ? "" : ", ") + out.workload;
  }
  for (const auto& [why, names] : left_out) notes.push_back("not measured: " + names + ": " + why);
  for (const WorkloadResult& workload : results.workloads) {
    if (workload.between == 0 && workload.unclear == 0) continue;
    std::string note = workload.workload.name +
                       ": the page also changed when no input had asked for it (" +
                       std::to_string(workload.between) + " patches)";
    std::string inputs;
    for (const std::string& input : workload.restless)
      inputs += (inputs.empty() ? ", above all after " : "; ") + input;
    note += inputs + "; inputs waited until it was quiet for 50 ms, and " +
            std::to_string(workload.unclear) + " whose answer cannot be told are not counted";
    notes.push_back(std::move(note));
  }
  notes.insert(notes.end(), results.warnings.begin(), results.warnings.end());
  return notes;
}

}  // namespace

std::string ClicksText(const std::vector<ClickChoice>& clicks) {
  std::string text;
  for (const ClickChoice& choice : clicks)
    text += choice.why.empty() ? "clicks:       " + choice.control + "\n"
                               : "never clicks: " + choice.control + ": " + choice.why + "\n";
  return text;
}

std::string TableText(const Results& results) {
  std::string text = results.app + AtDisplay(results) + "\n\n" + Partial(results, "") +
                     Lines(Summary(results), "") + AtAGlance(results);
  for (const WorkloadResult& workload : results.workloads) {
    text += "\n" + workload.workload.name + ": " + workload.workload.title + "\n" +
            Aligned(Rows(workload, results));
    if (!workload.parts.empty()) {
      text += PartsTitle(workload, results) + "\n" +
              Aligned(Parts(workload, results.seed), Columns::kCells);
    }
  }
  if (WantsOverview(results))
    text += "\n" + OverviewTitle(results) + "\n" + Aligned(Overview(results), Columns::kCells);
  if (!results.clicks.empty()) text += "\n" + ClicksText(results.clicks);
  text += "\n" + Environment(results) + "\n";
  if (!results.command.empty()) text += "made by: " + results.command + "\n";
  text += Lines(Notes(results), "note: ") + Lines(Advice(results), "better with ");
  return text;
}

std::string MarkdownText(const Results& results) {
  std::string text = "**" + results.app + "**" + AtDisplay(results) + ", compared by fletbridge " +
                     results.version + "\n\n" + Partial(results, "> ");
  for (const std::string& sentence : Summary(results)) text += "- " + sentence + "\n";
  if (const std::string glance = AtAGlance(results); !glance.empty())
    text += "\n```" + glance + "```\n";
  if (WantsOverview(results))
    text += "\n" + OverviewTitle(results) + "\n\n" + Piped(Overview(results));
  for (const WorkloadResult& workload : results.workloads) {
    text += "\n**" + workload.workload.name + "**: " + workload.workload.title + "\n\n" +
            Piped(Rows(workload, results));
    if (!workload.parts.empty())
      text += "\n" + PartsTitle(workload, results) + "\n\n" + Piped(Parts(workload, results.seed));
  }
  if (!results.clicks.empty()) text += "\n```\n" + ClicksText(results.clicks) + "```\n";
  text += "\n" + Environment(results) + "\n";
  if (!results.command.empty()) text += "\n```\n" + results.command + "\n```\n";
  for (const std::string& note : Notes(results)) text += "\n> " + note + "\n";
  for (const std::string& advice : Advice(results)) text += "\n> better with " + advice + "\n";
  return text;
}

}  // namespace fletbridge::compare
