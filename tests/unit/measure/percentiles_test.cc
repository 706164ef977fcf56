#include "common/measure/percentiles.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(Percentiles, AreUnknownWithoutSamples) {
  const Percentiles none = PercentilesOf({});
  EXPECT_EQ(none.count, 0u);
  EXPECT_FALSE(none.p50 || none.p90 || none.p99 || none.max);
}

TEST(Percentiles, OfOneSampleAreThatSample) {
  const Percentiles one = PercentilesOf({7});
  EXPECT_EQ(one.count, 1u);
  EXPECT_EQ(*one.p50, 7u);
  EXPECT_EQ(*one.p99, 7u);
  EXPECT_EQ(*one.max, 7u);
}

TEST(Percentiles, TakeTheNearestRank) {
  std::vector<std::uint64_t> samples(100);
  std::iota(samples.rbegin(), samples.rend(), 1);  // unsorted: 100, 99, … 1
  const Percentiles hundred = PercentilesOf(samples);
  EXPECT_EQ(*hundred.p50, 50u);
  EXPECT_EQ(*hundred.p90, 90u);
  EXPECT_EQ(*hundred.p99, 99u);
  EXPECT_EQ(*hundred.max, 100u);

  const Percentiles five = PercentilesOf({50, 15, 35, 20, 40});  // ranks 3, 5, 5
  EXPECT_EQ(*five.p50, 35u);
  EXPECT_EQ(*five.p90, 50u);
  EXPECT_EQ(*five.p99, 50u);
}

}  // namespace
}  // namespace fletbridge
