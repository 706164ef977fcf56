// Room: tests. How work grows with its size, in one run and by this thread's own processor time, so
// that it does not depend on the machine or on what else runs there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace fletbridge {

inline constexpr double kLinearGrowth = 8;
// Eight times the work for eight times the size, and some; a quadratic one would take 64 times.
inline constexpr double kMostGrowth = 3 * kLinearGrowth;

// How many times as long `work(8 * size)` takes as `work(size)`.
template <class Work>
[[nodiscard]] double GrowthOf(std::size_t size, Work&& work) {
  const auto seconds = [&](std::size_t n) {
    const auto now = [] {
      std::timespec time{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    };
    double least = 1e9;
    for (int i = 0; i < 3; ++i) {
      const double before = now();
      work(n);
      least = std::min(least, now() - before);
    }
    return least;
  };
  const double small = seconds(size);
  return seconds(size * static_cast<std::size_t>(kLinearGrowth)) / small;
}

}  // namespace fletbridge
