// Room: common/measure. Exact percentiles of a set of samples: no buckets, no interpolation, since
// the tail of a few hundred clicks is what people look at.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace fletbridge {

// In the unit of the samples. All but the count are empty if there were none.
struct Percentiles {
  std::uint64_t count = 0;
  std::optional<std::uint64_t> p50, p90, p99, max;
};

// Nearest rank: the smallest sample that at least p per cent of all samples do not exceed.
[[nodiscard]] Percentiles PercentilesOf(std::vector<std::uint64_t> samples);

}  // namespace fletbridge
