#include "src/compare/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::compare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    for (const char* name : {"1:uds", "3"}) {
      VariantState state;
      state.variant = *ParseVariant(name);
      results_.variants.push_back(std::move(state));
    }
  }

  Results results_;
  const Icons icons_;
  Recorder recorder_{results_, icons_};
};

TEST(LinesInTurn, BeginEachTurnWithAnotherOne) {
  EXPECT_THAT(LinesInTurn("a\nb\nc", 0), ElementsAre("a", "b", "c"));
  EXPECT_THAT(LinesInTurn("a\nb\nc", 1), ElementsAre("b", "c", "a"));
  EXPECT_THAT(LinesInTurn("a\nb\nc", 5), ElementsAre("c", "a", "b"));
  EXPECT_THAT(LinesInTurn("", 3), IsEmpty());
}

TEST_F(RecorderTest, CountsFramesThatComeLate) {
  for (Workload& workload : FrameWorkloads()) recorder_.AddWorkload(std::move(workload), {});
  recorder_.RecordFrames(1, {16'000'000, 17'000'000, 40'000'000, 27'000'000});  // in 100 ms
  recorder_.RecordFrames(0, {});                                                // nothing moved
  EXPECT_EQ(results_.workloads[0].series[1].All().count(), 4u);
  EXPECT_EQ(results_.workloads[1].series[1].All().max(), 20u);
  EXPECT_TRUE(results_.workloads[1].series[0].blocks.empty());
}

TEST_F(RecorderTest, TakesAwayPhasesThatNoVariantHas) {
  recorder_.AddWorkload(Workload{AnyAppWorkloads(false)[0]}, {});
  ASSERT_EQ(results_.workloads[0].parts.size(), 5u);
  Histogram value;
  value.Record(1);
  results_.workloads[0].parts[1].series[1].blocks.push_back({0, 0, 0, value});
  recorder_.Finish();
  ASSERT_EQ(results_.workloads[0].parts.size(), 1u);
  EXPECT_EQ(results_.workloads[0].parts[0].name, kImports);
}

TEST_F(RecorderTest, ForgetsTheRoundThatRunsAndNoOther) {
  recorder_.AddWorkload(Workload{AnyAppWorkloads(false)[0]}, {});
  recorder_.RecordIf(Measure::kStartUp, 0, 5);
  results_.rounds = 1;
  recorder_.RecordIf(Measure::kStartUp, 0, 7);
  recorder_.ForgetRound();
  ASSERT_EQ(results_.workloads[0].series[0].blocks.size(), 1u);
  EXPECT_EQ(results_.workloads[0].series[0].blocks[0].values.max(), 5u);
}

}  // namespace
}  // namespace fletbridge::compare
