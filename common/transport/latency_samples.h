// Room: common/transport. The latencies of a run's inputs in nanoseconds, with bounded memory: all
// of the first million; of more, every second, fourth, ... one, evenly over the whole run, and the
// longest of all. So percentiles are those of the whole run. Header only.
//
// Threads: a value; one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fletbridge {

class LatencySamples {
 public:
  static constexpr std::size_t kMost = std::size_t{1} << 20;

  void push_back(std::uint64_t nanoseconds) {
    if (seen_++ % step_ != 0) {
      longest_left_out_ = std::max(longest_left_out_, nanoseconds);
      return;
    }
    kept_.push_back(nanoseconds);
    if (kept_.size() == kMost) Thin();
  }
  // Counts inputs without a latency, since their answer is unclear.
  void Unclear(std::size_t inputs) { unclear_ += inputs; }
  [[nodiscard]] std::uint64_t unclear() const noexcept { return unclear_; }
  // Those of another session as well, its longest one included.
  void Add(const LatencySamples& other) {
    if (seen_ == 0 && unclear_ == 0) {
      *this = other;
      return;
    }
    for (const std::uint64_t sample : other.kept_) push_back(sample);
    longest_left_out_ = std::max(longest_left_out_, other.longest_left_out_);
    Unclear(other.unclear_);
  }
  void clear() { *this = LatencySamples(); }

  // The kept samples, in the order of the inputs.
  [[nodiscard]] bool empty() const noexcept { return kept_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }
  [[nodiscard]] auto begin() const noexcept { return kept_.begin(); }
  [[nodiscard]] auto end() const noexcept { return kept_.end(); }

  // The kept samples, followed by the longest one if it is not among them.
  operator std::vector<std::uint64_t>() const {
    std::vector<std::uint64_t> samples = kept_;
    if (!kept_.empty() && longest_left_out_ > *std::max_element(kept_.begin(), kept_.end()))
      samples.push_back(longest_left_out_);
    return samples;
  }

 private:
  void Thin() {
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (i % 2 == 0) {
        kept_[i / 2] = kept_[i];
      } else {
        longest_left_out_ = std::max(longest_left_out_, kept_[i]);
      }
    }
    kept_.resize(kept_.size() / 2);
    step_ *= 2;
  }

  std::vector<std::uint64_t> kept_;
  std::uint64_t seen_ = 0;
  std::uint64_t step_ = 1;
  std::uint64_t longest_left_out_ = 0;
  std::uint64_t unclear_ = 0;
};

}  // namespace fletbridge
