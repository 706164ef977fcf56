#include "common/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace fletbridge::statistics {
namespace {

constexpr int kDraws = 2000;
constexpr double kTail = 0.025;

double MedianOfSorted(const std::vector<double>& sorted) {
  const std::size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double DrawMedian(const std::vector<double>& values, std::vector<double>& drawn,
                  std::mt19937_64& random) {
  std::uniform_int_distribution<std::size_t> any(0, values.size() - 1);
  drawn.resize(values.size());
  for (double& value : drawn) value = values[any(random)];
  std::sort(drawn.begin(), drawn.end());
  return MedianOfSorted(drawn);
}

// How many values from each end the exact interval leaves out.
std::size_t LeftOut(std::size_t n, double tail) {
  double term = std::pow(0.5, static_cast<double>(n));  // P(exactly k of n below the median)
  double sum = 0;
  std::size_t k = 0;
  while (k < n / 2) {
    sum += term;
    if (sum > tail) break;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
    ++k;
  }
  return k == 0 ? 0 : k - 1;
}

// How likely Student's t is more than `value`: with t = sqrt(degrees) * tan(angle) the density is a
// power of the cosine.
double StudentTail(double value, double degrees) {
  constexpr int kParts = 200;  // Simpson's
  const double from = std::atan(value / std::sqrt(degrees));
  const double part = (std::acos(0.0) - from) / kParts;
  double sum = 0;
  for (int i = 0; i <= kParts; ++i) {
    const double weight = i == 0 || i == kParts ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * std::pow(std::max(0.0, std::cos(from + part * i)), degrees - 1);
  }
  const double scale =
      std::exp(std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2)) / std::sqrt(M_PI);
  return scale * sum * part / 3;
}

std::pair<double, double> StudentEnds(const std::vector<double>& values, double tail) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0, low = 0, high = 1000;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  while (high - low > 1e-3) {
    const double middle = (low + high) / 2;
    (StudentTail(middle, n - 1) > tail ? low : high) = middle;
  }
  const double reach = high * std::sqrt(squares / (n - 1) / n);
  return {mean - reach, mean + reach};
}

std::pair<double, double> Ends(std::vector<double>& drawn, double tail) {
  std::sort(drawn.begin(), drawn.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(drawn.size() - 1);
    return drawn[static_cast<std::size_t>(std::lround(place))];
  };
  return {at(tail), at(1 - tail)};
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return MedianOfSorted(values);
}

std::optional<Interval> MedianInterval(const std::vector<double>& values, std::uint64_t seed,
                                       std::size_t of) {
  if (values.size() < kMinRounds) return std::nullopt;
  const double tail = kTail / static_cast<double>(std::max<std::size_t>(1, of));
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::mt19937_64 random(seed);
  std::vector<double> medians(kDraws);
  std::vector<double> scratch;
  for (double& median : medians) median = DrawMedian(sorted, scratch, random);
  const auto [low, high] = Ends(medians, tail);
  const std::size_t out = LeftOut(sorted.size(), tail);
  Interval interval{MedianOfSorted(sorted), std::min(low, sorted[out]),
                    std::max(high, sorted[sorted.size() - 1 - out])};
  if (of > 1) {
    const auto [student_low, student_high] = StudentEnds(sorted, tail);
    interval.low = std::min(interval.low, student_low);
    interval.high = std::max(interval.high, student_high);
  }
  return interval;
}

std::optional<Interval> RatioOfGroups(const std::vector<double>& above,
                                      const std::vector<double>& below, std::uint64_t seed) {
  if (std::min(above.size(), below.size()) < kMinRounds || Median(below) <= 0 ||
      Median(above) <= 0) {
    return std::nullopt;
  }
  const double estimate = Median(above) / Median(below);
  std::mt19937_64 random(seed);
  std::vector<double> ratios(kDraws);
  std::vector<double> scratch;
  for (double& ratio : ratios) {
    const double a = DrawMedian(above, scratch, random);
    const double b = DrawMedian(below, scratch, random);
    ratio = std::log(b > 0 && a > 0 ? a / b : estimate);
  }
  const auto [low, high] = Ends(ratios, kTail);
  // A bootstrap takes the spread of n values for that of their source: too small by the square root
  // of n / (n - 1), and its normal tails are Student's in truth (2.57 for 6 values in place
  // of 1.96).
  const double n = static_cast<double>(std::min(above.size(), below.size()));
  const double wider = std::sqrt(n / (n - 1)) * (1 + 1.35 / (n - 1));
  const double middle = std::log(estimate);
  return Interval{estimate, std::exp(middle - std::max(0.0, middle - low) * wider),
                  std::exp(middle + std::max(0.0, high - middle) * wider)};
}

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
    case Verdict::kSame:
      return "same";
    case Verdict::kTooFewRounds:
      return "too few rounds";
    case Verdict::kNoDifferenceShown:
      break;
  }
  return "no difference shown";
}

Verdict Judge(const std::optional<Interval>& ratio, double margin) {
  if (!ratio) return Verdict::kTooFewRounds;
  // Margins of ratios: 1.02 one way is 1 / 1.02 the other.
  const double over = 1 + margin;
  if (ratio->low > 1 && ratio->estimate > over) return Verdict::kSlower;
  if (ratio->high < 1 && ratio->estimate < 1 / over) return Verdict::kFaster;
  if (ratio->low > 1 / over && ratio->high < over) return Verdict::kSame;
  return Verdict::kNoDifferenceShown;
}

Verdict JudgeDifference(const std::optional<Interval>& difference, double margin) {
  if (!difference) return Verdict::kTooFewRounds;
  if (difference->low > 0 && difference->estimate > margin) return Verdict::kSlower;
  if (difference->high < 0 && difference->estimate < -margin) return Verdict::kFaster;
  if (difference->low > -margin && difference->high < margin) return Verdict::kSame;
  return Verdict::kNoDifferenceShown;
}

}  // namespace fletbridge::statistics
