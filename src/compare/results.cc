#include "src/compare/results.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "src/compare/summary.h"

namespace fletbridge::compare {
namespace {

using Json = nlohmann::json;

Json IntervalJson(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return {{"estimate", interval->estimate}, {"low", interval->low}, {"high", interval->high}};
}

Json HistogramJson(const Histogram& histogram) {
  Json buckets = Json::array();
  for (const auto& [value, count] : histogram.Buckets()) buckets.push_back({value, count});
  return buckets;
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

// `pooled`: whether one distribution describes the values.
Json SeriesJson(const Series& series, bool pooled) {
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
    json[name] = all.count() == 0 || !pooled ? Json() : Json(all.ValueAt(percent));
  }
  return json;
}

void AddComparison(const Comparison& comparison, Measure measure, Json& to) {
  to["ratio"] = IntervalJson(comparison.ratio);
  to["ratio_p99"] = IntervalJson(comparison.ratio_p99);
  to["difference"] = IntervalJson(comparison.difference);
  to["verdict"] = VerdictName(comparison.verdict);
  to["verdict_p99"] = VerdictName(comparison.verdict_p99);
  to["text"] = Said(comparison, measure);
}

Json PartsJson(const WorkloadResult& workload, std::uint64_t seed) {
  Json parts = Json::array();
  for (const Part& part : workload.parts) {
    Json series = Json::array();
    for (std::size_t i = 0; i < part.series.size(); ++i) {
      series.push_back(SeriesJson(part.series[i], true));
      if (i > 0)
        AddComparison(workload.ComparePart(part, i, seed), workload.workload.measure,
                      series.back());
    }
    parts.push_back({{"name", part.name},
                     {"written", TextOrNull(part.written)},
                     {"restless", part.restless},
                     {"results", std::move(series)}});
  }
  return parts;
}

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

bool WorkloadResult::HasBlocks() const {
  return std::any_of(series.begin(), series.end(),
                     [](const Series& one) { return !one.blocks.empty(); });
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
    for (std::size_t i = 0; i < workload.series.size(); ++i) {
      series.push_back(SeriesJson(workload.series[i], workload.pooled()));
      if (i > 0)
        AddComparison(workload.Compare(i, results.seed), workload.workload.measure, series.back());
    }
    workloads.push_back({{"name", workload.workload.name},
                         {"group", TextOrNull(workload.workload.group)},
                         {"patches_between", workload.between},
                         {"inputs_unclear", workload.unclear},
                         {"restless", workload.restless},
                         {"title", workload.workload.title},
                         {"unit", UnitOf(workload.workload.measure)},
                         {"pooled", workload.pooled()},
                         {"results", series},
                         {"parts", PartsJson(workload, results.seed)}});
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
          {"command", TextOrNull(results.command)},
          {"summary", Summary(results)},
          {"advice", Advice(results)},
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

const char* VerdictWord(Verdict verdict, Measure measure) {
  const bool time = measure == Measure::kLatency || measure == Measure::kStartUp ||
                    measure == Measure::kFirstFrame || measure == Measure::kPace ||
                    measure == Measure::kFrameTime;
  if (!time && verdict == Verdict::kFaster) return "less";
  if (!time && verdict == Verdict::kSlower) return "more";
  return VerdictName(verdict);
}

std::string Said(const Comparison& comparison, Measure measure) {
  const char* unit = UnitOf(measure);
  const std::string size =
      comparison.difference ? Shown(std::abs(comparison.difference->estimate), unit) : "";
  switch (comparison.verdict) {
    case Verdict::kFaster:
    case Verdict::kSlower: {
      const std::string word = std::string(VerdictWord(comparison.verdict, measure)) + " by ";
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
