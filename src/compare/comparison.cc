#include <algorithm>
#include <cmath>
#include <map>

#include "src/compare/results.h"

namespace fletbridge::compare {
namespace {

// Inputs of which the slowest takes no longer than so many times what the quickest takes, in the
// baseline, are one distribution; of others a percentile is that of the mixture.
constexpr double kAlike = 3;
// Fewer blocks of an input say nothing of that.
constexpr std::size_t kForAlike = 3;

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

// Round -> the mean over the parts of f's figure of a part. Rounds that lack one of the parts say
// nothing of all; a part that most rounds lack is left out, so that others are not lost with it.
template <class F>
std::vector<double> MeansOfParts(const std::vector<Part>& parts, std::size_t i, F&& f) {
  std::vector<std::map<int, double>> all;
  std::size_t most = 0;
  for (const Part& part : parts) {
    all.push_back(f(part.series[i], part.series[0]));
    most = std::max(most, all.back().size());
  }
  std::erase_if(all, [&](const auto& rounds) { return rounds.size() * 5 < most * 4; });
  std::map<int, std::pair<double, std::size_t>> sums;
  for (const std::map<int, double>& rounds : all) {
    for (const auto& [round, value] : rounds) {
      sums[round].first += value;
      ++sums[round].second;
    }
  }
  std::vector<double> means;
  for (const auto& [round, sum] : sums) {
    if (sum.second == all.size()) means.push_back(sum.first / static_cast<double>(sum.second));
  }
  return means;
}

std::map<int, double> Differences(const Series& series, const Series& baseline) {
  return ByRound(series, baseline,
                 [](const Histogram& a, const Histogram& b) -> std::optional<double> {
                   if (a.count() == 0 || b.count() == 0) return std::nullopt;
                   return static_cast<double>(a.ValueAt(50)) - static_cast<double>(b.ValueAt(50));
                 });
}

}  // namespace

bool WorkloadResult::pooled() const {
  if (workload.measure != Measure::kLatency) return true;
  double least = 0, most = 0;
  for (const Part& part : parts) {
    std::vector<double> medians;
    for (const Block& block : part.series[0].blocks)
      medians.push_back(static_cast<double>(block.values.ValueAt(50)));
    if (medians.size() < kForAlike) continue;
    const double median = Median(std::move(medians));
    least = least == 0 ? median : std::min(least, median);
    most = std::max(most, median);
  }
  return most <= kAlike * least;
}

Comparison WorkloadResult::Compare(std::size_t i, std::uint64_t seed) const {
  Comparison comparison;
  const Series& baseline = series[0];
  if (ByDifference(workload.measure)) {
    comparison.difference =
        MedianInterval(Values(Differences(series[i], baseline)), seed, verdicts);
    comparison.verdict = JudgeDifference(comparison.difference, DifferenceMargin(workload.measure));
    return comparison;
  }
  if (workload.measure == Measure::kLatency && parts.size() > 1) {
    comparison.difference = MedianInterval(MeansOfParts(parts, i, Differences), seed, verdicts);
    comparison.ratio = Exp(MedianInterval(
        MeansOfParts(parts, i,
                     [](const Series& a, const Series& b) { return LogRatios(a, b, 50, 1); }),
        seed, verdicts));
  } else {
    comparison.difference =
        MedianInterval(Values(Differences(series[i], baseline)), seed, verdicts);
    comparison.ratio = RatioAt(series[i], baseline, 50, 1, seed, verdicts);
  }
  if (pooled()) {
    comparison.ratio_p99 =
        RatioAt(WholeRounds(series[i]), WholeRounds(baseline), 99, kForP99, seed, verdicts);
  }
  comparison.verdict = Judge(comparison.ratio);
  comparison.verdict_p99 = Judge(comparison.ratio_p99);
  return comparison;
}

Comparison WorkloadResult::ComparePart(const Part& part, std::size_t i, std::uint64_t seed) const {
  Comparison comparison;
  comparison.difference =
      MedianInterval(Values(Differences(part.series[i], part.series[0])), seed, verdicts);
  comparison.ratio =
      Exp(MedianInterval(Values(LogRatios(part.series[i], part.series[0], 50, 1)), seed, verdicts));
  comparison.verdict = Judge(comparison.ratio);
  return comparison;
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

}  // namespace fletbridge::compare
