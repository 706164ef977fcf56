// Room: common/transport. Which patch answers which input, for everybody who measures that: the
// UIs, hence the report's latency_us, fletbridge_click_seconds and `fletbridge compare`. Nothing in
// Flet's protocol says so; a patch is taken for the answer only where it can hardly be anything
// else:
//
// - An input counts if it comes while the page is quiet: for kQuiet no patch has come that nobody
//   waited for. The first patch after it is its answer, but not sooner than Python can answer.
// - A second input before the answer makes both unclear, unless it belongs to the same action.
// - Where inputs follow faster than that and then a patch too many comes, the answers before it may
//   be one another's: of these inputs only the first counts.
//
// Inputs that do not count are numbered. Header only. A value; not for two threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/transport/latency_samples.h"

namespace fletbridge {

class Answers {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kQuiet{50};
  static constexpr std::chrono::microseconds kFastest{50};
  // What a hand does at once comes as several events.
  static constexpr std::chrono::milliseconds kOneAction{10};
  // An input that has no answer for so long changes nothing, most likely.
  static constexpr std::chrono::seconds kLongest{1};
  // Inputs in a row without a rest that are still believed one by one.
  static constexpr std::size_t kMostInARow = 256;

  // `of`: whose answer it is, for inputs(); 0 where nobody asks.
  void Input(Clock::time_point at, std::uint32_t of = 0) {
    if (waits_ && at - *waits_ <= kOneAction) return;
    if (waits_ && at - *waits_ < kLongest) {
      samples_.Unclear(2);
      waits_.reset();
      tangled_ = at;
      return;
    }
    waits_.reset();
    if (tangled_ && at - *tangled_ < kLongest) {
      samples_.Unclear(1);
      tangled_ = at;
      return;
    }
    tangled_.reset();
    if (at < quiet_from_) return samples_.Unclear(1);
    if (at - last_patch_ >= kQuiet || row_.size() >= kMostInARow) Believe();
    waits_ = at;
    waits_of_ = of;
  }

  enum class Taken {
    kAnswer,
    kTooSoon,       // there is an input, but nobody can answer so fast
    kNobodyWaited,  // for none that counts
  };
  Taken Patch(Clock::time_point at) {
    const bool rested = at - last_patch_ >= kQuiet;
    last_patch_ = at;
    if (waits_ && at - *waits_ >= kFastest) {
      row_.push_back(
          {static_cast<std::uint64_t>(std::chrono::nanoseconds(at - *waits_).count()), waits_of_});
      waits_.reset();
      return Taken::kAnswer;
    }
    const Taken taken = waits_ ? Taken::kTooSoon : Taken::kNobodyWaited;
    if (waits_) samples_.Unclear(1);
    waits_.reset();
    tangled_.reset();
    if (!std::exchange(first_seen_, true)) return taken;  // the first frame
    ++between_;
    if (!rested && row_.size() > 1) {
      samples_.Unclear(row_.size() - 1);
      row_.erase(row_.begin() + 1, row_.end());
    }
    Believe();
    quiet_from_ = at + kQuiet;
    return taken;
  }

  // Of what is measured in another way.
  void Add(std::uint64_t nanoseconds, std::uint32_t of = 0) { Keep({nanoseconds, of}); }
  // The last input has no answer.
  void GiveUp() { waits_.reset(); }
  // Whatever comes now has nothing to do with what came before: another session.
  void Renew() {
    Believe();
    waits_.reset();
    tangled_.reset();
    first_seen_ = false;
  }
  void Clear() {
    samples_.clear();
    inputs_.clear();
    row_.clear();
    between_ = 0;
  }

  // When an input will count, if no more patches come.
  [[nodiscard]] Clock::time_point quiet_from() const noexcept { return quiet_from_; }
  [[nodiscard]] Clock::time_point last_patch() const noexcept { return last_patch_; }
  // Patches that nobody waited for; inputs that do not count.
  [[nodiscard]] std::size_t between() const noexcept { return between_; }
  [[nodiscard]] std::uint64_t unclear() const noexcept { return samples_.unclear(); }
  [[nodiscard]] LatencySamples samples() const {
    LatencySamples all = samples_;
    for (const Sample& sample : row_) all.push_back(sample.nanoseconds);
    return all;
  }
  // Whose answers they are, one by one, where each was told.
  [[nodiscard]] std::vector<std::uint32_t> inputs() const {
    std::vector<std::uint32_t> all = inputs_;
    for (const Sample& sample : row_) {
      if (sample.of != 0) all.push_back(sample.of);
    }
    return all;
  }

 private:
  struct Sample {
    std::uint64_t nanoseconds;
    std::uint32_t of;
  };

  void Keep(const Sample& sample) {
    samples_.push_back(sample.nanoseconds);
    if (sample.of != 0 && inputs_.size() < LatencySamples::kMost) inputs_.push_back(sample.of);
  }
  void Believe() {
    for (const Sample& sample : row_) Keep(sample);
    row_.clear();
  }

  LatencySamples samples_;
  std::vector<std::uint32_t> inputs_;
  std::vector<Sample> row_;  // of inputs without a rest between them; not believed yet
  std::optional<Clock::time_point> waits_;
  std::uint32_t waits_of_ = 0;
  std::optional<Clock::time_point> tangled_;  // inputs whose answers cannot be told apart
  Clock::time_point quiet_from_{};
  Clock::time_point last_patch_{};
  std::size_t between_ = 0;
  bool first_seen_ = false;
};

}  // namespace fletbridge
