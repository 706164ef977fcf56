#include "common/measure/stopwatch.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using std::chrono::milliseconds;

TEST(Timeline, KeepsTheFirstMomentOfEachMilestone) {
  const SteadyTime start{milliseconds(1000)};
  Timeline timeline(start);
  EXPECT_FALSE(timeline.At(Milestone::kRegistered));
  timeline.Mark(Milestone::kRegistered, start + milliseconds(40));
  timeline.Mark(Milestone::kRegistered, start + milliseconds(90));
  EXPECT_EQ(*timeline.At(Milestone::kRegistered), milliseconds(40));
  EXPECT_FALSE(timeline.At(Milestone::kFirstFrame));
}

TEST(Stopwatch, CountsFromItsStart) {
  const SteadyTime start{milliseconds(5)};
  EXPECT_EQ(Stopwatch(start).Elapsed(start + milliseconds(3)), milliseconds(3));
}

}  // namespace
}  // namespace fletbridge
