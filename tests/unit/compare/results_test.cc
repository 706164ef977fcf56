#include "src/compare/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "src/compare/against.h"
#include "src/compare/page.h"
#include "src/compare/table.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge::compare {
namespace {

using testing::HasSubstr;
using testing::Not;

// A run of `rounds` in which the second variant takes `factor` times as long as the first.
Results MadeUp(double factor, int rounds = 8) {
  Results results;
  results.version = "1";
  results.app = "app.py </script>";
  results.rounds = rounds;
  results.seed = 1;
  results.stopped_by = "time";
  results.machine_json = R"({"processor":"P","processors":2,"kernel":"Linux 6","noisy":false})";
  for (const char* name : {"1:uds", "3"}) {
    VariantState state;
    state.variant = *ParseVariant(name);
    results.variants.push_back(std::move(state));
  }
  WorkloadResult workload;
  workload.workload = BuiltInWorkloads()[0];
  workload.series = {{"1:uds", {}}, {"3", {}}};
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t variant = 0; variant < 2; ++variant) {
      Block block{round, 0, round * 1.0, {}};
      for (int i = 0; i < 100; ++i) {
        const double ns = (500'000 + 1000 * i + 500 * round) * (variant == 1 ? factor : 1);
        block.values.Record(static_cast<std::uint64_t>(ns));
      }
      workload.series[variant].blocks.push_back(std::move(block));
    }
  }
  results.workloads.push_back(std::move(workload));
  return results;
}

TEST(GroupRatio, IsTheGeometricMeanOfItsWorkloads) {
  Results results = MadeUp(0.5);
  results.workloads[0].workload.group = "two";
  results.workloads.push_back(MadeUp(0.125).workloads[0]);
  results.workloads[1].workload.group = "two";
  results.workloads.push_back(MadeUp(1).workloads[0]);  // of another
  const std::optional<Interval> ratio = results.GroupRatio("two", 1);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->estimate, 0.25, 0.01);
  EXPECT_LE(ratio->low, ratio->estimate);
  EXPECT_GE(ratio->high, ratio->estimate);
  // A round without one of them says nothing of the group.
  results.workloads[1].series[1].blocks.resize(3);
  EXPECT_FALSE(results.GroupRatio("two", 1));
}

TEST(ResultsText, BeginsOrEndsWithALineForEachOfManyWorkloads) {
  Results results = MadeUp(0.5);
  for (const char* name : {"b", "c", "d"}) {
    results.workloads.push_back(results.workloads[0]);
    results.workloads.back().workload.name = name;
  }
  results.left_out = {{"e", "too long"}, {"f", "too long"}};
  for (const std::string& text : {TableText(results), MarkdownText(results)}) {
    EXPECT_THAT(text, HasSubstr("0.50 ["));
    EXPECT_THAT(text, HasSubstr("transport, geometric mean of 4"));
    EXPECT_THAT(text, HasSubstr("not measured: e, f: too long"));
  }
  EXPECT_EQ(ToJson(results).at("left_out").at(1).at("workload"), "f");
}

