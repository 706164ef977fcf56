#include "src/rollout/guard_figures.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(GuardFigures, PutEachTimeIntoItsBucket) {
  BucketCounts histogram(kFirstFrameBounds);
  for (const double seconds : {0.1, 0.11, 31.0, -1.0}) histogram.Add(seconds);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.counts().front(), 1U);
  EXPECT_EQ(histogram.counts().at(1), 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
}

TEST(GuardFigures, ArePrometheusText) {
  StageFigures figures;
  figures.starts = 3;
  figures.failures = 1;
  figures.first_frame.Add(0.2);
  figures.first_frame.Add(0.75);
  const std::string text =
      ToPrometheus({{"my \"app\"", "0a", "3", true, &figures, "2.1", "1.0.5", "0.1.0"},
                    {"my \"app\"", "0a", "1", true, &figures, "2.1", "1.0.5", "0.1.0"}});
  const std::string labels = R"({app="my \"app\"",id="0a",stage="3")";
  for (
      const std::string& line :
      {std::string("# TYPE fletbridge_starts_total counter"),
       std::string("# TYPE fletbridge_first_frame_seconds histogram"),
       "fletbridge_starts_total" + labels + "} 3",
       "fletbridge_start_failures_total" + labels + "} 1",
       "fletbridge_breaker_open" + labels + "} 1",
       std::string(
           R"(fletbridge_versions_info{app="my \"app\"",id="0a",app_version="2.1",flet_version="1.0.5",)"
           R"(fletbridge_version="0.1.0"} 1)"),
       "fletbridge_first_frame_seconds_bucket" + labels + R"(,le="0.25"} 1)",
       "fletbridge_first_frame_seconds_bucket" + labels + R"(,le="1"} 2)",
       "fletbridge_first_frame_seconds_bucket" + labels + R"(,le="+Inf"} 2)",
       "fletbridge_first_frame_seconds_sum" + labels + "} 0.95",
       "fletbridge_first_frame_seconds_count" + labels + "} 2"}) {
    EXPECT_NE(text.find(line + "\n"), std::string::npos) << line << "\nin\n" << text;
  }
}

}  // namespace
}  // namespace fletbridge
