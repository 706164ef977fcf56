#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class RunCommandTest : public testing::Test {
 protected:
  RunCommandTest() { box_.folder.Write("app.py"); }

  int Run(std::vector<std::string> args) {
    args.insert(args.begin(), "run");
    return FletbridgeMain(box_.tools, args);
  }
  // What a run that must go through hands to the host.
  RunRequest Asked(const std::vector<std::string>& args) {
    box_.runs.clear();
    EXPECT_EQ(Run(args), 42) << box_.err.str();
    EXPECT_EQ(box_.runs.size(), 1u);
    return box_.runs.empty() ? RunRequest{} : box_.runs.back();
  }
  // The one line that a refused run prints.
  std::string Refused(const std::vector<std::string>& args) {
    box_.runs.clear();
    box_.err.str({});
    EXPECT_EQ(Run(args), 2);
    EXPECT_THAT(box_.runs, IsEmpty());
    const std::string text = box_.err.str();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_THAT(text, testing::StartsWith("fletbridge: "));
    return text;
  }

  MadeUpToolbox box_;
};

TEST_F(RunCommandTest, HandsTheDefaultsToTheHost) {
  const RunRequest request = Asked({"app.py"});
  EXPECT_EQ(request.script, "app.py");
  EXPECT_EQ(request.module, "");
  EXPECT_EQ(request.stage, "auto");
  EXPECT_EQ(request.transport, "");
  EXPECT_EQ(request.ui, "auto");
  EXPECT_THAT(request.arguments, IsEmpty());
  EXPECT_THAT(request.environment, IsEmpty());
  EXPECT_EQ(request.limits.max_packet, std::size_t{64} << 20);
}

TEST_F(RunCommandTest, ReturnsTheHostsExitCode) { EXPECT_EQ(Run({"app.py"}), 42); }

TEST_F(RunCommandTest, HandsEachOptionToTheHost) {
  const RunRequest request =
      Asked({"--stage",         "2",          "--transport=tcp", "--ui",         "headless",
             "--steps",         "s.txt",      "--report",        "r.json",       "--python",
             "venv/bin/python", "--fallback", "--quiet",         "--max-packet", "1MiB",
             "--high-water",    "8K",         "--log-level",     "debug",        "app.py"});
  const std::string here = box_.folder.path() + "/";
  EXPECT_EQ(request.stage, "2");
  EXPECT_EQ(request.transport, "tcp");
  EXPECT_EQ(request.ui, "headless");
  EXPECT_EQ(request.steps_file, here + "s.txt");
  EXPECT_EQ(request.report_file, here + "r.json");
  EXPECT_EQ(request.python, here + "venv/bin/python");
  EXPECT_TRUE(request.fallback);
  EXPECT_TRUE(request.quiet);
  EXPECT_EQ(request.limits.max_packet, 1u << 20);
  EXPECT_EQ(request.limits.high_water, 8192u);
  EXPECT_EQ(request.limits.low_water, 2048u);
  EXPECT_EQ(log_level(), LogLevel::kDebug);
}

TEST_F(RunCommandTest, SplitsTheAddressOffAttach) {
  EXPECT_EQ(Asked({"--ui", "attach", "app.py"}).attach_address, "");
  const RunRequest request = Asked({"--ui", "attach=tcp:127.0.0.1:8550", "app.py"});
  EXPECT_EQ(request.ui, "attach");
  EXPECT_EQ(request.attach_address, "tcp:127.0.0.1:8550");
}

TEST_F(RunCommandTest, LeavesAllBehindTheScriptToTheApp) {
  const RunRequest request =
      Asked({"--stage", "1", "app.py", "-x", "--stage", "9", "--help", "-m", "--", "last"});
  EXPECT_EQ(request.stage, "1");
  EXPECT_EQ(request.script, "app.py");
  EXPECT_EQ(request.module, "");
  EXPECT_THAT(request.arguments, ElementsAre("-x", "--stage", "9", "--help", "-m", "--", "last"));
}

TEST_F(RunCommandTest, TakesItsLongOptionsRightBehindTheApp) {
  const RunRequest request =
      Asked({"app.py", "--stage", "2", "--transport=tcp", "a", "--stage", "9"});
  EXPECT_EQ(request.stage, "2");
  EXPECT_EQ(request.transport, "tcp");
  EXPECT_THAT(request.arguments, ElementsAre("a", "--stage", "9"));
  const RunRequest marked = Asked({"app.py", "--stage", "2", "--", "--stage", "9"});
  EXPECT_EQ(marked.stage, "2");
  EXPECT_THAT(marked.arguments, ElementsAre("--stage", "9"));
}

