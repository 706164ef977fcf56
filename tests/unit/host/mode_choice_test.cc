#include "src/host/mode_choice.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Mode : testing::Test {
  Mode() {
    request.shown_by = "desktop";
    request.client_generation = 2;
  }
  std::string Chosen() {
    const Result<> chosen = ChooseMode(request, app);
    if (!chosen) return chosen.error().Line();
    return request.direct ? "direct" : "relayed";
  }

  RunRequest request;
  ModeFacts app{"0.82.2", 2, "1", "uds", true, {}};
};

TEST_F(Mode, IsDirectWhereTheClientAndTheAppSpeakTheSame) {
  EXPECT_EQ(Chosen(), "direct");
  app.stage = "2";
  app.transport = "tcp";
  EXPECT_EQ(Chosen(), "direct");
}

TEST_F(Mode, IsRelayedWhereSomebodyMustReadThePackets) {
  const RunRequest asked = request;
  const ModeFacts known = app;
  app.generation = 3;
  EXPECT_EQ(Chosen(), "relayed");
  app.generation = 0;
  EXPECT_EQ(Chosen(), "relayed");
  app = known;
  request.client_generation = 0;
  EXPECT_EQ(Chosen(), "relayed");
  request = asked;
  request.shown_by = "attach";
  EXPECT_EQ(Chosen(), "relayed");
  request = asked;
  request.mode = "relayed";
  EXPECT_EQ(Chosen(), "relayed");
}

TEST_F(Mode, IsRelayedOverAPortThatOthersCouldTake) {
  app.transport = "tcp";
  app.port_is_ours = false;
  EXPECT_EQ(Chosen(), "relayed");
  request.mode = "direct";
  EXPECT_THAT(Chosen(), HasSubstr("others could take"));
}

TEST_F(Mode, RefusesADirectThatCannotBe) {
  request.mode = "direct";
  EXPECT_EQ(Chosen(), "direct");
  app.generation = 3;
  EXPECT_THAT(Chosen(), AllOf(HasSubstr("mode direct cannot be: the client speaks"),
                              HasSubstr("use --mode auto")));
}

TEST_F(Mode, RefusesAnAppOfJsonThatCannotBeDirect) {
  app = {"0.28.3", 1, "1", "uds", true, {}};
  request.client_generation = 1;
  EXPECT_EQ(Chosen(), "direct");
  request.mode = "relayed";
  EXPECT_THAT(Chosen(), AllOf(HasSubstr("Flet 0.28.3 speaks JSON"), HasSubstr("--mode relayed")));
  request.mode = "auto";
  request.shown_by = "headless";
  app.no_window = "there is no display";
  EXPECT_THAT(Chosen(), AllOf(HasSubstr("Flet 0.28.3 speaks JSON"), HasSubstr("the headless UI"),
                              HasSubstr("there is no display")));
}

}  // namespace
}  // namespace fletbridge
