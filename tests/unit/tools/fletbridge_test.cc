#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/version.h"
#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;

TEST(Fletbridge, ShowsItsHelpAndFailsWithoutACommand) {
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {}), 2);
  EXPECT_THAT(box.err.str(), HasSubstr("Usage: fletbridge COMMAND"));
  EXPECT_EQ(box.out.str(), "");
}

TEST(Fletbridge, ShowsHelpAndVersionOnRequest) {
  MadeUpToolbox box;
  EXPECT_EQ(FletbridgeMain(box.tools, {"--help"}), 0);
  EXPECT_THAT(box.out.str(), HasSubstr("doctor"));
  box.out.str({});
  EXPECT_EQ(FletbridgeMain(box.tools, {"--version"}), 0);
  EXPECT_EQ(box.out.str(), "fletbridge " + std::string(Version()) + "\n");
}

TEST(Fletbridge, RefusesUnknownCommandsInOneLine) {
  const auto refused = [](const std::string& name) {
    MadeUpToolbox box;
    EXPECT_EQ(FletbridgeMain(box.tools, {name}), 2);
    return box.err.str();
  };
  EXPECT_EQ(refused("docter"),
            "fletbridge: unknown command docter; did you mean fletbridge doctor?\n");
  EXPECT_EQ(refused("shop.py"),
            "fletbridge: unknown command shop.py; to run an app: fletbridge run shop.py\n");
  EXPECT_EQ(refused("--json"), "fletbridge: unknown option --json; see fletbridge --help\n");
}

TEST(FletClient, TakesItsSettingsFromTheEnvironment) {
  MadeUpToolbox box;
  box.folder.Write("fletbridge.json",
                   R"({"stage": "9"})");  // of an app, and so none of its business
  box.tools.environment = {{"FLETBRIDGE_UI", "headless"}, {"FLETBRIDGE_STEPS", "steps.txt"}};
  EXPECT_EQ(FletMain(box.tools, {"/tmp/flet.sock", "/tmp/pid", "/assets"}), 43);
  EXPECT_THAT(box.client_arguments, testing::ElementsAre("/tmp/flet.sock", "/tmp/pid"));
  ASSERT_EQ(box.runs.size(), 1u);
  EXPECT_EQ(box.runs[0].ui, "headless");
  EXPECT_EQ(box.runs[0].steps_file, box.folder.path() + "/steps.txt");
}

TEST(FletClient, RefusesWrongUsageInOneLine) {
  MadeUpToolbox box;
  EXPECT_EQ(FletMain(box.tools, {"run"}), 2);
  EXPECT_EQ(box.err.str(),
            "fletbridge: this flet is a client that Python starts: flet PAGE_URL PID_FILE "
            "[ASSETS_DIR]; to run an app use fletbridge run\n");
  box.err.str({});
  box.tools.environment = {{"FLETBRIDGE_UI", "webview"}};
  EXPECT_EQ(FletMain(box.tools, {"/tmp/flet.sock", "/tmp/pid"}), 2);
  EXPECT_THAT(box.err.str(),
              HasSubstr("ui webview is not built into this version (asked for by FLETBRIDGE_UI)"));
}

TEST(FletClient, ShowsHelpAndVersionOnRequest) {
  MadeUpToolbox box;
  EXPECT_EQ(FletMain(box.tools, {"--help"}), 0);
  EXPECT_EQ(FletMain(box.tools, {"--version"}), 0);
  EXPECT_THAT(box.out.str(), HasSubstr("FLET_VIEW_PATH"));
}

}  // namespace
}  // namespace fletbridge