TEST_F(RunCommandTest, LeavesAllBehindTheModuleToTheApp) {
  for (const std::vector<std::string>& written : {std::vector<std::string>{"-m", "shop.main"},
                                                  {"-mshop.main"},
                                                  {"--module", "shop.main"},
                                                  {"--module=shop.main"},
                                                  {"-vm", "shop.main"}}) {
    std::vector<std::string> args = {"--stage=3"};
    args.insert(args.end(), written.begin(), written.end());
    args.insert(args.end(), {"app.py", "--stage", "9"});
    const RunRequest request = Asked(args);
    EXPECT_EQ(request.module, "shop.main");
    EXPECT_EQ(request.script, "");
    EXPECT_EQ(request.stage, "3");
    EXPECT_THAT(request.arguments, ElementsAre("app.py", "--stage", "9"));
  }
}

TEST_F(RunCommandTest, AcceptsTheMarkBeforeAndBehindTheApp) {
  box_.folder.Write("-odd.py");
  EXPECT_EQ(Asked({"--stage", "1", "--", "-odd.py", "-x"}).script, "-odd.py");
  EXPECT_THAT(Asked({"--", "app.py", "-x"}).arguments, ElementsAre("-x"));
  EXPECT_THAT(Asked({"app.py", "--", "--verbose"}).arguments, ElementsAre("--verbose"));
  EXPECT_THAT(Asked({"app.py", "--", "--", "x"}).arguments, ElementsAre("--", "x"));
}

TEST_F(RunCommandTest, TakesAFoldersMain) {
  box_.folder.Write("shop/main.py");
  EXPECT_EQ(Asked({"shop"}).script, "shop/main.py");
  EXPECT_EQ(Asked({"shop/"}).script, "shop/main.py");
  box_.folder.Write("made/pyproject.toml",
                    "[tool.flet.app]\npath = 'src'\n[tool.fletbridge]\nstage = 1\n");
  box_.folder.Write("made/src/main.py");
  EXPECT_EQ(Asked({"made"}).script, "made/src/main.py");
  EXPECT_EQ(Asked({"made"}).stage, "1");
  box_.folder.Write("empty/readme.txt");
  EXPECT_EQ(Refused({"empty"}),
            "fletbridge: cannot open empty/main.py: there is no such file, and no __main__.py; "
            "name the app's script instead of its folder\n");
}

TEST_F(RunCommandTest, TakesTheMainOfThisFolderWhereNothingIsNamed) {
  box_.folder.Write("main.py");
  EXPECT_EQ(Asked({}).script, "main.py");
  EXPECT_EQ(Asked({"--stage", "1"}).script, "main.py");
  EXPECT_EQ(Asked({"app.py"}).script, "app.py");
  EXPECT_EQ(Asked({"-m", "shop"}).script, "");
}

TEST_F(RunCommandTest, TakesTheMainThatThePyprojectOfThisFolderNames) {
  box_.folder.Write("pyproject.toml", "[tool.flet.app]\npath = 'src'\n");
  box_.folder.Write("src/main.py");
  EXPECT_EQ(Asked({}).script, "src/main.py");
}

TEST_F(RunCommandTest, WarnsOfAnOptionBehindTheAppThatIsAlmostOurs) {
  EXPECT_THAT(Asked({"app.py", "--stgae", "3"}).arguments, ElementsAre("--stgae", "3"));
  EXPECT_EQ(box_.err.str(),
            "fletbridge: warning: --stgae goes to the app; if --stage is meant, correct it, and if "
            "not, write -- before it\n");
  box_.err.str({});
  EXPECT_THAT(Asked({"app.py", "--", "--stgae", "3"}).arguments, ElementsAre("--stgae", "3"));
  EXPECT_THAT(Asked({"app.py", "--theme", "dark"}).arguments, ElementsAre("--theme", "dark"));
  EXPECT_EQ(box_.err.str(), "");
}

TEST_F(RunCommandTest, IsQuietButForWarningsUnlessALevelIsNamed) {
  Asked({"--quiet", "app.py"});
  EXPECT_EQ(log_level(), LogLevel::kWarning);
  Asked({"--quiet", "--log-level", "info", "app.py"});
  EXPECT_EQ(log_level(), LogLevel::kInfo);
  Asked({"app.py"});
  EXPECT_EQ(log_level(), LogLevel::kInfo);
}

