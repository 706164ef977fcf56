#include "src/compare/results.h"

#include <cmath>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "src/compare/against.h"
#include "src/compare/csv.h"
#include "src/compare/forest.h"
#include "src/compare/page.h"
#include "src/compare/summary.h"
#include "src/compare/table.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge::compare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
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

// One button answers a hundred times as late as the other, and only the slow one differs.
Results TwoButtons() {
  Results results = MadeUp(1, 10);
  WorkloadResult& clicks = results.workloads[0];
  clicks.workload.name = "clicks";
  clicks.workload.group.clear();
  const std::vector<Series> fast = clicks.series;
  clicks.parts = {{"Button \"A\"", "click key=a", false, fast},
                  {"Button \"B\"", "click key=b", true, MadeUp(1.5, 10).workloads[0].series}};
  for (std::size_t i = 0; i < 2; ++i) {
    Series& slow = clicks.parts[1].series[i];
    for (std::size_t b = 0; b < slow.blocks.size(); ++b) {
      Histogram hundredfold;
      for (const auto& [value, count] : slow.blocks[b].values.Buckets())
        hundredfold.Record(value * 100, count);
      slow.blocks[b].values = hundredfold;
      clicks.series[i].blocks[b].values.Add(hundredfold);
    }
  }
  return results;
}

TEST(Parts, HaveFiguresAndVerdictsOfTheirOwn) {
  const nlohmann::json clicks = ToJson(TwoButtons()).at("workloads").at(0);
  EXPECT_EQ(clicks.at("parts").at(0).at("name"), "Button \"A\"");
  EXPECT_EQ(clicks.at("parts").at(0).at("results").at(1).at("verdict"), "same");
  EXPECT_EQ(clicks.at("parts").at(1).at("results").at(1).at("verdict"), "slower");
  EXPECT_EQ(clicks.at("parts").at(1).at("restless"), true);
  EXPECT_NEAR(clicks.at("parts").at(1).at("results").at(0).at("p50").get<double>(), 55e6, 1e6);
}

TEST(Parts, ThatAreUnequalHaveNoPercentilesTogetherAndTheirRatioIsTheGeometricMean) {
  const Results results = TwoButtons();
  const nlohmann::json clicks = ToJson(results).at("workloads").at(0);
  EXPECT_EQ(clicks.at("pooled"), false);
  EXPECT_TRUE(clicks.at("results").at(0).at("p50").is_null());
  EXPECT_NEAR(clicks.at("results").at(1).at("ratio").at("estimate").get<double>(), std::sqrt(1.5),
              0.01);
  for (const std::string& text : {TableText(results), MarkdownText(results)}) {
    EXPECT_THAT(text, HasSubstr("Button \"B\" *"));
    EXPECT_THAT(text, HasSubstr("1.50 [1.50, 1.50] slower"));
    EXPECT_THAT(text, HasSubstr("too unequal a time"));
  }
  Results alike = MadeUp(1);
  alike.workloads[0].parts = {{"A", "click key=a", false, alike.workloads[0].series},
                              {"B", "click key=b", false, MadeUp(1.2).workloads[0].series}};
  EXPECT_EQ(ToJson(alike).at("workloads").at(0).at("pooled"), true);
}

TEST(Against, ComparesInputsThatAreUnequalOneByOne) {
  const nlohmann::json now = ToJson(TwoButtons());
  const Against against = CompareWithOld(now, now, 0.05);
  ASSERT_EQ(against.changes.size(), 4u);
  EXPECT_EQ(against.changes[2].workload, "clicks, Button \"B\"");
}

TEST(Summary, SaysInASentenceWhatAnAppDeveloperHasOfAVariant) {
  Results results = MadeUp(0.75, 10);  // of half a millisecond
  results.workloads[0].workload.name = "clicks";
  results.workloads[0].workload.group.clear();
  EXPECT_THAT(Summary(results),
              ElementsAre("Stage 3, against stage 1 over uds: clicks: 25 % faster (138 µs, too "
                          "little to be felt)."));
  WorkloadResult start = MadeUp(1.25, 10).workloads[0];
  start.workload = AnyAppWorkloads(false)[0];
  results.workloads.push_back(start);
  results.workloads.push_back(MadeUp(1, 10).workloads[0]);
  results.workloads[2].workload = AnyAppWorkloads(false)[1];
  EXPECT_THAT(Summary(results)[0], HasSubstr("; starts 25 % later (138 µs); memory the same."));
  EXPECT_THAT(Summary(MadeUp(0.75, 3)),
              ElementsAre("Too few rounds for a verdict: there must be 6, and there were 3."));
  // It stands on top of each report.
  EXPECT_EQ(ToJson(results).at("summary").at(0), Summary(results)[0]);
  const std::string table = TableText(results);
  EXPECT_LT(table.find("Stage 3, against"), table.find("p99"));
  EXPECT_THAT(MarkdownText(results), HasSubstr("- Stage 3, against"));
}

