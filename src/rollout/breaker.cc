#include "src/rollout/breaker.h"

#include <algorithm>

namespace fletbridge {

const char* PhaseName(BreakerPhase phase) noexcept {
  static constexpr const char* kNames[] = {"closed", "open", "half-open"};
  return kNames[static_cast<int>(phase)];
}

BreakerPhase PhaseOf(const Breaker& breaker, const std::string& versions, std::int64_t now) {
  if (breaker.opened == 0) return BreakerPhase::kClosed;
  const bool rested = now >= breaker.retry_at;
  // The clock was set back: nothing else asks for a rest this long.
  const bool absurd = breaker.retry_at - now > kLongestBackoff.count();
  const bool renewed = versions != breaker.versions;
  return rested || absurd || renewed ? BreakerPhase::kHalfOpen : BreakerPhase::kOpen;
}

void NoteFailure(Breaker& breaker, BreakerPhase phase, const std::string& versions,
                 std::int64_t now, std::chrono::seconds backoff, const std::string& why) {
  const bool renewed = versions != breaker.versions;
  breaker.why = why;
  if (phase == BreakerPhase::kOpen) return;  // asked for by name, or begun before it opened
  if (renewed) {
    breaker.failures = 0;
    breaker.opened = 0;
  }
  breaker.versions = versions;
  breaker.failures = std::min(breaker.failures + 1, 1000);
  if (phase == BreakerPhase::kClosed && breaker.failures < kFailuresThatOpen) return;
  breaker.opened = std::min(breaker.opened + 1, 40);
  const std::int64_t longest = kLongestBackoff.count();
  const std::int64_t first = std::clamp<std::int64_t>(backoff.count(), 1, longest);
  const int doublings = std::min(breaker.opened - 1, 30);
  breaker.retry_at = now + std::min(first << doublings, longest);
}

void NoteSuccess(Breaker& breaker) { breaker = Breaker(); }

}  // namespace fletbridge
