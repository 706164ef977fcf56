#include "common/measure/prometheus.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(BucketCounts, PutEachTimeIntoItsBucket) {
  BucketCounts histogram(kClickBounds);
  for (const double seconds : {0.00025, 0.0003, 31.0, -1.0}) histogram.Add(seconds);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.counts().front(), 1U);
  EXPECT_EQ(histogram.counts().at(1), 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
}

TEST(BucketCounts, RestoreTakesNoListOfAnotherLength) {
  BucketCounts histogram(kClickBounds);
  histogram.Add(0.001);
  histogram.Restore({1, 2, 3}, 5);
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(Prometheus, EscapesWhatALabelMayHold) {
  EXPECT_EQ(prometheus::Label("app", "a \"b\"\\\n"), "app=\"a \\\"b\\\"\\\\\\n\"");
}

TEST(Prometheus, WritesCountsWhole) {
  std::string text;
  prometheus::Sample(text, "a_total", {}, 12345678901234.0);
  prometheus::Sample(text, "b", "k=\"v\"", 0.25);
  EXPECT_EQ(text, "a_total 12345678901234\nb{k=\"v\"} 0.25\n");
}

TEST(Prometheus, AddsUpWhatSeveralProcessesTell) {
  const auto told = [](double seconds, double sessions) {
    BucketCounts clicks(kClickBounds);
    clicks.Add(seconds);
    std::string text;
    prometheus::Head(text, "sessions", "gauge", "How many.");
    prometheus::Sample(text, "sessions", {}, sessions);
    prometheus::Head(text, kClickSeconds, "histogram", kClickSecondsHelp);
    prometheus::Histogram(text, kClickSeconds, {}, clicks);
    return text;
  };
  const std::string sum =
      prometheus::SumOf(std::vector{told(0.001, 3), told(0.3, 4), std::string("?")});
  for (const char* line : {"# TYPE sessions gauge\nsessions 7\n", "_bucket{le=\"0.001\"} 1\n",
                           "_bucket{le=\"1\"} 2\n", "_sum 0.301\n", "_count 2\n"})
    EXPECT_NE(sum.find(line), std::string::npos) << line << "\nin\n" << sum;
  EXPECT_EQ(sum.find("# HELP sessions"), sum.rfind("# HELP sessions"));
}

TEST(Prometheus, ASumKeepsEveryDigit) {
  std::string text;
  prometheus::Head(text, "seconds", "counter", "The time");
  prometheus::Sample(text, "seconds", "", 20012338054233.88);
  const std::string once = prometheus::SumOf({&text, 1});
  EXPECT_EQ(once, text);
  EXPECT_NE(once.find("seconds 20012338054233.88\n"), std::string::npos) << once;
  EXPECT_EQ(prometheus::SumOf({&once, 1}), once);
}

}  // namespace
}  // namespace fletbridge
