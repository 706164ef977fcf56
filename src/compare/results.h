// Room: src/compare. The measurements of a run, block by block, with the verdicts derived from
// them, and their JSON form (docs/compare.md has the layout). Filled by the runner; read by the
// table, the page and --against.
//
// Values; not for concurrent use.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/measure/histogram.h"
#include "common/measure/statistics.h"
#include "src/compare/plan.h"

namespace fletbridge::compare {

using statistics::Interval;
using statistics::Judge;
using statistics::JudgeDifference;
using statistics::kMargin;
using statistics::kMinRounds;
using statistics::Median;
using statistics::MedianInterval;
using statistics::RatioOfGroups;
using statistics::Verdict;
using statistics::VerdictName;

struct Block {
  int round = 0;
  int turn = 0;
  double at_seconds = 0;  // since the run began
  Histogram values;
};

struct Comparison {
  std::optional<Interval> ratio;  // of the medians, to the baseline's
  std::optional<Interval>
      ratio_p99;  // of the rounds' 99th percentiles, where a round has 100 values
  std::optional<Interval> difference;  // of the medians, in the unit
  Verdict verdict = Verdict::kTooFewRounds;
  Verdict verdict_p99 = Verdict::kTooFewRounds;
};

struct Series {
  std::string variant;
  std::vector<Block> blocks;
  [[nodiscard]] Histogram All() const;
};

// One of the inputs of a workload, or a phase of a start.
struct Part {
  std::string name;              // for people: `Button "Add" (type=Button index=0)`
  std::string written;           // the step; empty: a phase
  bool restless = false;         // the page changes more than once after it
  std::vector<Series> series{};  // in the order of the variants
};

struct WorkloadResult {
  Workload workload;
  // In the measured blocks of all variants: patches that answer no input, inputs without a figure
  // since nobody can tell their answer, inputs after which the page changes more than once.
  std::size_t between = 0, unclear = 0;
  std::set<std::string> restless{};
  std::vector<Series> series;  // in the order of the variants
  // How many verdicts the run gives: each interval holds together with all the others.
  std::size_t verdicts = 1;
  std::vector<Part> parts{};  // whose values together are those of `series`
  [[nodiscard]] bool HasBlocks() const;
  // Whether one distribution describes its values: its inputs take about as long as one another.
  [[nodiscard]] bool pooled() const;
  // Of series[i] to series[0]; compare it with itself and nothing is known. Of several inputs the
  // ratio is the geometric mean of theirs, and the difference the mean, round by round.
  [[nodiscard]] Comparison Compare(std::size_t i, std::uint64_t seed) const;
  // The same of one of `parts`. Its interval holds for all of them at once.
  [[nodiscard]] Comparison ComparePart(const Part& part, std::size_t i, std::uint64_t seed) const;
};

struct VariantState {
  Variant variant;
  std::string
      problem;  // why it is missing, or has no results after some round; empty: nothing is wrong
  std::string flet, python, hosting;  // what ran, where it is known
  bool started = false;               // at least once
  bool raised = false;                // the problem is an exception of the app
};

// A workload that the run's time has no room for.
struct LeftOut {
  std::string workload, why;
};

// A control that can be clicked, and why it was not; empty: it was.
struct ClickChoice {
  std::string control, why;
};

struct Results {
  std::string version, app, started;
  std::string command{};        // that measured them, for a shell
  std::string ui = "headless";  // or "desktop": at the display
  double seconds = 0;
  int rounds = 0;
  std::uint64_t seed = 0;
  std::string stopped_by;  // "precision", "time", "rounds", "interrupt" or "failure"
  std::vector<VariantState> variants;
  std::vector<WorkloadResult> workloads;
  std::vector<LeftOut> left_out;
  std::vector<ClickChoice> clicks;
  std::vector<std::string> warnings;  // a noisy machine, what was left out
  std::string machine_json = "{}";    // machine.h

  [[nodiscard]] bool complete() const;  // each variant has been there to the end
  // Of the workloads of a group, as one: the geometric mean of their ratios, round by round.
  [[nodiscard]] std::optional<Interval> GroupRatio(const std::string& group, std::size_t i) const;
};

inline constexpr int kSchemaVersion = 1;
[[nodiscard]] nlohmann::json ToJson(const Results& results);

// As VerdictName(), for units other than time: "less" and "more".
[[nodiscard]] const char* VerdictWord(Verdict verdict, Measure measure);
// "612 µs", "1.24 s", "53.1 MiB", "0.0 /s"; `unit` as UnitOf() has it.
[[nodiscard]] std::string Shown(double value, std::string_view unit);
// "faster by 5.1 % (31 µs)", "no difference shown: −1.2 % to +3.4 %", …
[[nodiscard]] std::string Said(const Comparison& comparison, Measure measure);

}  // namespace fletbridge::compare
