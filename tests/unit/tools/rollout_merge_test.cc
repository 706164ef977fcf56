#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

class RolloutMergeTest : public testing::Test {
 protected:
  static Json Stage(int starts, int failures, double first_frame) {
    return {{"starts", starts},
            {"failures", failures},
            {"first_frame_seconds", {{"count", starts}, {"sum", first_frame * starts}}},
            {"click_seconds", {{"count", 0}, {"sum", 0.0}}}};
  }
  // As `rollout status --json` prints it.
  static Json Status(const std::string& id, const std::string& stage, const Json& figures) {
    return {{"installation", id}, {"apps", {{{"app", "shop"}, {"stages", {{stage, figures}}}}}}};
  }
  void Write(const Json& status) {
    files_.push_back("status" + std::to_string(files_.size()) + ".json");
    box_.folder.Write(files_.back(), status.dump());
  }
  // Ten installations on stage 1 and ten on stage 3, each with 100 starts.
  void Fleet(int failures, double first_frame) {
    for (int i = 0; i < 10; ++i) {
      Write(Status("one" + std::to_string(i), "1", Stage(100, 1, 0.5 + 0.01 * i)));
      Write(Status("three" + std::to_string(i), "3", Stage(100, failures, first_frame + 0.01 * i)));
    }
  }
  int Merge(std::vector<std::string> options = {}) {
    box_.out.str({});
    box_.err.str({});
    options.insert(options.begin(), {"rollout", "merge"});
    options.insert(options.end(), files_.begin(), files_.end());
    return FletbridgeMain(box_.tools, options);
  }

  MadeUpToolbox box_;
  std::vector<std::string> files_;
};

TEST_F(RolloutMergeTest, SaysThatAStageWithMoreFailuresIsWorse) {
  Fleet(9, 0.5);
  EXPECT_EQ(Merge(), 1) << box_.err.str();
  EXPECT_THAT(box_.out.str(),
              AllOf(HasSubstr("stage 1: 10 installations, 1000 starts, 10 failed: 1.00 %"),
                    HasSubstr("+8.00 % [+"), HasSubstr("of the starts: worse"),
                    HasSubstr("stage 3 is worse than stage 1\n")));
  EXPECT_EQ(Merge({"--json"}), 1);
  const Json told = Json::parse(box_.out.str());
  EXPECT_EQ(told[0]["stages"]["3"]["worse"], true);
  EXPECT_GT(told[0]["stages"]["3"]["against_baseline"][0]["difference"]["low"], 0);
}

TEST_F(RolloutMergeTest, DoesNotCallChanceWorse) {
  Fleet(1, 0.5);
  EXPECT_EQ(Merge(), 0) << box_.out.str();
  EXPECT_THAT(box_.out.str(), HasSubstr("stage 3 is not shown to be worse than stage 1\n"));
}

// One broken machine fails at each start: a thousand failures of one installation are not those of
// a fleet.
TEST_F(RolloutMergeTest, TakesTheStartsOfOneInstallationForOne) {
  Fleet(1, 0.5);
  Write(Status("broken", "3", Stage(100, 100, 0.5)));
  EXPECT_EQ(Merge(), 0) << box_.out.str();
  EXPECT_THAT(box_.out.str(), HasSubstr("of the starts: no difference shown"));
}

TEST_F(RolloutMergeTest, SaysThatASlowerStageIsWorseAndComparesWithTheStageThatIsNamed) {
  Fleet(1, 0.9);
  EXPECT_EQ(Merge(), 1);
  EXPECT_THAT(box_.out.str(), HasSubstr("first frame    x 1.7"));
  EXPECT_EQ(Merge({"--baseline", "3"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("stage 1 is not shown to be worse than stage 3\n"));
  EXPECT_EQ(Merge({"--app", "other"}), 2);
}

TEST_F(RolloutMergeTest, SaysWhereThereAreTooFewInstallations) {
  Write(Status("a", "1", Stage(100, 0, 0.5)));
  Write(Status("b", "3", Stage(100, 100, 0.5)));
  EXPECT_EQ(Merge(), 0);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("whether stage 3 is worse cannot be told: name more installations\n"));
}

TEST_F(RolloutMergeTest, RefusesAFileThatIsNoStatusInOneLine) {
  const auto refused = [&](const std::string& text) {
    files_ = {"bad.json"};
    box_.folder.Write("bad.json", text);
    EXPECT_EQ(Merge(), 2) << text;
    const std::string said = box_.err.str();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_EQ(box_.out.str(), "");
    return said;
  };
  EXPECT_THAT(refused("no"),
              HasSubstr("bad.json is no answer of rollout status --json: it is no JSON"));
  EXPECT_THAT(refused("[]"), HasSubstr("it has no \"installation\""));
  EXPECT_THAT(refused(R"({"installation": 7, "apps": []})"), HasSubstr("no id"));
  EXPECT_THAT(refused(R"({"installation": "a", "apps": [{"app": "x", "stages": {"9": {}}}]})"),
              HasSubstr("stage \"9\""));
  EXPECT_THAT(refused(Status("a", "1", Stage(1, 2, 0.5)).dump()),
              HasSubstr("more failures than starts"));
  Json negative = Status("a", "1", Stage(5, 2, 0.5));
  negative["apps"][0]["stages"]["1"]["starts"] = -5;
  EXPECT_THAT(refused(negative.dump()), HasSubstr("\"starts\" is no count"));
  negative["apps"][0]["stages"]["1"]["starts"] = 1e300;
  EXPECT_THAT(refused(negative.dump()), HasSubstr("\"starts\" is no count"));
  Json endless = Status("a", "1", Stage(5, 2, 0.5));
  endless["apps"][0]["stages"]["1"]["first_frame_seconds"]["sum"] = "x";
  EXPECT_THAT(refused(endless.dump()), HasSubstr("is no time"));
  EXPECT_THAT(refused(std::string(5 << 20, ' ')), HasSubstr("bad.json"));
  EXPECT_THAT(refused(R"({"installation": "a", "apps": []})"),
              HasSubstr("there is no start in 1 file"));
  files_ = {"bad.json", "twice.json"};
  box_.folder.Write("twice.json", R"({"installation": "a", "apps": []})");
  EXPECT_EQ(Merge(), 2);
  EXPECT_THAT(
      box_.err.str(),
      HasSubstr(
          "twice.json is no answer of rollout status --json: it is the installation of bad.json"));
  files_ = {"none.json"};
  EXPECT_EQ(Merge(), 2);
}

}  // namespace
}  // namespace fletbridge