TEST(Summary, CallsADifferenceThatNobodyFeelsSo) {
  Results results = MadeUp(1.01, 10);
  results.workloads[0].workload.name = "clicks";
  results.workloads[0].workload.group.clear();
  EXPECT_THAT(Summary(results)[0], HasSubstr("clicks: no difference you could feel"));
}

TEST(Advice, SaysWhatWouldMakeTheResultsBetter) {
  Results few = MadeUp(1, 3);
  few.seconds = 30;
  EXPECT_THAT(Advice(few), ElementsAre("more time: a verdict wants 6 rounds, some 70 s"));
  Results noisy = MadeUp(1, 8);
  noisy.machine_json = R"({"noisy":true})";
  noisy.seconds = 80;
  for (Block& block : noisy.workloads[0].series[1].blocks) {
    Histogram spread;  // by turns a tenth more and less
    for (const auto& [value, count] : block.values.Buckets())
      spread.Record(block.round % 2 == 0 ? value * 11 / 10 : value * 9 / 10, count);
    block.values = spread;
  }
  EXPECT_THAT(Advice(noisy),
              ElementsAre(AllOf(HasSubstr("click on 3 is known within"), HasSubstr("--time ")),
                          HasSubstr("a quieter machine")));
  EXPECT_TRUE(Advice(MadeUp(0.8)).empty());
}

TEST(Forest, DrawsIntervalsOnOneAxis) {
  const std::string text = ForestText(
      {{"clicks", "2:uds", {1.2, 1.1, 1.3}, "slower"}, {"clicks", "3", {0.8, 0.7, 1.1}, ""}});
  EXPECT_THAT(text, HasSubstr("├─────●────┤"));
  EXPECT_THAT(text, HasSubstr("1.20 [1.10, 1.30]  slower"));
  EXPECT_THAT(text, HasSubstr("┼"));  // reaches the baseline
  std::istringstream lines(text);
  std::string axis, first, second;
  std::getline(lines, axis);
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_THAT(axis, HasSubstr("0.7"));
  EXPECT_THAT(axis, HasSubstr("1.3"));
  EXPECT_TRUE(second.starts_with(std::string(8, ' ') + "3"));  // the group is not said again
  EXPECT_EQ(Width(first.substr(0, first.find("  1.20"))),
            Width(second.substr(0, second.find("  0.80"))));
  // What is far off is at the edge, and has its figures.
  EXPECT_THAT(ForestText({{"", "a", {1000, 500, 2000}, ""}}), HasSubstr("1000.00"));
  EXPECT_EQ(ForestText({}), "");
}

TEST(Csv, HasALineForEachVariantOfEachWorkloadAndInput) {
  Results results = TwoButtons();
  results.app = "a, \"b\"";
  std::istringstream lines(CsvText(results));
  std::string line;
  std::vector<std::string> all;
  while (std::getline(lines, line)) all.push_back(line);
  ASSERT_EQ(all.size(), 7u);
  EXPECT_TRUE(all[0].starts_with("app,workload,part,variant,unit,n,p50,"));
  EXPECT_TRUE(all[1].starts_with("\"a, \"\"b\"\"\",clicks,,1:uds,ns,2000,,,"));
  EXPECT_THAT(all[6], HasSubstr("clicks,\"Button \"\"B\"\"\",3,ns,1000,"));
  EXPECT_THAT(all[6], HasSubstr(",slower,yes"));
  results.stopped_by = "interrupt";
  EXPECT_THAT(CsvText(results), HasSubstr(",slower,no"));
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
  for (const char* text : {"", "[]", "{}", R"({"schema":"other"})", R"({"schema":1})",
                           R"({"schema":"fletbridge-compare","schema_version":"1"})",
                           R"({"schema":"fletbridge-compare","schema_version":1})",
                           R"({"schema":"fletbridge-compare","schema_version":1,"baseline":"3",)"
                           R"("workloads":[{"name":"a","results":[{"variant":"3"}]}]})",
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