TEST_F(RunCommandTest, TakesAFolderThatPythonRuns) {
  box_.folder.Write("shop/__main__.py");
  box_.folder.Write("shop/fletbridge.json", R"({"stage": "1"})");
  for (const char* written : {"shop", "shop/", "./shop", "shop/."}) {
    const RunRequest request = Asked({written});
    EXPECT_EQ(request.script, "shop") << written;
    EXPECT_EQ(request.stage, "1") << written;
  }
  box_.folder.Write("made/pyproject.toml", "[tool.flet.app]\npath = 'src'\n");
  box_.folder.Write("made/src/__main__.py");
  EXPECT_EQ(Asked({"made"}).script, "made/src");
  box_.folder.Write("shop/main.py");
  EXPECT_EQ(Asked({"shop"}).script, "shop/main.py") << "as flet run takes it";
  box_.tools.cwd += "/made/src";
  EXPECT_EQ(Asked({"."}).script, ".");
}

TEST_F(RunCommandTest, GivesTheAppWhatFletRunGivesIt) {
  box_.folder.Write("shop/main.py");
  box_.folder.Write("shop/images/logo.png");
  const RunRequest request = Asked({"-a", "images", "--name", "shop", "-vv", "shop"});
  EXPECT_THAT(request.environment,
              ElementsAre(Pair("FLET_ASSETS_DIR", box_.folder.path() + "/shop/images"),
                          Pair("FLET_WEB_APP_PATH", "shop"), Pair("FLET_LOG_LEVEL", "debug")));
  EXPECT_THAT(Asked({"-aimages", "-m", "shop.main"}).environment,
              ElementsAre(Pair("FLET_ASSETS_DIR", box_.folder.path() + "/shop/images")));
}

TEST_F(RunCommandTest, WatchesTheAppsFolderAsFletRunDoes) {
  box_.folder.Write("shop/main.py");
  EXPECT_EQ(Asked({"shop"}).watched_folder, "");
  RunRequest request = Asked({"-d", "shop"});
  EXPECT_EQ(request.watched_folder, box_.folder.path() + "/shop");
  EXPECT_FALSE(request.watches_below);
  request = Asked({"-r", "--ignore-dirs", "out,data/big", "-m", "shop.main"});
  EXPECT_EQ(request.watched_folder, box_.folder.path() + "/shop");
  EXPECT_TRUE(request.watches_below);
  EXPECT_THAT(request.ignored_folders, ElementsAre("out", "data/big"));
  EXPECT_THAT(Asked({"-dr", "shop", "-d"}).arguments, ElementsAre("-d"));
}

TEST_F(RunCommandTest, WarnsOfAnAssetsFolderThatIsNotThere) {
  EXPECT_THAT(Asked({"-a", "images", "app.py"}).environment, IsEmpty());
  EXPECT_THAT(box_.err.str(),
              HasSubstr("warning: there is no assets folder " + box_.folder.path() + "/images"));
}

TEST_F(RunCommandTest, WarnsOfWhatOnlyTheWebHas) {
  Asked({"--ui", "headless", "--workers", "2", "app.py"});
  EXPECT_EQ(box_.err.str(), "fletbridge: warning: --workers does nothing without --ui web\n");
  box_.err.str({});
  Asked({"--web", "--workers", "2", "app.py"});
  EXPECT_EQ(box_.err.str(), "");
}

TEST_F(RunCommandTest, ReadsTheSettingsBesideTheApp) {
  box_.folder.Write("deep/app.py");
  box_.folder.Write("deep/fletbridge.json", R"({"stage": "1"})");
  EXPECT_EQ(Asked({"deep/app.py"}).stage, "1");
  box_.tools.environment.emplace_back("FLETBRIDGE_STAGE", "2");
  EXPECT_EQ(Asked({"deep/app.py"}).stage, "2");
  EXPECT_EQ(Asked({"--stage", "3", "deep/app.py"}).stage, "3");
}

TEST_F(RunCommandTest, LetsASwitchBeTakenBack) {
  box_.tools.environment.emplace_back("FLETBRIDGE_FALLBACK", "1");
  EXPECT_TRUE(Asked({"app.py"}).fallback);
  EXPECT_FALSE(Asked({"--no-fallback", "app.py"}).fallback);
}

