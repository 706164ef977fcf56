// Room: common/transport. Decides which patch answers which input, and collects the latencies. Used
// by everything that measures latency: the pipeline's meter and the UIs, and through them the
// report's latency_us, fletbridge_click_seconds and `fletbridge compare`. Flet's protocol does not
// connect a patch with an input, so a patch is accepted as the answer only if hardly anything else
// can have caused it:
//
// - An input counts if the page is quiet: no patch that answers nothing has come for kQuiet. The
//   first patch after the input is its answer, unless it comes sooner than Python can answer.
// - A second input before the answer makes both unclear, unless it belongs to the same action.
// - If inputs follow one another without such a pause and more patches come than inputs, the
//   answers may be mixed up: of these inputs only the first counts.
//
// Inputs that do not count are counted as unclear. Header only.
//
// Threads: a value; one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "common/transport/latency_samples.h"

namespace fletbridge {

class Answers {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kQuiet{50};
  static constexpr std::chrono::microseconds kFastest{10};
  // One action of a user arrives as several events, such as press and release.
  static constexpr std::chrono::milliseconds kOneAction{10};
  // An input without an answer for this long has probably changed nothing.
  static constexpr std::chrono::seconds kLongest{1};
  // Limit of answered inputs without a pause between them (`row_`).
  static constexpr std::size_t kMostInARow = 256;

  // `of`: a number of the caller's for this input, which inputs() returns; 0: none.
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
    kTooSoon,       // an input waits, but Python cannot have answered it so fast
    kNobodyWaited,  // no input that counts waits for an answer
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

  // Called with each latency as soon as it counts, which may be some inputs later.
  void Tell(std::function<void(std::uint64_t nanoseconds)> kept) { kept_ = std::move(kept); }
  // Adds a latency that was measured in another way.
  void Add(std::uint64_t nanoseconds, std::uint32_t of = 0) { Keep({nanoseconds, of}); }
  // The last input gets no answer.
  void GiveUp() { waits_.reset(); }
  // Another session begins: what comes now is unrelated to what came before.
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

  // From when on an input counts, if no further patch comes.
  [[nodiscard]] Clock::time_point quiet_from() const noexcept { return quiet_from_; }
  [[nodiscard]] Clock::time_point last_patch() const noexcept { return last_patch_; }
  // The number of patches that answer nothing, and of inputs that do not count.
  [[nodiscard]] std::size_t between() const noexcept { return between_; }
  [[nodiscard]] std::uint64_t unclear() const noexcept { return samples_.unclear(); }
  [[nodiscard]] LatencySamples samples() const {
    LatencySamples all = samples_;
    for (const Sample& sample : row_) all.push_back(sample.nanoseconds);
    return all;
  }
  // The inputs' numbers (`of`) in the order of samples(). Shorter than samples() if an input had
  // none.
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
    if (kept_) kept_(sample.nanoseconds);
    if (sample.of != 0 && inputs_.size() < LatencySamples::kMost) inputs_.push_back(sample.of);
  }
  void Believe() {
    for (const Sample& sample : row_) Keep(sample);
    row_.clear();
  }

  LatencySamples samples_;
  std::function<void(std::uint64_t)> kept_;
  std::vector<std::uint32_t> inputs_;
  std::vector<Sample> row_;  // of inputs without a pause between them; may still be dropped
  std::optional<Clock::time_point> waits_;  // the time of the input that waits for its answer
  std::uint32_t waits_of_ = 0;
  std::optional<Clock::time_point> tangled_;  // inputs whose answers cannot be told apart
  Clock::time_point quiet_from_{};
  Clock::time_point last_patch_{};
  std::size_t between_ = 0;
  bool first_seen_ = false;
};

}  // namespace fletbridge
