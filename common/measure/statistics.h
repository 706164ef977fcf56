// Room: common/measure. Statistics for a small number of rounds or installations: intervals, and
// verdicts derived from them. Works on numbers alone. Pure functions; the same seed gives the same
// interval.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fletbridge::statistics {

// Less than this is no difference that anybody should act on, and more than instances of the very
// same thing differ by on a quiet machine.
inline constexpr double kMargin = 0.02;
// No interval of 95 % can be had from fewer rounds.
inline constexpr std::size_t kMinRounds = 6;

struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;
};

[[nodiscard]] double Median(std::vector<double> values);  // 0 if there are none

// The median of values that were drawn independently, with its 95 % interval: bootstrapped, and
// never narrower than the exact one between two of the values (by the binomial distribution), since
// a bootstrap of a handful of values is too narrow. Nothing if there are fewer than kMinRounds.
// `of`: so many intervals are to hold all at once with 95 % (Bonferroni). For that the exact one
// would want more values, up to a dozen; so it is never narrower than Student's, which has no such
// limit, either.
[[nodiscard]] std::optional<Interval> MedianInterval(const std::vector<double>& values,
                                                     std::uint64_t seed, std::size_t of = 1);

// The ratio of the medians of two independent groups, with a bootstrap 95 % interval, widened for
// their size. Nothing if one has fewer than kMinRounds, or the second's median is 0.
[[nodiscard]] std::optional<Interval> RatioOfGroups(const std::vector<double>& above,
                                                    const std::vector<double>& below,
                                                    std::uint64_t seed);

enum class Verdict {
  kFaster,             // or less, where less is better
  kSlower,             // or more
  kSame,               // the whole interval lies within the margin
  kNoDifferenceShown,  // anything else
  kTooFewRounds,
};
[[nodiscard]] const char* VerdictName(Verdict verdict);

// For a ratio of which less is better. kFaster and kSlower want an interval on one side of 1 and an
// estimate beyond the margin.
[[nodiscard]] Verdict Judge(const std::optional<Interval>& ratio, double margin = kMargin);
// The same for a difference: on one side of 0, and beyond `margin`.
[[nodiscard]] Verdict JudgeDifference(const std::optional<Interval>& difference, double margin);

}  // namespace fletbridge::statistics
