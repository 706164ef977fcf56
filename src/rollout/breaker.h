// Room: src/rollout. The circuit breaker of one app and stage, as a rule over plain values: no
// clock, no disk. Kept and fed by start_book.h.
//
//   closed     the stage is taken. Two failures in a row open it
//   open       the next lower stage is taken, until the back-off is over
//   half-open  the back-off is over, or app, Flet or fletbridge is another version: one start tries
//              the stage. It works: closed. It fails: open, for twice as long
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