TEST_F(RunCommandTest, RefusesWrongUsageInOneLine) {
  EXPECT_THAT(Refused({}), HasSubstr("no app to run"));
  EXPECT_THAT(Refused({"--stage", "1"}), HasSubstr("no app to run"));
  EXPECT_THAT(Refused({"none.py"}), HasSubstr("cannot open none.py: there is no such file"));
  EXPECT_THAT(Refused({"--stagee", "1", "app.py"}),
              HasSubstr("unknown option --stagee; did you mean --stage?"));
  EXPECT_THAT(Refused({"--andriod", "app.py"}),
              HasSubstr("unknown option --andriod; see fletbridge run --help"))
      << "--android is only known to be refused";
  EXPECT_THAT(Refused({"-x", "app.py"}), HasSubstr("unknown option -x; see fletbridge run --help"));
  EXPECT_THAT(Refused({"--stage"}), HasSubstr("--stage needs a value: legacy|1|2|3|auto"));
  EXPECT_THAT(Refused({"-m"}), HasSubstr("-m needs the name of a module"));
  EXPECT_THAT(Refused({"--stage", "9", "app.py"}), HasSubstr("--stage: \"9\" is not allowed"));
  EXPECT_THAT(Refused({"--stage", "3", "--transport", "tcp", "app.py"}), HasSubstr("stage 3"));
  EXPECT_THAT(Refused({"--ios", "app.py"}), HasSubstr("--ios: "));
  EXPECT_THAT(Refused({"-p", "65536", "app.py"}), HasSubstr("--port: "));
  EXPECT_THAT(Refused({"--report", "none/r.json", "app.py"}), HasSubstr("there is no folder"));
}

TEST_F(RunCommandTest, ExplainsWithoutRunning) {
  box_.tools.environment.emplace_back("FLETBRIDGE_UI", "attach");
  box_.plan.stage = "1";
  box_.plan.transport = "uds";
  box_.plan.shown_by = "attach";
  EXPECT_EQ(Run({"--explain", "--stage", "1", "app.py"}), 0);
  EXPECT_THAT(box_.runs, IsEmpty());
  EXPECT_EQ(box_.planned.back().stage, "1");
  EXPECT_THAT(box_.out.str(),
              HasSubstr("\na run: stage 1 (uds, two processes), attach\nmode relayed\n"));
  EXPECT_THAT(box_.out.str(), testing::ContainsRegex("\n?stage +1 +command line --stage\n"));
  EXPECT_THAT(box_.out.str(), testing::ContainsRegex("\nui +attach +environment FLETBRIDGE_UI\n"));
  EXPECT_THAT(box_.out.str(), testing::ContainsRegex("\nlog-level +info +default\n"));
  EXPECT_EQ(box_.err.str(), "");
}

TEST_F(RunCommandTest, ExplainsHotReload) {
  box_.plan.stage = "3";
  box_.plan.reloads = true;
  EXPECT_EQ(Run({"--explain", "-r", "app.py"}), 0);
  EXPECT_EQ(box_.planned.back().watched_folder, box_.folder.path());
  EXPECT_THAT(box_.out.str(), HasSubstr("\nhot reload: of what is saved in " + box_.folder.path() +
                                        " and below; one process holds the UI"));
}

TEST_F(RunCommandTest, ExplainsWithoutAnAppAndEvenWhatWouldBeRefused) {
  EXPECT_EQ(Run({"--explain", "--stage", "3", "--transport", "tcp"}), 0);
  EXPECT_THAT(box_.out.str(), testing::ContainsRegex("\nstage +3 +command line --stage\n"));
  EXPECT_THAT(box_.err.str(), HasSubstr("a run would be refused: stage 3"));
}

TEST_F(RunCommandTest, ShowsHelpWithExamples) {
  EXPECT_EQ(Run({"--help"}), 0);
  for (const char* text :
       {"Usage: fletbridge run [options] [SCRIPT", "--stage legacy|1|2|3|auto", "-a, --assets DIR",
        "-m, --module MODULE", "Examples:", "[tool.fletbridge]"}) {
    EXPECT_THAT(box_.out.str(), HasSubstr(text));
  }
  EXPECT_EQ(box_.err.str(), "");
}

TEST_F(RunCommandTest, ShowsWarningsBeforeItRuns) {
  box_.tools.environment.emplace_back("FLETBRIDGE_STAGEE", "1");
  Asked({"app.py"});
  EXPECT_THAT(box_.err.str(),
              HasSubstr("fletbridge: warning: the environment's FLETBRIDGE_STAGEE"));
}

}  // namespace
}  // namespace fletbridge
