#include "src/host/launch_plan.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// No process, no display and no file: everything that a plan depends on is here.
struct Plan : testing::Test {
  Plan() {
    facts.stages = {{"3", {"ffi"}, true}, {"2", {"uds", "tcp"}, true}, {"1", {"uds", "tcp"}}};
    facts.python.flet_version = "1.0.5";
    facts.generation = 3;
    facts.takes_socket = true;
    facts.hosting_obstacles = {{Hosting::kInterpreter, ""},
                               {Hosting::kStatic, "it is not built"},
                               {Hosting::kLibrary, "install it"}};
    facts.client = {"/client", {}, {}, "1.0.5", 3, false};
    request.script = "app.py";
  }

  void Lonely() { facts.hosting_obstacles[Hosting::kInterpreter] = "too old"; }
  void NoWindow(const std::string& why) {
    facts.window_obstacle = MakeError(Errc::kSetup, why);
    facts.passed_over = true;
  }
  LaunchPlan Decided(const Lowering& lowering = {}) {
    const Result<LaunchPlan> plan = Decide(request, facts, lowering);
    EXPECT_TRUE(plan) << plan.error().Line();
    return plan ? *plan : LaunchPlan();
  }
  std::string Refused() {
    const Result<LaunchPlan> plan = Decide(request, facts);
    return plan ? "" : plan.error().Line();
  }
  std::string Mode() {
    const Result<LaunchPlan> plan = Decide(request, facts);
    if (!plan) return plan.error().Line();
    return plan->direct ? "direct" : "relayed";
  }

  RunRequest request;
  LaunchFacts facts;
};

// ---- The stage

TEST_F(Plan, TakesTheHighestStageAndSaysSo) {
  const LaunchPlan plan = Decided();
  EXPECT_EQ(plan.stage, "3");
  EXPECT_EQ(plan.transport, "ffi");
  EXPECT_THAT(plan.hostings, ElementsAre(Hosting::kInterpreter));
  EXPECT_EQ(plan.why, "the highest stage that works here");
  EXPECT_EQ(Describe(plan), "stage 3 (ffi, one process, hosting interpreter), desktop");
  request.transport = "tcp";
  EXPECT_EQ(Decided().stage, "2") << "the highest that has it";
}

TEST_F(Plan, ReplacesAHostingThatWasNamedOnlyWhereThatIsAllowed) {
  request.hosting = "library";
  for (const char* stage : {"auto", "3", "2"}) {
    request.stage = stage;
    EXPECT_THAT(Refused(), HasSubstr("not library: install it")) << stage;
  }
  request.stage = "2";
  request.fallback = true;
  const LaunchPlan other = Decided();
  EXPECT_EQ(other.stage, "2");
  EXPECT_THAT(other.hostings, ElementsAre(Hosting::kInterpreter));
  EXPECT_THAT(other.hosting_why, HasSubstr("not library: "));
}

TEST_F(Plan, RefusesAnInterpreterThatLoadsNoShimOnEachStage) {
  Lonely();
  facts.own_process_obstacle = "/p cannot be used: it is started with -I";
  for (const char* stage : {"auto", "1"}) {
    request.stage = stage;
    EXPECT_THAT(Refused(), HasSubstr("/p cannot be used: it is started with -I")) << stage;
    EXPECT_EQ(Refused().find("--fallback"), std::string::npos) << "none is lower";
  }
}

TEST_F(Plan, FallsToTwoProcessesWhereNothingCanBeHosted) {
  Lonely();
  const LaunchPlan plan = Decided();
  EXPECT_EQ(plan.stage, "1");
  EXPECT_TRUE(plan.hostings.empty());
  EXPECT_THAT(plan.why, AllOf(HasSubstr("too old"), HasSubstr("install it")));
  EXPECT_EQ(plan.fallbacks.size(), 2u);
  request.stage = "1";
  request.hosting = "static";
  EXPECT_EQ(Decided().stage, "1") << "no matter for a stage that hosts nothing";
}

