#include "src/rollout/decision.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

Decision DecideBy(const std::string& flags, const RolloutContext& context = {}) {
  const Result<FlagFile> file = FlagFile::Parse("{\"flags\":{" + flags + "}}");
  if (!file) ADD_FAILURE() << file.error().context;
  return Decide(*file, context, 0);
}

std::string StageFlag(const std::string& more, const std::string& state = "ENABLED") {
  return R"("fletbridge.stage":{"state":")" + state +
         R"(","variants":{"one":"1","two":"2:tcp","three":{"stage":"3"},"odd":"7"})" + more + "}";
}
std::string KillFlag(const std::string& standard) {
  return R"(,"fletbridge.kill":{"state":"ENABLED","variants":{"on":true,"off":false},)"
         R"("defaultVariant":")" +
         standard + "\"}";
}

TEST(Decision, TakesStageAndTransportOfTheVariant) {
  const Decision decision = DecideBy(StageFlag(R"(,"defaultVariant":"two")"));
  EXPECT_TRUE(decision.decided);
  EXPECT_EQ(decision.given.stage, "2");
  EXPECT_EQ(decision.given.transport, "tcp");
  EXPECT_EQ(DecideBy(StageFlag(R"(,"defaultVariant":"three")")).given.stage, "3");
}

TEST(Decision, TargetsByWhatIsKnownOfTheInstallation) {
  const std::string flags = StageFlag(
      R"(,"defaultVariant":"one","targeting":{"if":[
        {"sem_ver":[{"var":"appVersion"},">=","2.0.0"]},"three",
        {"==":[{"var":"targetingKey"},"abc"]},"two"]})");
  EXPECT_EQ(DecideBy(flags, {.installation = "x", .app = {}, .app_version = "2.1.0", .version = {}})
                .given.stage,
            "3");
  EXPECT_EQ(DecideBy(flags, {.installation = "abc", .app = {}, .app_version = {}, .version = {}})
                .given.stage,
            "2");
  EXPECT_EQ(DecideBy(flags).given.stage, "1");
}

TEST(Decision, IsTheSafeStageWhereTheFlagSaysNothing) {
  for (const std::string& flags :
       {std::string(R"("other":{"state":"ENABLED","variants":{"a":1}})"), StageFlag(""),
        StageFlag(R"(,"defaultVariant":"odd")"),
        StageFlag(R"(,"defaultVariant":"one","targeting":{"no such":1})")}) {
    const Decision decision = DecideBy(flags);
    EXPECT_FALSE(decision.decided) << flags;
    EXPECT_FALSE(decision.killed) << flags;
    EXPECT_EQ(decision.given.stage, "1") << flags;
    EXPECT_FALSE(decision.why.empty()) << flags;
  }
}

TEST(Decision, IsKilledByTheSwitchAndByADisabledFlag) {
  const std::string three = StageFlag(R"(,"defaultVariant":"three")");
  EXPECT_TRUE(DecideBy(three + KillFlag("on")).killed);
  EXPECT_EQ(DecideBy(three + KillFlag("on")).given.stage, "1");
  EXPECT_FALSE(DecideBy(three + KillFlag("off")).killed);
  EXPECT_EQ(DecideBy(three + KillFlag("off")).given.stage, "3");
  EXPECT_TRUE(DecideBy(StageFlag(R"(,"defaultVariant":"three")", "DISABLED")).killed);
}

// Who has written a switch that cannot be read has meant to pull it.
TEST(Decision, TakesABrokenSwitchForAPulledOne) {
  EXPECT_TRUE(DecideBy(StageFlag(R"(,"defaultVariant":"three")") +
                       R"(,"fletbridge.kill":{"state":"ENABLED","variants":{"on":true},
                          "targeting":{"if":[true,"onn"]}})")
                  .killed);
}

// The stage of each of many installations as one share rises.
TEST(Decision, NeverTakesAHigherStageAwayWhenItsShareRises) {
  const auto file = [](int share) {
    return *FlagFile::Parse("{\"flags\":{" +
                            StageFlag(R"(,"defaultVariant":"one","targeting":{"fractional":[
                              ["three",)" +
                                      std::to_string(share) + R"(],["two",20],["one",)" +
                                      std::to_string(80 - share) + "]]}") +
                            "}}");
  };
  std::vector<FlagFile> files;
  for (const int share : {0, 1, 10, 11, 50, 80}) files.push_back(file(share));
  for (int i = 0; i < 2000; ++i) {
    std::string before = "1";
    for (const FlagFile& one : files) {
      RolloutContext context;
      context.installation = "installation " + std::to_string(i);
      const std::string stage = Decide(one, context, 0).given.stage;
      EXPECT_GE(stage, before);
      before = stage;
    }
  }
}

}  // namespace
}  // namespace fletbridge
