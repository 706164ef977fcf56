#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "src/rollout/start_book.h"
#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

class RolloutCommandTest : public testing::Test {
 protected:
  RolloutCommandTest() {
    made_up.folder.Write("app.py");
    made_up.tools.environment = {{"XDG_STATE_HOME", made_up.folder.path() + "/state"}};
  }
  int Main(const std::vector<std::string>& args) {
    made_up.out.str("");
    made_up.err.str("");
    return FletbridgeMain(made_up.tools, args);
  }
  // The flags of a file whose fletbridge.stage is `stage`, with more members of "flags".
  void Flags(const std::string& stage, const std::string& more = {}) {
    made_up.folder.Write("flags.json",
                         R"({"flags":{"fletbridge.stage":{"state":"ENABLED","variants":{"v":")" +
                             stage + R"("},"defaultVariant":"v"})" + more + "}}");
  }
  // Runs the app; what the host was asked for.
  RunRequest Ran(std::vector<std::string> options) {
    options.insert(options.begin(), {"run", "--rollout", "flags.json"});
    options.emplace_back("app.py");
    EXPECT_EQ(Main(options), 42) << made_up.err.str();
    return made_up.runs.empty() ? RunRequest() : made_up.runs.back();
  }

  MadeUpToolbox made_up;
};

constexpr const char* kKill =
    R"(,"fletbridge.kill":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"})";

TEST_F(RolloutCommandTest, ARunTakesStageTransportAndFallbackFromTheFlagFile) {
  Flags("2:tcp");
  const RunRequest request = Ran({});
  EXPECT_EQ(request.stage, "2");
  EXPECT_EQ(request.transport, "tcp");
  EXPECT_TRUE(request.fallback);
  EXPECT_TRUE(BookOptionsFrom(request.guard).may_lower);
  EXPECT_EQ(BookOptionsFrom(request.guard).folder, made_up.folder.path() + "/state/fletbridge");
  EXPECT_EQ(made_up.err.str(), "");
}

TEST_F(RolloutCommandTest, AStageThatAPersonHasNamedIsNotLoweredButNoted) {
  Flags("2:tcp");
  made_up.tools.environment.emplace_back("FLETBRIDGE_STAGE", "3");
  const RunRequest request = Ran({});
  EXPECT_EQ(request.stage, "3");
  EXPECT_EQ(request.transport, "");
  EXPECT_FALSE(BookOptionsFrom(request.guard).may_lower);
  EXPECT_FALSE(BookOptionsFrom(request.guard).folder.empty());
}

TEST_F(RolloutCommandTest, ATransportThatTheGivenStageLacksLeavesTheStageAlone) {
  Flags("3");
  const RunRequest request = Ran({"--transport", "tcp"});
  EXPECT_EQ(request.stage, "auto");
  EXPECT_EQ(request.transport, "tcp");
}

TEST_F(RolloutCommandTest, TheKillSwitchClearsATransportOfAHigherStage) {
  Flags("3", kKill);
  made_up.tools.environment.emplace_back("FLETBRIDGE_STAGE", "3");
  made_up.tools.environment.emplace_back("FLETBRIDGE_TRANSPORT", "ffi");
  const RunRequest request = Ran({});
  EXPECT_EQ(request.stage, "1");
  EXPECT_EQ(request.transport, "");
  EXPECT_EQ(Ran({"--stage", "3"}).stage, "3");
  EXPECT_EQ(Ran({"--transport", "ffi"}).stage, "3");
}

TEST_F(RolloutCommandTest, WithoutARolloutNothingIsNoted) {
  EXPECT_EQ(Main({"run", "app.py"}), 42);
  EXPECT_TRUE(made_up.runs.back().guard.empty());
}

TEST_F(RolloutCommandTest, ExplainNamesTheFileAndTheReason) {
  Flags("3");
  EXPECT_EQ(Main({"rollout", "explain", "--rollout", "flags.json", "app.py"}), 0);
  EXPECT_THAT(made_up.out.str(), AllOf(HasSubstr("flags.json"), HasSubstr("variant v, STATIC")));
  EXPECT_EQ(Main({"run", "--explain", "--rollout", "flags.json", "app.py"}), 0);
  EXPECT_THAT(made_up.out.str(), HasSubstr("flags.json: variant v, STATIC"));
  EXPECT_EQ(Main({"rollout", "explain"}), 0);
  EXPECT_THAT(made_up.out.str(), HasSubstr("no rollout is set"));
}