TEST_F(Plan, GivesAFletOfEachGenerationTheHighestStage) {
  for (facts.generation = 1; facts.generation <= 3; ++facts.generation)
    EXPECT_EQ(Decided().stage, "3") << facts.generation;
}

TEST_F(Plan, BeginsBelowWhatHasFailed) {
  request.stage = "3";
  request.fallback = true;
  const LaunchPlan first = Decided();
  ASSERT_TRUE(MayLower(request, facts, first.stage));
  const Lowering lowering = LowerThan(first, facts, MakeError(Errc::kSetup, "it died"));
  const LaunchPlan second = Decided(lowering);
  EXPECT_EQ(second.stage, "2");
  EXPECT_EQ(second.why, "stage 3 cannot run: it died");
  ASSERT_EQ(second.fallbacks.size(), 1u);
  EXPECT_EQ(second.fallbacks[0].why, "it died");
  Lonely();
  const LaunchPlan third = Decided(lowering);
  EXPECT_EQ(third.stage, "1");
  EXPECT_THAT(third.why, AllOf(HasSubstr("it died"), HasSubstr("too old")));
  EXPECT_EQ(third.fallbacks.size(), 2u);
  EXPECT_FALSE(MayLower(request, facts, third.stage));
}

struct Legacy : Plan {
  Legacy() {
    facts.stages.push_back(
        {.name = "legacy", .transports = {"ws"}, .by_name = true, .wants_web = true});
    request.stage = "legacy";
  }
};

TEST_F(Legacy, IsTakenByNameAlone) {
  EXPECT_EQ(Decided().stage, "legacy");
  EXPECT_EQ(Decided().transport, "ws");
  EXPECT_EQ(Decided().why, "");
  EXPECT_EQ(Describe(Decided()), "stage legacy (ws, three processes), desktop");
  EXPECT_EQ(Plan::Mode(), "relayed");
  Lonely();
  facts.own_process_obstacle = "it is started with -I";
  request.stage = "auto";
  EXPECT_THAT(Refused(), HasSubstr("no stage can run"));
}

TEST_F(Legacy, IsTheOnlyStageOfAFletWithABrokerOfItsOwn) {
  facts.generation = 0;
  facts.brokerless_obstacle = "it has a broker; use --stage legacy";
  EXPECT_EQ(Decided().stage, "legacy");
  for (const bool fallback : {false, true}) {
    request.fallback = fallback;
    for (const char* stage : {"1", "2", "3"}) {
      request.stage = stage;
      EXPECT_EQ(Refused(),
                std::string("stage ") + stage + " cannot run: it has a broker; use --stage legacy");
    }
    request.stage = "auto";
    EXPECT_EQ(Refused(),
              "no stage with fewer processes can run: it has a broker; use --stage legacy");
  }
  request.stage = "legacy";
  facts.web_obstacle = "no fletd";
  EXPECT_THAT(Refused(), HasSubstr("no stage can run: it has a broker"));
}

TEST_F(Legacy, HasStageOneBelowItAndIsBelowNone) {
  facts.web_obstacle = "no flet-web";
  EXPECT_THAT(Refused(), HasSubstr("stage legacy cannot run: no flet-web"));
  EXPECT_THAT(Refused(), HasSubstr("--fallback"));
  request.fallback = true;
  const LaunchPlan lower = Decided();
  EXPECT_EQ(lower.stage, "1");
  EXPECT_EQ(lower.why, "stage legacy cannot run: no flet-web");
  EXPECT_FALSE(MayLower(request, facts, "1"));
  facts.web_obstacle.clear();
  ASSERT_TRUE(MayLower(request, facts, "legacy"));
  const Lowering lowering = LowerThan(Decided(), facts, MakeError(Errc::kSetup, "it died"));
  EXPECT_EQ(Decided(lowering).stage, "1");
}

// ---- The UI

TEST_F(Plan, ShowsAWindowWhereThereCanBeOneElseSaysWhyNot) {
  EXPECT_EQ(Decided().shown_by, "desktop");
  EXPECT_EQ(Decided().client.folder, "/client");
  NoWindow("no display");
  EXPECT_EQ(Decided().shown_by, "headless");
  EXPECT_EQ(Decided().no_window, "no display");
  facts.passed_over = false;
  EXPECT_EQ(Refused(), "no display") << "the client was named, or pinned";
  request.ui = "desktop";
  EXPECT_EQ(Refused(), "no display");
  request.ui = "attach";
  EXPECT_EQ(Decided().shown_by, "attach");
}

