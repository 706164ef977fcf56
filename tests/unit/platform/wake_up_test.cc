#include "common/platform/wake_up.h"

#include <atomic>
#include <poll.h>
#include <thread>

#include <gtest/gtest.h>

namespace fletbridge::platform {
namespace {

bool IsReadable(const WakeUp& wake_up) {
  pollfd one{wake_up.fd(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(WakeUp, IsReadableFromASignalUntilItIsCleared) {
  WakeUp wake_up(WakeUp::Reader::kLoop);
  ASSERT_GE(wake_up.fd(), 0);
  EXPECT_FALSE(IsReadable(wake_up));
  wake_up.Signal();
  wake_up.Signal();
  EXPECT_TRUE(IsReadable(wake_up));
  EXPECT_TRUE(IsReadable(wake_up)) << "looking does not take it";
  wake_up.Clear();
  EXPECT_FALSE(IsReadable(wake_up)) << "both signals are one wake-up";
}

TEST(WakeUp, ClearingWhatWasNotSignalledDoesNotWait) {
  WakeUp wake_up(WakeUp::Reader::kLoop);
  wake_up.Clear();
  EXPECT_FALSE(IsReadable(wake_up));
}

TEST(WakeUp, SignallingNeverWaitsHoweverOftenNobodyReads) {
  WakeUp wake_up(WakeUp::Reader::kLoop);
  for (int i = 0; i < 200'000; ++i) wake_up.Signal();
  EXPECT_TRUE(IsReadable(wake_up));
  wake_up.Clear();
  EXPECT_FALSE(IsReadable(wake_up));
}

// Each signal is answered before the next: one that gets lost lets the test wait until its
// deadline.
TEST(WakeUp, AThreadThatWaitsMissesNoSignal) {
  constexpr int kRounds = 2000;
  WakeUp there(WakeUp::Reader::kThread);
  WakeUp back(WakeUp::Reader::kThread);
  std::atomic<int> seen{0};
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      there.Wait();
      ++seen;
      back.Signal();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    there.Signal();
    back.Wait();
    ASSERT_EQ(seen.load(), i + 1);
  }
  other.join();
}

}  // namespace
}  // namespace fletbridge::platform
