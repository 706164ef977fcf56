#include "src/compare/plan.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/compare/budget.h"
#include "src/ui/headless/steps.h"

namespace fletbridge::compare {
namespace {

using testing::HasSubstr;

TEST(ParseVariant, ReadsStagesFletAndTheOriginal) {
  const Result<Variant> stage = ParseVariant("2:tcp@static");
  ASSERT_TRUE(stage);
  EXPECT_EQ(stage->kind, Variant::Kind::kStage);
  EXPECT_EQ(stage->stage, "2");
  EXPECT_EQ(stage->transport, "tcp");
  EXPECT_EQ(stage->hosting, "static");
  EXPECT_EQ(ParseVariant("1")->transport, "uds");
  EXPECT_EQ(ParseVariant("3")->transport, "ffi");
  EXPECT_EQ(ParseVariant("flet:uds")->kind, Variant::Kind::kFlet);
  EXPECT_EQ(ParseVariant("original:ffi")->kind, Variant::Kind::kPackaged);
  EXPECT_EQ(ParseVariant("bridge:ffi")->stage, "bridge");
}

TEST(ParseVariant, ReadsAnAddedDelay) {
  EXPECT_EQ(ParseVariant("1:uds+100us")->delay, std::chrono::microseconds(100));
  EXPECT_FALSE(ParseVariant("2:uds")->accelerated);
  EXPECT_TRUE(ParseVariant("2:uds+accelerators")->accelerated);
  EXPECT_EQ(ParseVariant("3@library+14us")->hosting, "library");
  for (const char* wrong : {"1:uds+", "1:uds+us", "1:uds+100", "1:uds+-1us", "1:uds+2000000us"}) {
    EXPECT_FALSE(ParseVariant(wrong)) << wrong;
  }
}

TEST(ParseVariant, NamesWhatThereIsWhenThereIsNone) {
  for (const char* wrong : {"", "4", "3:uds", "1:udp", "flet", "flet:ffi", "flet:uds@static",
                            "original:uds", "1:uds@static", "2:uds@shared"}) {
    const Result<Variant> variant = ParseVariant(wrong);
    ASSERT_FALSE(variant) << wrong;
    EXPECT_EQ(variant.error().code, Errc::kUsage);
    EXPECT_THAT(variant.error().Line(), HasSubstr("bridge:ffi"));
  }
}

TEST(ParseVariants, TakesEachOnceAndInOrder) {
  const auto variants = ParseVariants("1:uds,3,flet:tcp");
  ASSERT_TRUE(variants);
  ASSERT_EQ(variants->size(), 3u);
  EXPECT_EQ((*variants)[2].name, "flet:tcp");
  EXPECT_THAT(ParseVariants("3,1:uds,3").error().Line(), HasSubstr("named twice"));
  EXPECT_FALSE(ParseVariants("3,"));
}

TEST(BuiltInWorkloads, HaveNamesOfTheirOwnAndStepsThatCanBeRead) {
  std::set<std::string> names;
  for (const std::string& group : BuiltInGroups()) EXPECT_TRUE(names.insert(group).second) << group;
  for (const Workload& workload : BuiltInWorkloads()) {
    EXPECT_TRUE(names.insert(workload.name).second) << workload.name;
    EXPECT_FALSE(workload.title.empty()) << workload.name;
    for (const std::string& steps : {workload.prepare, workload.before, workload.unit}) {
      const Result<Steps> read = ParseSteps(steps);
      EXPECT_TRUE(read) << workload.name << ": " << read.error().Line();
    }
    EXPECT_EQ(InTurns(workload), !workload.unit.empty()) << workload.name;
    EXPECT_EQ(workload.measure == Measure::kPace, !workload.read.empty()) << workload.name;
  }
}

TEST(BuiltInWorkloads, HaveTheNineOperationsOfJsFrameworkBenchmark) {
  std::vector<std::string> names;
  for (const Workload& workload : BuiltInWorkloads()) {
    if (workload.group == "js-framework") names.push_back(workload.name);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre(
                         "js-create-1000", "js-replace-1000", "js-update-10th", "js-select",
                         "js-swap", "js-remove", "js-create-10000", "js-append-1000", "js-clear"));
  EXPECT_THAT(BuiltInGroups(), testing::ElementsAre("transport", "rows", "js-framework"));
}

TEST(BuiltInWorkloads, OfOnePageStandBehindOneAnotherWithTheLargestInputLast) {
  std::vector<std::string> pages;
  for (const Workload& workload : BuiltInWorkloads()) {
    if (!workload.page.empty() && (pages.empty() || pages.back() != workload.page))
      pages.push_back(workload.page);
  }
  EXPECT_EQ(std::set<std::string>(pages.begin(), pages.end()).size(), pages.size());
  EXPECT_EQ(BuiltInWorkloads().back().name, "js-create-10000");
}

TEST(Budget, GivesEachWorkloadItsPartOfARound) {
  const Budget budget(60, 1000);
  EXPECT_DOUBLE_EQ(budget.a_round(), 9);  // of ten, since rounds are unequal
  EXPECT_EQ(budget.Turns(12, 0.1, 0, 2), 12);
  EXPECT_EQ(budget.Turns(12, 1, 1, 2), 4);
  EXPECT_EQ(budget.Turns(12, 1, 1, 1), 8);
  EXPECT_EQ(budget.Turns(12, 0, 1, 1), 12);  // takes no time that can be measured
}

TEST(Budget, LeavesOutWhatASingleTurnOfIsMoreThanWhatIsLeft) {
  const Budget budget(60, 1000);
  EXPECT_EQ(budget.Turns(12, 8, 0, 100), 1);
  EXPECT_EQ(budget.Turns(12, 8, 1.5, 1), 0);
  EXPECT_EQ(budget.Turns(12, 10, 0, 1), 0);
  EXPECT_EQ(Budget(-1, 6).Turns(1, 1, 0, 1), 0);
}

TEST(Budget, IsOfSixRoundsUnlessFewerAreWanted) {
  EXPECT_DOUBLE_EQ(Budget(60, 6).a_round(), Budget(60, 1000).a_round());
  EXPECT_DOUBLE_EQ(Budget(60, 1).a_round(), 54);
  EXPECT_DOUBLE_EQ(Budget(60, 6).Needed(9, 3), 63);
}

}  // namespace
}  // namespace fletbridge::compare
