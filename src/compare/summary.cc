#include "src/compare/summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "src/compare/budget.h"

namespace fletbridge::compare {
namespace {

// A person does not notice that the answer to a click comes so much sooner.
constexpr double kFelt_ns = 10e6;
// Of so many workloads with inputs each has a word of its own; of more, their groups.
constexpr std::size_t kFewWorkloads = 3;
// Who would wait longer needs another machine.
constexpr double kLongestTime = 7200;

std::string Percent(double ratio) {
  char text[32];
  const double percent = std::abs(ratio - 1) * 100;
  std::snprintf(text, sizeof text, percent < 10 ? "%.1f %%" : "%.0f %%", percent);
  return text;
}

std::string Capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

bool Decided(Verdict verdict) { return verdict == Verdict::kFaster || verdict == Verdict::kSlower; }

std::string Size(const Comparison& comparison, Measure measure) {
  return comparison.difference ? Shown(std::abs(comparison.difference->estimate), UnitOf(measure))
                               : "";
}

bool CanBeFelt(const Comparison& comparison) {
  return !comparison.difference || comparison.difference->low <= -kFelt_ns ||
         comparison.difference->high >= kFelt_ns;
}

std::string OfInputs(const std::string& name, const Comparison& comparison) {
  const bool felt = CanBeFelt(comparison);
  if (Decided(comparison.verdict)) {
    return name + ": " + Percent(comparison.ratio->estimate) + " " +
           VerdictName(comparison.verdict) + " (" + Size(comparison, Measure::kLatency) +
           (felt ? ")" : ", too little to be felt)");
  }
  return name + (felt ? ": no difference shown" : ": no difference you could feel");
}

// Nothing, where there is nothing to be said of it.
std::string Clause(const WorkloadResult& result, const Comparison& comparison, bool after) {
  if (comparison.verdict == Verdict::kTooFewRounds) return {};
  const Measure measure = result.workload.measure;
  const bool less = comparison.verdict == Verdict::kFaster;
  const std::string size = Size(comparison, measure);
  const bool decided = Decided(comparison.verdict);
  switch (measure) {
    case Measure::kStartUp:
      if (!decided)
        return comparison.verdict == Verdict::kSame ? "starts as fast"
                                                    : "start-up: no difference shown";
      return "starts " + Percent(comparison.ratio->estimate) + (less ? " sooner (" : " later (") +
             size + ")";
    case Measure::kMemoryStart:
    case Measure::kMemoryEnd:
      if ((measure == Measure::kMemoryEnd) != after) return {};
      if (!decided)
        return comparison.verdict == Verdict::kSame ? "memory the same"
                                                    : "memory: no difference shown";
      return size + (less ? " less memory" : " more memory");
    case Measure::kIdleCpu:
      return decided ? size + (less ? " less" : " more") + " processor time a second when idle"
                     : "";
    case Measure::kWakeUps:
      return decided ? size.substr(0, size.find(' ')) + (less ? " fewer" : " more") +
                           " wake-ups a second when idle"
                     : "";
    case Measure::kInputCpu:
      return decided ? Percent(comparison.ratio->estimate) + (less ? " less" : " more") +
                           " processor time for each input"
                     : "";
    case Measure::kLateFrames:
      return decided ? size.substr(0, size.find(' ')) + (less ? " fewer" : " more") +
                           " late frames a second"
                     : "";
    case Measure::kFrameTime:
    case Measure::kMemoryPeak:
      return {};
    default:
      return OfInputs(result.workload.name, comparison);
  }
}

std::string SentenceOf(const Results& results, std::size_t i) {
  std::size_t inputs = 0;
  bool after = false;
  for (const WorkloadResult& result : results.workloads) {
    inputs += InTurns(result.workload) || result.workload.once;
    after = after || result.workload.measure == Measure::kMemoryEnd;
  }
  std::string said;
  const auto add = [&](const std::string& clause) {
    if (!clause.empty()) said += (said.empty() ? "" : "; ") + clause;
  };
  std::string group;
  for (const WorkloadResult& result : results.workloads) {
    const std::string& its = result.workload.group;
    if (inputs > kFewWorkloads && !its.empty()) {
      if (its != group) {
        if (const auto ratio = results.GroupRatio(its, i)) {
          const Verdict verdict = Judge(ratio);
          add(its + (Decided(verdict) ? ": " + Percent(ratio->estimate) + " " +
                                            VerdictName(verdict) + " on the whole"
                                      : ": no difference shown on the whole"));
        }
      }
      group = its;
      continue;
    }
    add(Clause(result, result.Compare(i, results.seed), after));
  }
  return said;
}

std::string AloneSentence(const Results& results) {
  std::string said;
  for (const WorkloadResult& result : results.workloads) {
    const Histogram all = result.series[0].All();
    if (all.count() == 0 || !result.pooled()) continue;
    said += (said.empty() ? "" : "; ") + result.workload.name + " " +
            Shown(static_cast<double>(all.ValueAt(50)), UnitOf(result.workload.measure));
  }
  if (said.empty()) return {};
  return Capital(Spoken(results.variants[0].variant)) + " (medians): " + said + ".";
}

// The interval that is widest for its workload, as the factor by which it misses its estimate.
struct Widest {
  double reach = 1;
  std::string what;
};

Widest WidestOf(const Results& results) {
  Widest widest;
  for (const WorkloadResult& result : results.workloads) {
    if (ByDifference(result.workload.measure)) continue;
    for (std::size_t i = 1; i < result.series.size(); ++i) {
      if (!results.variants[i].problem.empty()) continue;
      const Comparison comparison = result.Compare(i, results.seed);
      if (comparison.verdict != Verdict::kNoDifferenceShown) continue;
      const Interval& ratio = *comparison.ratio;
      const double reach = std::max(ratio.high / ratio.estimate, ratio.estimate / ratio.low);
      if (reach > widest.reach)
        widest = {reach, result.workload.name + " on " + result.series[i].variant};
    }
  }
  return widest;
}

}  // namespace

std::string Spoken(const Variant& variant) {
  std::string said;
  switch (variant.kind) {
    case Variant::Kind::kFlet:
      said = "Flet alone over " + variant.transport;
      break;
    case Variant::Kind::kPackaged:
      said = std::string("packaged on ") +
             (variant.stage == "bridge" ? "our library" : "flet-dev's library");
      break;
    case Variant::Kind::kStage:
      said = "stage " + variant.stage + (variant.stage == "3" ? "" : " over " + variant.transport) +
             (variant.hosting.empty() ? "" : " (" + variant.hosting + ")");
      break;
  }
  if (!variant.other.empty()) said = "Flet " + variant.other + " as it is";
  if (variant.accelerated) said += " with accelerators";
  if (variant.delay.count() > 0)
    said += " and " + Shown(static_cast<double>(variant.delay.count()), "ns") + " more an input";
  if (variant.name.ends_with(" again")) said += ", again";
  return said;
}

std::vector<std::string> Summary(const Results& results) {
  std::vector<std::string> sentences;
  if (results.variants.size() == 1) {
    if (std::string alone = AloneSentence(results); !alone.empty())
      sentences.push_back(std::move(alone));
    return sentences;
  }
  for (std::size_t i = 1; i < results.variants.size(); ++i) {
    const std::string said = SentenceOf(results, i);
    if (said.empty()) continue;
    sentences.push_back(Capital(Spoken(results.variants[i].variant)) + ", against " +
                        Spoken(results.variants[0].variant) + ": " + said + ".");
  }
  if (sentences.empty()) {
    sentences.push_back(
        "Too few rounds for a verdict: there must be " + std::to_string(kMinRounds) +
        ", and there " +
        (results.rounds == 1 ? "was 1." : "were " + std::to_string(results.rounds) + "."));
  }
  return sentences;
}

std::vector<std::string> Advice(const Results& results) {
  std::vector<std::string> advice;
  const std::size_t variants = results.variants.size();
  if (variants < 2 || results.workloads.empty()) return advice;
  const auto rounds = static_cast<std::size_t>(results.rounds);
  bool more = false;
  if (rounds < kMinRounds) {
    more = true;
    const double a_round = rounds == 0 ? 0 : results.seconds / static_cast<double>(rounds);
    advice.push_back(
        "more time: a verdict wants " + std::to_string(kMinRounds) + " rounds" +
        (rounds == 0 ? "" : ", some " + ShownTime(a_round * static_cast<double>(kMinRounds + 1))));
  } else if (const Widest widest = WidestOf(results); !widest.what.empty()) {
    more = true;
    char within[32];
    std::snprintf(within, sizeof within, "%.0f %%", std::max(1.0, (widest.reach - 1) * 100));
    const double factor = std::pow(std::log(widest.reach) / std::log(1 + kMargin), 2);
    std::string text = "more time: " + widest.what + " is known within " + within + " only";
    if (factor > 1 && factor * results.seconds < kLongestTime) {
      char seconds[32];
      std::snprintf(seconds, sizeof seconds, "%.0f", std::ceil(factor * results.seconds / 10) * 10);
      text += "; within 2 % would take some --time " + std::string(seconds);
    }
    advice.push_back(std::move(text));
  }
  for (const WorkloadResult& result : results.workloads) {
    if (!result.restless.empty()) {
      advice.push_back("inputs after which the page comes to rest: --not " +
                       result.restless.begin()->substr(result.restless.begin()->find(' ') + 1) +
                       " leaves one out that goes on changing it");
    }
  }
  if (more && variants > 2) {
    char times[32];
    std::snprintf(times, sizeof times, "%.2g", static_cast<double>(variants) / 2);
    advice.push_back("fewer variants: --stages " + results.variants[0].variant.name + "," +
                     results.variants.back().variant.name + " has some " + times +
                     " times as many rounds in the same time");
  }
  if (more && results.workloads.size() > 1) {
    advice.push_back("fewer workloads: --workload " + results.workloads[0].workload.name +
                     " alone has many more rounds in the same time");
  }
  const nlohmann::json machine = nlohmann::json::parse(results.machine_json, nullptr, false);
  if (machine.is_object() && machine.value("noisy", false))
    advice.push_back(
        "a quieter machine: other programs, or the host of this one, took part of the processors");
  return advice;
}

}  // namespace fletbridge::compare
