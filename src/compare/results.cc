#include "src/compare/results.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include <nlohmann/json.hpp>

namespace fletbridge::compare {
namespace {

using Json = nlohmann::json;

// The 99th percentile of a round means something from so many values on.
constexpr std::uint64_t kForP99 = 100;

// How far apart idle apps are to be called different: a millisecond of processor time, or a
// wake-up, a second.
double DifferenceMargin(Measure measure) { return measure == Measure::kIdleCpu ? 1e6 : 1; }

// Round -> of its turns, the median of f(this block, the baseline's block of the same turn).
template <class F>
std::map<int, double> ByRound(const Series& series, const Series& baseline, F&& f) {
  std::map<std::pair<int, int>, const Block*> partners;
  for (const Block& block : baseline.blocks) partners[{block.round, block.turn}] = &block;
  std::map<int, std::vector<double>> rounds;
  for (const Block& block : series.blocks) {
    const auto partner = partners.find({block.round, block.turn});
    if (partner == partners.end()) continue;
    if (const std::optional<double> value = f(block.values, partner->second->values))
      rounds[block.round].push_back(*value);
  }
  std::map<int, double> medians;
  for (auto& [round, values] : rounds) medians[round] = Median(std::move(values));
  return medians;
}

std::vector<double> Values(const std::map<int, double>& rounds) {
  std::vector<double> values;
  for (const auto& [round, value] : rounds) values.push_back(value);
  return values;
}

std::map<int, double> LogRatios(const Series& series, const Series& baseline, double percent,
                                std::uint64_t enough) {
  return ByRound(series, baseline,
                 [&](const Histogram& a, const Histogram& b) -> std::optional<double> {
                   if (a.count() < enough || b.count() < enough) return std::nullopt;
                   const auto above = static_cast<double>(a.ValueAt(percent));
                   const auto below = static_cast<double>(b.ValueAt(percent));
                   if (above <= 0 || below <= 0) return std::nullopt;
                   return std::log(above / below);
                 });
}

std::optional<Interval> Exp(const std::optional<Interval>& of_logs) {
  if (!of_logs) return std::nullopt;
  return Interval{std::exp(of_logs->estimate), std::exp(of_logs->low), std::exp(of_logs->high)};
}

std::optional<Interval> RatioAt(const Series& series, const Series& baseline, double percent,
                                std::uint64_t enough, std::uint64_t seed, std::size_t of) {
  return Exp(MedianInterval(Values(LogRatios(series, baseline, percent, enough)), seed, of));
}

// One block for each round: a tail needs more values than a short block has.
Series WholeRounds(const Series& series) {
  std::map<int, Block> rounds;
  for (const Block& block : series.blocks) {
    Block& whole = rounds[block.round];
    whole.round = block.round;
    whole.values.Add(block.values);
  }
  Series merged{series.variant, {}};
  for (auto& [round, block] : rounds) merged.blocks.push_back(std::move(block));
  return merged;
}

Json IntervalJson(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return {{"estimate", interval->estimate}, {"low", interval->low}, {"high", interval->high}};
}

Json HistogramJson(const Histogram& histogram) {
  Json buckets = Json::array();
  for (const auto& [value, count] : histogram.Buckets()) buckets.push_back({value, count});
  return buckets;
}

Json SeriesJson(const WorkloadResult& workload, std::size_t i, std::uint64_t seed) {
  const Series& series = workload.series[i];
  const Histogram all = series.All();
  Json blocks = Json::array();
  for (const Block& block : series.blocks) {
    blocks.push_back({{"round", block.round},
                      {"turn", block.turn},
                      {"at_s", block.at_seconds},
                      {"p50", block.values.ValueAt(50)},
                      {"histogram", HistogramJson(block.values)}});
  }
  Json json = {{"variant", series.variant},
               {"count", all.count()},
               {"blocks", blocks},
               {"histogram", HistogramJson(all)}};
  for (const auto& [name, percent] : {std::pair<const char*, double>{"p50", 50},
                                      {"p90", 90},
                                      {"p99", 99},
                                      {"p99_9", 99.9},
                                      {"max", 100}}) {
    json[name] = all.count() == 0 ? Json() : Json(all.ValueAt(percent));
  }
  if (i == 0) return json;
  const Comparison comparison = workload.Compare(i, seed);
  json["ratio"] = IntervalJson(comparison.ratio);
  json["ratio_p99"] = IntervalJson(comparison.ratio_p99);
  json["difference"] = IntervalJson(comparison.difference);
  json["verdict"] = VerdictName(comparison.verdict);
  json["verdict_p99"] = VerdictName(comparison.verdict_p99);
  json["text"] = Said(comparison, workload.workload.measure);
  return json;
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string Format(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string Percent(double ratio) { return Format("%+.1f %%", (ratio - 1) * 100); }

}  // namespace

Histogram Series::All() const {
  Histogram all;
  for (const Block& block : blocks) all.Add(block.values);
  return all;
}

Comparison WorkloadResult::Compare(std::size_t i, std::uint64_t seed) const {
  Comparison comparison;
  const Series& baseline = series[0];
  comparison.difference = MedianInterval(
      Values(ByRound(series[i], baseline,
                     [](const Histogram& a, const Histogram& b) -> std::optional<double> {
                       if (a.count() == 0 || b.count() == 0) return std::nullopt;
                       return static_cast<double>(a.ValueAt(50)) -
                              static_cast<double>(b.ValueAt(50));
                     })),
      seed, verdicts);
  if (ByDifference(workload.measure)) {
    comparison.verdict = JudgeDifference(comparison.difference, DifferenceMargin(workload.measure));
    return comparison;
  }
  comparison.ratio = RatioAt(series[i], baseline, 50, 1, seed, verdicts);
  comparison.ratio_p99 =
      RatioAt(WholeRounds(series[i]), WholeRounds(baseline), 99, kForP99, seed, verdicts);
  comparison.verdict = Judge(comparison.ratio);
  comparison.verdict_p99 = Judge(comparison.ratio_p99);
  return comparison;
}

bool WorkloadResult::HasBlocks() const {
  return std::any_of(series.begin(), series.end(),
                     [](const Series& one) { return !one.blocks.empty(); });
}

std::optional<Interval> Results::GroupRatio(const std::string& group, std::size_t i) const {
  // Round -> the sum of its logarithms, and of how many workloads.
  std::map<int, std::pair<double, std::size_t>> sums;
  std::size_t members = 0;
  for (const WorkloadResult& workload : workloads) {
    if (workload.workload.group != group || ByDifference(workload.workload.measure)) continue;
    ++members;
    for (const auto& [round, log] : LogRatios(workload.series[i], workload.series[0], 50, 1)) {
      sums[round].first += log;
      ++sums[round].second;
    }
  }
  std::vector<double> means;
  for (const auto& [round, sum] : sums) {
    if (sum.second == members) means.push_back(sum.first / static_cast<double>(members));
  }
  return Exp(MedianInterval(means, seed));
}

bool Results::complete() const {
  return stopped_by != "interrupt" && stopped_by != "failure" &&
         std::all_of(variants.begin(), variants.end(),
                     [](const VariantState& state) { return state.problem.empty(); });
}

Json ToJson(const Results& results) {
  Json variants = Json::array();
  for (const VariantState& state : results.variants) {
    variants.push_back({{"name", state.variant.name},
                        {"problem", TextOrNull(state.problem)},
                        {"flet", TextOrNull(state.flet)},
                        {"python", TextOrNull(state.python)},
                        {"hosting", TextOrNull(state.hosting)}});
  }
  Json workloads = Json::array();
  for (const WorkloadResult& workload : results.workloads) {
    Json series = Json::array();
    for (std::size_t i = 0; i < workload.series.size(); ++i)
      series.push_back(SeriesJson(workload, i, results.seed));
    workloads.push_back({{"name", workload.workload.name},
                         {"group", TextOrNull(workload.workload.group)},
                         {"patches_between", workload.between},
                         {"inputs_unclear", workload.unclear},
                         {"restless", workload.restless},
                         {"title", workload.workload.title},
                         {"unit", UnitOf(workload.workload.measure)},
                         {"results", series}});
  }
  Json clicks = Json::array();
  for (const ClickChoice& choice : results.clicks)
    clicks.push_back({{"control", choice.control}, {"left_out", TextOrNull(choice.why)}});
  Json left_out = Json::array();
  for (const LeftOut& out : results.left_out)
    left_out.push_back({{"workload", out.workload}, {"why", out.why}});
  return {{"schema", "fletbridge-compare"},
          {"schema_version", kSchemaVersion},
          {"version", results.version},
          {"app", results.app},
          {"ui", results.ui},
          {"started", results.started},
          {"seconds", results.seconds},
          {"rounds", results.rounds},
          {"seed", results.seed},
          {"stopped_by", results.stopped_by},
          {"complete", results.complete()},
          {"baseline", results.variants.empty() ? Json() : Json(results.variants[0].variant.name)},
          {"margin", kMargin},
          {"histograms",
           {{"layout", "HdrHistogram"},
            {"significant_digits", Histogram::kSignificantDigits},
            {"bucket", "[smallest value, count]"}}},
          {"machine", Json::parse(results.machine_json)},
          {"warnings", results.warnings},
          {"variants", variants},
          {"workloads", workloads},
          {"left_out", left_out},
          {"clicks", clicks}};
}

std::string Shown(double value, std::string_view unit) {
  const double size = std::abs(value);
  if (unit == "bytes") return Format("%.1f MiB", value / (1 << 20));
  if (unit != "ns") return Format(size < 100 ? "%.1f /s" : "%.0f /s", value);
  if (size < 1e4) return Format("%.2f µs", value / 1e3);
  if (size < 1e5) return Format("%.1f µs", value / 1e3);
  if (size < 1e6) return Format("%.0f µs", value / 1e3);
  if (size < 1e7) return Format("%.2f ms", value / 1e6);
  if (size < 1e8) return Format("%.1f ms", value / 1e6);
  if (size < 1e9) return Format("%.0f ms", value / 1e6);
  return Format("%.2f s", value / 1e9);
}

std::string Said(const Comparison& comparison, Measure measure) {
  const char* unit = UnitOf(measure);
  const bool time = measure == Measure::kLatency || measure == Measure::kStartUp ||
                    measure == Measure::kFirstFrame || measure == Measure::kPace;
  const bool less = comparison.verdict == Verdict::kFaster;
  const std::string size =
      comparison.difference ? Shown(std::abs(comparison.difference->estimate), unit) : "";
  switch (comparison.verdict) {
    case Verdict::kFaster:
    case Verdict::kSlower: {
      const std::string word =
          time ? (less ? "faster by " : "slower by ") : (less ? "less by " : "more by ");
      if (!comparison.ratio) return word + size;
      return word + Format("%.1f %%", std::abs(comparison.ratio->estimate - 1) * 100) + " (" +
             size + ")";
    }
    case Verdict::kTooFewRounds:
      return "too few rounds to say";
    case Verdict::kSame:
      return comparison.ratio ? "the same, within 2 %" : "the same";
    case Verdict::kNoDifferenceShown:
      break;
  }
  if (!comparison.ratio) {
    return "no difference shown: " + Shown(comparison.difference->low, unit) + " to " +
           Shown(comparison.difference->high, unit);
  }
  return "no difference shown: " + Percent(comparison.ratio->low) + " to " +
         Percent(comparison.ratio->high);
}

}  // namespace fletbridge::compare
