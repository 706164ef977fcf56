#include "common/transport/latency_samples.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

std::vector<std::uint64_t> All(const LatencySamples& samples) { return samples; }

TEST(LatencySamples, KeepsAllOfTheFirstMillion) {
  LatencySamples samples;
  EXPECT_TRUE(samples.empty());
  for (std::uint64_t i = 0; i < 1000; ++i) samples.push_back(i);
  EXPECT_EQ(samples.size(), 1000u);
  EXPECT_EQ(All(samples).back(), 999u);
  samples.clear();
  EXPECT_TRUE(All(samples).empty());
}

// An app may run for a year.
TEST(LatencySamples, HoldsNoMoreThanItsBoundAndStaysTrueToTheWholeRun) {
  LatencySamples samples;
  const std::uint64_t many = 5 * LatencySamples::kMost;
  for (std::uint64_t i = 0; i < many; ++i) samples.push_back(i == 77'777 ? many * 10 : i);
  EXPECT_LT(samples.size(), LatencySamples::kMost);
  EXPECT_GE(samples.size(), LatencySamples::kMost / 2);
  std::vector<std::uint64_t> kept = samples;
  std::sort(kept.begin(), kept.end());
  EXPECT_EQ(kept.back(), many * 10);  // the longest of all
  for (const double part : {0.1, 0.5, 0.9, 0.99}) {
    const auto rank = static_cast<std::size_t>(part * static_cast<double>(kept.size()));
    EXPECT_NEAR(static_cast<double>(kept[rank]), part * static_cast<double>(many),
                0.001 * static_cast<double>(many));
  }
}

TEST(LatencySamples, AddsThoseOfAnotherSessionWithItsLongestOne) {
  const std::uint64_t many = 2 * LatencySamples::kMost;
  LatencySamples busy;
  for (std::uint64_t i = 0; i < many; ++i) busy.push_back(i == 77'777 ? many * 10 : i);
  busy.Unclear(3);
  LatencySamples sum;
  sum.Add(busy);
  EXPECT_EQ(All(sum), All(busy));
  LatencySamples quiet;
  quiet.push_back(5);
  quiet.Unclear(1);
  quiet.Add(busy);
  EXPECT_EQ(All(quiet).back(), many * 10);
  EXPECT_EQ(All(quiet).front(), 5u);
  EXPECT_EQ(quiet.unclear(), 4u);
}

}  // namespace
}  // namespace fletbridge