TEST(ResultsJson, HasTheDocumentedKeys) {
  const nlohmann::json json = ToJson(MadeUp(0.8));
  EXPECT_EQ(json.at("schema"), "fletbridge-compare");
  EXPECT_EQ(json.at("schema_version"), 1);
  for (const char* key : {"version", "app", "started", "seconds", "rounds", "seed", "stopped_by",
                          "complete", "baseline", "margin", "histograms", "machine", "warnings",
                          "variants", "workloads", "left_out"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  const nlohmann::json& series = json.at("workloads").at(0).at("results").at(1);
  for (const char* key :
       {"variant", "count", "blocks", "histogram", "p50", "p90", "p99", "p99_9", "max", "ratio",
        "ratio_p99", "difference", "verdict", "verdict_p99", "text"}) {
    EXPECT_TRUE(series.contains(key)) << key;
  }
  EXPECT_EQ(series.at("verdict"), "faster");
  EXPECT_NEAR(series.at("ratio").at("estimate").get<double>(), 0.8, 0.002);
}

TEST(ResultsJson, HoldsEveryValueInItsHistograms) {
  const nlohmann::json json = ToJson(MadeUp(1));
  const nlohmann::json& series = json.at("workloads").at(0).at("results").at(0);
  std::uint64_t all = 0, in_blocks = 0;
  for (const auto& bucket : series.at("histogram")) all += bucket.at(1).get<std::uint64_t>();
  for (const auto& block : series.at("blocks")) {
    for (const auto& bucket : block.at("histogram")) in_blocks += bucket.at(1).get<std::uint64_t>();
  }
  EXPECT_EQ(all, 800u);
  EXPECT_EQ(in_blocks, 800u);
}

TEST(ResultsJson, MarksWhatIsPartial) {
  Results results = MadeUp(1);
  EXPECT_TRUE(ToJson(results).at("complete"));
  results.variants[1].problem = "3: the app ended with exit code 3";
  EXPECT_FALSE(ToJson(results).at("complete"));
  EXPECT_THAT(TableText(results), HasSubstr("PARTIAL"));
  EXPECT_THAT(TableText(results), HasSubstr("exit code 3"));
  results.variants[1].problem.clear();
  results.stopped_by = "interrupt";
  EXPECT_FALSE(ToJson(results).at("complete"));
}

TEST(Table, SaysTheVerdictWithItsSize) {
  EXPECT_THAT(TableText(MadeUp(0.8)), HasSubstr("faster by 20.0 % (110 µs)"));
  EXPECT_THAT(TableText(MadeUp(1.25)), HasSubstr("slower by 24.9 %"));
  EXPECT_THAT(TableText(MadeUp(1)), HasSubstr("the same, within 2 %"));
  EXPECT_THAT(TableText(MadeUp(0.8, 3)), HasSubstr("too few rounds to say"));
}

TEST(Table, IsAlsoMarkdown) { EXPECT_THAT(MarkdownText(MadeUp(0.8)), HasSubstr("| 3 | 800 |")); }

TEST(Against, TellsWhatHasBecomeSlowerThanItsBaseline) {
  const nlohmann::json old = ToJson(MadeUp(0.8)), now = ToJson(MadeUp(0.9));
  const Against slower = CompareWithOld(now, old, 0.05);
  EXPECT_TRUE(slower.past_threshold());
  EXPECT_THAT(AgainstText(slower, "old.json"), HasSubstr("PAST THE THRESHOLD"));
  EXPECT_FALSE(CompareWithOld(now, old, 0.2).past_threshold());
  EXPECT_FALSE(CompareWithOld(old, now, 0.05).past_threshold());
  EXPECT_FALSE(CompareWithOld(now, now, 0.05).past_threshold());
}

TEST(Against, LeavesOutTheBaselineOfAnotherMachine) {
  const nlohmann::json now = ToJson(MadeUp(1));
  nlohmann::json old = now;
  old["machine"]["processor"] = "Q";
  const Against against = CompareWithOld(now, old, 0.05);
  ASSERT_EQ(against.changes.size(), 1u);
  EXPECT_EQ(against.changes[0].variant, "3");
  EXPECT_EQ(against.left_out.size(), 1u);
}

TEST(Against, RefusesAFileThatHoldsNoResults) {
  TempFolder folder;
  for (const char* text : {"", "[]", "{}", R"({"schema":"other"})",
                           R"({"schema":"fletbridge-compare","schema_version":99})"}) {
    folder.Write("old.json", text);
    const auto read = ReadResults(folder.path() + "/old.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::kUsage);
  }
  EXPECT_FALSE(ReadResults(folder.path() + "/none.json"));
}

TEST(Page, HoldsTheResultsWithoutEndingItsScripts) {
  TempFolder folder;
  folder.Write("page.html",
               "<script>@DATA@</script><script>@PLOTLY@</script><script>@SCRIPT@</script>");
  folder.Write("page.js", "draw()");
  folder.Write("plotly.min.js", "plotly()");
  const Result<std::string> page = PageHtml(MadeUp(1), folder.path());
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, HasSubstr("app.py \\u003c/script>"));
  EXPECT_THAT(*page, Not(HasSubstr("app.py </script>")));
  EXPECT_THAT(*page, HasSubstr("<script>plotly()</script><script>draw()</script>"));
}

TEST(Page, SaysWhichPartIsMissing) {
  TempFolder folder;
  const Result<std::string> page = PageHtml(MadeUp(1), folder.path());
  ASSERT_FALSE(page);
  EXPECT_THAT(page.error().Line(), HasSubstr("page.html"));
}

}  // namespace
}  // namespace fletbridge::compare
