#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class CheckCommandTest : public testing::Test {
 protected:
  CheckCommandTest() {
    box_.interpreters[""] = {};  // what is found when none is asked for
    box_.interpreters["/opt/python"] = {};
  }
  int Check(std::vector<std::string> args) {
    args.insert(args.begin(), "check");
    return FletbridgeMain(box_.tools, args);
  }
  // What the analyser is started with.
  json Asked(const std::vector<std::string>& args) {
    box_.checks.clear();
    EXPECT_EQ(Check(args), 70);  // this toolbox becomes nothing
    EXPECT_EQ(box_.checks.size(), 1u) << box_.err.str();
    return box_.checks.empty() ? json() : json::parse(box_.checks.back().second);
  }

  MadeUpToolbox box_;
};

TEST_F(CheckCommandTest, HandsTheDefaultsToTheAnalyser) {
  const json request = Asked({"app.py"});
  EXPECT_EQ(request["target"], "app.py");
  EXPECT_EQ(request["stage"], "");
  EXPECT_EQ(request["fail_on"], "breaks");
  EXPECT_EQ(request["json"], false);
  EXPECT_EQ(request["run"], false);
  EXPECT_EQ(request["from"], "1");
  EXPECT_EQ(request["to"], "3");
}

TEST_F(CheckCommandTest, HandsEachOptionToTheAnalyser) {
  const json request =
      Asked({"--python", "/opt/python", "--stage", "2",      "--fail-on", "differs",   "--select",
             "FB1",      "--ignore",    "FB103",   "--json", "--sarif",   "x.sarif",   "--run",
             "--from",   "2",           "--to",    "3",      "--steps",   "steps.txt", "--seconds",
             "1.5",      "--flet",      "0.82.2",  "shop"});
  EXPECT_EQ(box_.checks.back().first, "/opt/python");
  EXPECT_EQ(request["python"], "/opt/python");
  EXPECT_EQ(request["stage"], "2");
  EXPECT_EQ(request["fail_on"], "differs");
  EXPECT_EQ(request["select"], "FB1");
  EXPECT_EQ(request["ignore"], "FB103");
  EXPECT_EQ(request["json"], true);
  EXPECT_EQ(request["sarif"], "x.sarif");
  EXPECT_EQ(request["run"], true);
  EXPECT_EQ(request["from"], "2");
  EXPECT_EQ(request["steps"], "steps.txt");
  EXPECT_EQ(request["seconds"], 1.5);
  EXPECT_EQ(request["flet"], "0.82.2");
  EXPECT_EQ(request["target"], "shop");
}

TEST_F(CheckCommandTest, RefusesWrongUsageInOneLine) {
  const auto refused = [&](const std::vector<std::string>& args) {
    box_.err.str({});
    EXPECT_EQ(Check(args), 2);
    EXPECT_TRUE(box_.checks.empty());
    const std::string text = box_.err.str();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  };
  EXPECT_THAT(refused({}), HasSubstr("no app to check"));
  EXPECT_THAT(refused({"--stage", "4", "app.py"}), HasSubstr("--stage"));
  EXPECT_THAT(refused({"--fail-on", "fine", "app.py"}), HasSubstr("--fail-on"));
  EXPECT_THAT(refused({"a.py", "b.py"}), HasSubstr("b.py"));
}

TEST_F(CheckCommandTest, SaysWhyThereIsNoInterpreter) {
  EXPECT_EQ(Check({"--python", "/nowhere", "app.py"}), 70);
  EXPECT_THAT(box_.err.str(), HasSubstr("/nowhere"));
}

TEST_F(CheckCommandTest, ShowsItsHelp) {
  EXPECT_EQ(Check({"--help"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("--fail-on"));
  EXPECT_THAT(box_.out.str(), HasSubstr("fletbridge check [options] SCRIPT|DIR"));
}

}  // namespace
}  // namespace fletbridge
