#include "common/measure/histogram.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(Histogram, KeepsSmallValuesExactly) {
  Histogram histogram;
  for (const std::uint64_t value : {0u, 1u, 2u, 2047u}) histogram.Record(value);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.ValueAt(50), 1u);
  EXPECT_EQ(histogram.ValueAt(100), 2047u);
  EXPECT_EQ(histogram.min(), 0u);
}

TEST(Histogram, KeepsThreeDigitsOfLargeValues) {
  for (std::uint64_t value = 3; value < (std::uint64_t{1} << 50); value = value * 3 + 1) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(value * 4);  // so that the maximum does not hide the bucket's end
    const double got = static_cast<double>(histogram.ValueAt(50));
    EXPECT_NEAR(got / static_cast<double>(value), 1, 0.001) << value;
    const std::uint64_t begin = histogram.Buckets()[0].first;
    EXPECT_LE(begin, value);
    EXPECT_NEAR(static_cast<double>(begin) / static_cast<double>(value), 1, 0.001) << value;
  }
}

TEST(Histogram, AgreesWithTheSortedValuesAtEveryPercentile) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> draw(13, 1.5);
  std::vector<std::uint64_t> values;
  Histogram histogram;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(draw(random)));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
    const auto rank = static_cast<std::size_t>(percent * 100);
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.ValueAt(percent)), exact, exact * 0.001) << percent;
  }
  EXPECT_EQ(histogram.ValueAt(100), values.back());
}

TEST(Histogram, OfTwoHalvesIsThatOfTheWhole) {
  Histogram whole, first, second;
  for (std::uint64_t value = 1; value < 5000; ++value) {
    whole.Record(value * 1000);
    (value % 2 == 0 ? first : second).Record(value * 1000);
  }
  first.Add(second);
  EXPECT_EQ(first.Buckets(), whole.Buckets());
  EXPECT_EQ(first.min(), whole.min());
  EXPECT_EQ(first.max(), whole.max());
}

TEST(Histogram, CountsAValueThatComesInAnyOrderAndMayBeAddedToItself) {
  Histogram histogram;
  for (const std::uint64_t value : {9'000'000u, 5u, 70'000u, 5u}) histogram.Record(value);
  histogram.Add(histogram);
  EXPECT_EQ(histogram.count(), 8u);
  EXPECT_EQ(histogram.Buckets().size(), 3u);
  EXPECT_EQ(histogram.Buckets()[0], (std::pair<std::uint64_t, std::uint64_t>{5, 4}));
}

TEST(Histogram, SaysNothingOfNothing) {
  const Histogram histogram;
  EXPECT_EQ(histogram.ValueAt(50), 0u);
  EXPECT_TRUE(histogram.Buckets().empty());
}

}  // namespace
}  // namespace fletbridge
