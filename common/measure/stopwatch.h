// Room: common/measure. Clocks of a run: the time since its start, and the time of each milestone.
// Used by src/host. Header only.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace fletbridge {

using SteadyTime = std::chrono::steady_clock::time_point;

// A value; starts when it is made, or at a moment that is given.
class Stopwatch {
 public:
  explicit Stopwatch(SteadyTime start = std::chrono::steady_clock::now()) : start_(start) {}
  [[nodiscard]] std::chrono::nanoseconds Elapsed(
      SteadyTime now = std::chrono::steady_clock::now()) const {
    return now - start_;
  }

 private:
  SteadyTime start_;
};

enum class Milestone {
  kPythonReady,
  kAppImported,
  kAppListening,
  kRegistered,
  kFirstFrame,
  kWindowShown,
  kFrameDrawn,
};

// When each milestone was first reached, counted from the start of the run. Mark() and At() from
// any thread, without a lock.
class Timeline {
 public:
  explicit Timeline(SteadyTime start = std::chrono::steady_clock::now()) : watch_(start) {}

  // The first call for a milestone counts, later ones change nothing.
  void Mark(Milestone milestone, SteadyTime now = std::chrono::steady_clock::now()) noexcept {
    std::int64_t unset = kUnset;
    marks_[static_cast<std::size_t>(milestone)].compare_exchange_strong(
        unset, watch_.Elapsed(now).count());
  }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> At(Milestone milestone) const noexcept {
    const std::int64_t mark = marks_[static_cast<std::size_t>(milestone)].load();
    if (mark == kUnset) return std::nullopt;
    return std::chrono::nanoseconds(mark);
  }

 private:
  static constexpr std::int64_t kUnset = -1;
  Stopwatch watch_;
  std::array<std::atomic<std::int64_t>, 7> marks_{kUnset, kUnset, kUnset, kUnset,
                                                  kUnset, kUnset, kUnset};
};

}  // namespace fletbridge
