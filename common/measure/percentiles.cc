#include "common/measure/percentiles.h"

#include <algorithm>

namespace fletbridge {

Percentiles PercentilesOf(std::vector<std::uint64_t> samples) {
  Percentiles result;
  result.count = samples.size();
  if (samples.empty()) return result;
  std::sort(samples.begin(), samples.end());
  // In whole numbers: 0.99 * 100 in floating point may round to rank 100.
  const auto at = [&](std::size_t percent) {
    return samples[(percent * samples.size() + 99) / 100 - 1];
  };
  result.p50 = at(50);
  result.p90 = at(90);
  result.p99 = at(99);
  result.max = samples.back();
  return result;
}

}  // namespace fletbridge
