#include "common/measure/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

namespace fletbridge {
namespace {

// As HdrHistogram for three digits: the first 2048 values have a bucket each, and each further
// power of two is divided into 1024.
constexpr int kHalfBits = 10;
constexpr std::uint64_t kHalf = std::uint64_t{1} << kHalfBits;

int ShiftOf(std::uint64_t value) {
  return std::max(0, static_cast<int>(std::bit_width(value)) - kHalfBits - 1);
}

std::size_t IndexOf(std::uint64_t value) {
  const int shift = ShiftOf(value);
  return (static_cast<std::size_t>(shift) << kHalfBits) + static_cast<std::size_t>(value >> shift);
}

int ShiftAt(std::size_t index) {
  return index < 2 * kHalf ? 0 : static_cast<int>(index >> kHalfBits) - 1;
}

std::uint64_t LowestAt(std::size_t index) {
  const int shift = ShiftAt(index);
  return (index - (static_cast<std::size_t>(shift) << kHalfBits)) << shift;
}

std::uint64_t HighestAt(std::size_t index) {
  return LowestAt(index) + ((std::uint64_t{1} << ShiftAt(index)) - 1);
}

}  // namespace

void Histogram::Record(std::uint64_t value, std::uint64_t count) {
  if (count == 0) return;
  const auto index = static_cast<std::uint32_t>(IndexOf(value));
  const auto at = std::lower_bound(
      counts_.begin(), counts_.end(), index,
      [](const auto& bucket, std::uint32_t wanted) { return bucket.first < wanted; });
  if (at != counts_.end() && at->first == index) {
    at->second += count;
  } else {
    counts_.insert(at, {index, count});
  }
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  count_ += count;
}

void Histogram::Add(const Histogram& other) {
  if (other.count_ == 0) return;
  decltype(counts_) both;
  both.reserve(counts_.size() + other.counts_.size());
  std::merge(counts_.begin(), counts_.end(), other.counts_.begin(), other.counts_.end(),
             std::back_inserter(both),
             [](const auto& a, const auto& b) { return a.first < b.first; });
  counts_.clear();
  for (const auto& [index, count] : both) {
    if (!counts_.empty() && counts_.back().first == index) {
      counts_.back().second += count;
    } else {
      counts_.emplace_back(index, count);
    }
  }
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
}

std::uint64_t Histogram::ValueAt(double percent) const {
  if (count_ == 0) return 0;
  // Less a little, so that 99.9 % of 1,000 is rank 999 and not 1,000.
  const double wanted = std::ceil(percent / 100 * static_cast<double>(count_) - 1e-6);
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (const auto& [index, count] : counts_) {
    seen += count;
    if (seen >= rank) return std::clamp(HighestAt(index), min_, max_);
  }
  return max_;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Histogram::Buckets() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets;
  for (const auto& [index, count] : counts_) buckets.emplace_back(LowestAt(index), count);
  return buckets;
}

}  // namespace fletbridge
