// Room: src/rollout. The circuit breaker of one app and stage: rules over plain values, without
// clock or disk. start_book.h stores it and reports starts to it.
//
//   closed     starts use the stage. Two failures in a row open the breaker
//   open       starts use the next lower stage, until the back-off is over
//   half-open  the back-off is over, or app, Flet or fletbridge has another version: one start
//              tries the stage. Success: closed. Failure: open, for twice as long
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fletbridge {

enum class BreakerPhase { kClosed, kOpen, kHalfOpen };
[[nodiscard]] const char* PhaseName(BreakerPhase phase) noexcept;

inline constexpr int kFailuresThatOpen = 2;
inline constexpr std::chrono::seconds kLongestBackoff = std::chrono::hours(7 * 24);

struct Breaker {
  int failures = 0;           // in a row
  int opened = 0;             // how often in a row; 0: closed
  std::int64_t retry_at = 0;  // Unix time
  std::string versions;       // of app, Flet and fletbridge at the last failure
  std::string why;            // the last failure
};

[[nodiscard]] BreakerPhase PhaseOf(const Breaker& breaker, const std::string& versions,
                                   std::int64_t now);

// A start that began in `phase` has failed. `backoff` is the first one's length.
void NoteFailure(Breaker& breaker, BreakerPhase phase, const std::string& versions,
                 std::int64_t now, std::chrono::seconds backoff, const std::string& why);
void NoteSuccess(Breaker& breaker);

}  // namespace fletbridge
