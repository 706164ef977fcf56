// Room: common/measure. A histogram in the layout of HdrHistogram with three significant digits:
// the relative error is below 0.1 % for values of any size. Empty buckets use no memory:
// `fletbridge compare` keeps thousands of blocks with some values each, and merges them.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace fletbridge {

class Histogram {
 public:
  static constexpr int kSignificantDigits = 3;

  void Record(std::uint64_t value, std::uint64_t count = 1);
  void Add(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t min() const noexcept { return min_; }  // 0 if there is none
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  // The largest value, within the resolution, that `percent` of the values do not exceed; 0 if
  // there is none, never above max().
  [[nodiscard]] std::uint64_t ValueAt(double percent) const;
  // (smallest value of a bucket, values in it), those with values only, ascending.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> Buckets() const;

 private:
  std::vector<std::pair<std::uint32_t, std::uint64_t>> counts_;  // number of a bucket, ascending
  std::uint64_t count_ = 0;
  std::uint64_t min_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace fletbridge
