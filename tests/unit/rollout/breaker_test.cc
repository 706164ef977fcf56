#include "src/rollout/breaker.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using std::chrono::seconds;

constexpr seconds kHour{3600};
const std::string kOld = "app 1";
const std::string kNew = "app 2";

// A failed start at `now`, of a breaker as it stands then.
void Fail(Breaker& breaker, std::int64_t now, const std::string& versions = kOld) {
  NoteFailure(breaker, PhaseOf(breaker, versions, now), versions, now, kHour, "it crashed");
}

TEST(Breaker, StaysClosedAfterOneFailure) {
  Breaker breaker;
  Fail(breaker, 0);
  EXPECT_EQ(PhaseOf(breaker, kOld, 1), BreakerPhase::kClosed);
}

TEST(Breaker, OpensAtTheSecondFailureInARow) {
  Breaker breaker;
  Fail(breaker, 0);
  NoteSuccess(breaker);
  Fail(breaker, 10);
  EXPECT_EQ(PhaseOf(breaker, kOld, 11), BreakerPhase::kClosed);
  Fail(breaker, 20);
  EXPECT_EQ(PhaseOf(breaker, kOld, 21), BreakerPhase::kOpen);
  EXPECT_EQ(breaker.retry_at, 20 + 3600);
}

TEST(Breaker, TriesOnceAfterTheBackoffAndRestsTwiceAsLongAfterThat) {
  Breaker breaker;
  Fail(breaker, 0);
  Fail(breaker, 0);
  std::int64_t now = 3600;
  std::int64_t rest = 3600;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(PhaseOf(breaker, kOld, now - 1), BreakerPhase::kOpen);
    ASSERT_EQ(PhaseOf(breaker, kOld, now), BreakerPhase::kHalfOpen);
    Fail(breaker, now);
    rest = std::min<std::int64_t>(rest * 2, kLongestBackoff.count());
    EXPECT_EQ(breaker.retry_at, now + rest);
    now = breaker.retry_at;
  }
  EXPECT_EQ(rest, kLongestBackoff.count());
}

TEST(Breaker, ClosesWhenTheTryWorks) {
  Breaker breaker;
  Fail(breaker, 0);
  Fail(breaker, 0);
  NoteSuccess(breaker);
  EXPECT_EQ(PhaseOf(breaker, kOld, 1), BreakerPhase::kClosed);
  Fail(breaker, 2);
  EXPECT_EQ(PhaseOf(breaker, kOld, 3), BreakerPhase::kClosed);
}

TEST(Breaker, TriesANewVersionAtOnceAndBeginsItsBackoffAnew) {
  Breaker breaker;
  for (int i = 0; i < 6; ++i) Fail(breaker, i == 0 ? 0 : breaker.retry_at);
  const std::int64_t now = breaker.retry_at - 1;
  ASSERT_EQ(PhaseOf(breaker, kOld, now), BreakerPhase::kOpen);
  ASSERT_EQ(PhaseOf(breaker, kNew, now), BreakerPhase::kHalfOpen);
  Fail(breaker, now, kNew);
  EXPECT_EQ(PhaseOf(breaker, kNew, now), BreakerPhase::kOpen);
  EXPECT_EQ(breaker.retry_at, now + 3600);
}

TEST(Breaker, CountsNoFailureOfAStartThatWasAskedForWhileItRests) {
  Breaker breaker;
  Fail(breaker, 0);
  Fail(breaker, 0);
  const std::int64_t retry_at = breaker.retry_at;
  Fail(breaker, 10);
  EXPECT_EQ(breaker.retry_at, retry_at);
}

TEST(Breaker, IsNotHeldOpenByAClockThatWasSetBack) {
  Breaker breaker;
  Fail(breaker, 2'000'000'000);
  Fail(breaker, 2'000'000'000);
  EXPECT_EQ(PhaseOf(breaker, kOld, 1'000'000'000), BreakerPhase::kHalfOpen);
}

}  // namespace
}  // namespace fletbridge