TEST_F(Plan, ShowsNoWindowToStepsThatDidNotAskForOne) {
  request.steps_file = "steps.txt";
  EXPECT_EQ(Decided().shown_by, "headless");
  EXPECT_EQ(Decided().no_window, "");
  request.ui = "desktop";
  EXPECT_EQ(Decided().shown_by, "desktop");
  request.replay_file = "session.rec";
  EXPECT_EQ(Decided().shown_by, "replay");
}

// ---- The mode

struct Mode : Plan {
  Mode() {
    facts.python.flet_version = "0.82.2";
    facts.generation = facts.client.generation = 2;
    request.stage = "1";
  }
};

TEST_F(Mode, IsDirectWhereTheClientAndTheAppSpeakTheSame) {
  EXPECT_EQ(Plan::Mode(), "direct");
  request.stage = "2";
  request.transport = "tcp";
  EXPECT_EQ(Plan::Mode(), "direct");
}

TEST_F(Mode, IsRelayedWhereSomebodyMustReadThePackets) {
  const RunRequest asked = request;
  facts.generation = 3;
  EXPECT_EQ(Plan::Mode(), "relayed");
  facts.generation = -1;
  EXPECT_EQ(Plan::Mode(), "relayed");
  facts.generation = 2;
  facts.client.generation = 0;
  EXPECT_EQ(Plan::Mode(), "relayed");
  facts.client.generation = 2;
  request.ui = "attach";
  EXPECT_EQ(Plan::Mode(), "relayed");
  request = asked;
  request.mode = "relayed";
  EXPECT_EQ(Plan::Mode(), "relayed");
  EXPECT_EQ(Decided().mode_why, "asked for");
  request = asked;
  request.record_file = "session.rec";
  EXPECT_EQ(Plan::Mode(), "relayed");
  request.mode = "direct";
  EXPECT_THAT(Plan::Mode(), HasSubstr("a recording needs every packet"));
}

TEST_F(Mode, IsRelayedWhereTheAppIsStartedAgain) {
  request.watched_folder = "/app";
  EXPECT_EQ(Plan::Mode(), "relayed");
  EXPECT_TRUE(Decided().reloads);
  EXPECT_THAT(Describe(Decided()), HasSubstr("desktop, with hot reload"));
  request.mode = "direct";
  EXPECT_THAT(Plan::Mode(), HasSubstr("from one start of the app to the next"));
}

TEST_F(Mode, IsRelayedOverAPortThatOthersCouldTake) {
  request.transport = "tcp";
  facts.takes_socket = false;
  EXPECT_EQ(Plan::Mode(), "relayed");
  request.mode = "direct";
  EXPECT_THAT(Plan::Mode(), HasSubstr("others could take"));
  const Result<LaunchPlan> client = DecideAsClient(request, facts, "tcp");
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->direct) << "the app that has started us listens already";
}

TEST_F(Mode, RefusesADirectThatCannotBe) {
  request.mode = "direct";
  EXPECT_EQ(Plan::Mode(), "direct");
  facts.generation = 3;
  EXPECT_THAT(Plan::Mode(), AllOf(HasSubstr("mode direct cannot be: the client speaks"),
                                  HasSubstr("use --mode auto")));
}

TEST_F(Mode, AnAppOfJsonIsRelayedOrWithoutAWindowLikeAnyOther) {
  facts.python.flet_version = "0.28.3";
  facts.generation = facts.client.generation = 1;
  EXPECT_EQ(Plan::Mode(), "direct");
  request.mode = "relayed";
  EXPECT_EQ(Plan::Mode(), "relayed");
  request.mode = "auto";
  NoWindow("there is no display");
  EXPECT_EQ(Plan::Mode(), "relayed");
}

}  // namespace
}  // namespace fletbridge