TEST_F(RolloutCommandTest, ExplainSaysWhatAStartWouldReallyDo) {
  Flags("3");
  made_up.plan.stage = "2";
  made_up.plan.transport = "uds";
  made_up.plan.hostings = {Hosting::kInterpreter};
  made_up.plan.why = "stage 3 has failed (x) and is tried again in 50 min";
  made_up.plan.fallbacks = {{"3", "2", made_up.plan.why}};
  EXPECT_EQ(Main({"rollout", "explain", "--rollout", "flags.json", "app.py"}), 0);
  EXPECT_THAT(made_up.out.str(),
              HasSubstr("\na start        stage 2 (uds, hosting interpreter): "
                        "stage 3 has failed (x) and is tried again in 50 min\n"));
  EXPECT_EQ(made_up.planned.back().stage, "3");
  EXPECT_TRUE(BookOptionsFrom(made_up.planned.back().guard).may_lower);
  EXPECT_EQ(Main({"rollout", "explain", "--rollout", "flags.json", "gone.py"}), 0);
  EXPECT_THAT(made_up.out.str(), HasSubstr("a start        would be refused: cannot open gone.py"));
}

TEST_F(RolloutCommandTest, ARunKnowsWhatTheRolloutHasSaid) {
  Flags("2");
  RunRequest request = Ran({});
  EXPECT_EQ(request.rollout.address, made_up.folder.path() + "/flags.json");
  EXPECT_EQ(request.rollout.variant, "v");
  EXPECT_EQ(request.rollout.why, "variant v, STATIC");
  EXPECT_TRUE(request.rollout.chose);
  request = Ran({"--stage", "3"});
  EXPECT_EQ(request.rollout.variant, "v");
  EXPECT_FALSE(request.rollout.chose);
}

TEST_F(RolloutCommandTest, MetricsWithoutARolloutAreRefused) {
  EXPECT_EQ(Main({"run", "--metrics", "m.prom", "app.py"}), 2);
  EXPECT_THAT(made_up.err.str(), AllOf(HasSubstr("(from --metrics) counts the starts of a rollout"),
                                       HasSubstr("set one with --rollout")));
  made_up.tools.environment.emplace_back("FLETBRIDGE_METRICS", "m.prom");
  EXPECT_EQ(Main({"run", "app.py"}), 42) << "it may be meant for other apps";
  EXPECT_THAT(made_up.err.str(),
              AllOf(HasSubstr("no metrics are written to "),
                    HasSubstr("(from FLETBRIDGE_METRICS): there is no rollout")));
}

TEST_F(RolloutCommandTest, MetricsThatCannotBeWrittenAreSaid) {
  Flags("2");
  made_up.tools.environment = {{"XDG_STATE_HOME", "/proc/none"}};
  Ran({"--metrics", "m.prom"});
  EXPECT_THAT(made_up.err.str(), HasSubstr("no metrics are written: "));
}

TEST_F(RolloutCommandTest, EvalAnswersAsJson) {
  Flags("3");
  EXPECT_EQ(Main({"rollout", "eval", "flags.json", "--flag", "fletbridge.stage"}), 0);
  const Json good = Json::parse(made_up.out.str());
  EXPECT_EQ(good["value"], "3");
  EXPECT_EQ(good["reason"], "STATIC");
  EXPECT_TRUE(good["errorCode"].is_null());
  EXPECT_EQ(Main({"rollout", "eval", "flags.json", "--flag", "none"}), 1);
  EXPECT_EQ(Json::parse(made_up.out.str())["errorCode"], "FLAG_NOT_FOUND");
  EXPECT_EQ(
      Main({"rollout", "eval", "flags.json", "--flag", "fletbridge.stage", "--type", "object"}), 1);
  EXPECT_EQ(Json::parse(made_up.out.str())["errorCode"], "TYPE_MISMATCH");
}

TEST_F(RolloutCommandTest, WrongUseIsOneLine) {
  Flags("3");
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"rollout", "evla"},
        {"rollout", "validate", "gone.json"},
        {"rollout", "eval", "flags.json"},
        {"rollout", "eval", "flags.json", "--flag", "a", "--context", "[]"}}) {
    EXPECT_EQ(Main(args), 2) << args.back();
    EXPECT_EQ(made_up.out.str(), "");
    const std::string text = made_up.err.str();
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  }
}

TEST_F(RolloutCommandTest, ValidateEndsWith1ForAnError) {
  Flags("4");
  EXPECT_EQ(Main({"rollout", "validate", "flags.json"}), 1);
  EXPECT_THAT(made_up.out.str(), HasSubstr("flags.json:1:"));
  EXPECT_EQ(Main({"rollout", "validate", "flags.json", "--json"}), 1);
  EXPECT_EQ(Json::parse(made_up.out.str())[0]["severity"], "error");
}

TEST_F(RolloutCommandTest, StatusIsEmptyAtFirst) {
  EXPECT_EQ(Main({"rollout", "status", "--json"}), 0);
  EXPECT_EQ(Json::parse(made_up.out.str())["apps"], Json::array());
  EXPECT_EQ(Main({"rollout", "reset"}), 0);
}

}  // namespace
}  // namespace fletbridge
