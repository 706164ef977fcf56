#include "common/config/settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/config_file.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// An app in <folder>/project/src, a user's home in <folder>/home.
class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    folder_.Write("project/src/app.py");
    input_.environment = {{"HOME", folder_.path() + "/home"}};
    input_.cwd = folder_.path();
    input_.app_folder = folder_.path() + "/project/src";
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  Settings Merged() const {
    Result<Settings> settings = MergeSettings(input_);
    EXPECT_TRUE(settings) << settings.error().Line();
    return *settings;
  }
  std::string Why() const {
    const Result<Settings> settings = MergeSettings(input_);
    if (settings) return "accepted";
    EXPECT_EQ(settings.error().code, Errc::kUsage);
    EXPECT_THAT(settings.error().Line(), testing::Not(HasSubstr("\n")));
    return settings.error().Line();
  }
  std::string Checked() const {
    const Result<> good = CheckSettings(Merged());
    return good ? "accepted" : good.error().Line();
  }

  TempFolder folder_;
  SettingsInput input_;
};

TEST_F(SettingsTest, TakeTheDefaultsWhereNobodySaysAnything) {
  const Settings settings = Merged();
  EXPECT_EQ(settings.text("stage"), "auto");
  EXPECT_EQ(settings.Get("stage").where, "default");
  EXPECT_EQ(settings.text("transport"), "");
  EXPECT_EQ(settings.number("max-packet"), 64u << 20);
  EXPECT_FALSE(settings.flag("fallback"));
}

TEST_F(SettingsTest, LetEachSourceWinOverTheOnesBelowIt) {
  const std::string user = folder_.Write("home/.config/fletbridge/config.toml", "name = 'user'\n");
  EXPECT_EQ(Merged().text("name"), "user");
  EXPECT_EQ(Merged().Get("name").where, user + ":1");

  const std::string json = folder_.Write("project/src/fletbridge.json", R"({"name": "json"})");
  EXPECT_EQ(Merged().text("name"), "json");
  EXPECT_EQ(Merged().Get("name").where, json);

  const std::string pyproject =
      folder_.Write("project/pyproject.toml", "[tool.fletbridge]\n\nname = 'project'\n");
  EXPECT_EQ(Merged().text("name"), "project");
  EXPECT_EQ(Merged().Get("name").where, pyproject + ":3");

  input_.environment.emplace_back("FLETBRIDGE_NAME", "environment");
  EXPECT_EQ(Merged().text("name"), "environment");
  EXPECT_EQ(Merged().Get("name").where, "FLETBRIDGE_NAME");

  input_.command_line.emplace_back("name", "first");
  input_.command_line.emplace_back("name", "typed");
  EXPECT_EQ(Merged().text("name"), "typed");
  EXPECT_EQ(Merged().Get("name").where, "--name");
}

// Root's files: the machine's, below the user's.
TEST_F(SettingsTest, TakeThoseOfTheMachineBelowTheUsersAndFromRootAlone) {
  const std::string far =
      folder_.Write("far/fletbridge/config.toml", "name = 'far'\nassets = 'x'\n");
  const std::string near = folder_.Write("near/fletbridge/config.toml", "name = 'near'\n");
  input_.environment.emplace_back("XDG_CONFIG_DIRS",
                                  "relative:" + Path("near") + ":" + Path("far"));
  if (::geteuid() != 0) {
    EXPECT_THAT(Why(), AllOf(StartsWith(far), HasSubstr("does not belong to root")));
    return;
  }
  EXPECT_EQ(Merged().text("name"), "near");
  EXPECT_EQ(Merged().Get("name").where, near + ":1");
  EXPECT_EQ(Merged().text("assets"), Path("far/fletbridge/x"));
  folder_.Write("home/.config/fletbridge/config.toml", "name = 'user'\n");
  EXPECT_EQ(Merged().text("name"), "user");
  ASSERT_EQ(::chmod(near.c_str(), 0664), 0);
  EXPECT_THAT(Why(), AllOf(StartsWith(near), HasSubstr("can be written by others than root")));
  ASSERT_EQ(::chmod(near.c_str(), 0644), 0);
  ASSERT_EQ(::chown(Path("far/fletbridge").c_str(), 65534, 65534), 0);
  EXPECT_THAT(Why(), AllOf(StartsWith(far), HasSubstr("far/fletbridge does not belong to root")));
}

TEST_F(SettingsTest, MergeKeyByKey) {
  folder_.Write("home/.config/fletbridge/config.toml", "stage = 1\nquiet = true\n");
  folder_.Write("project/src/fletbridge.json", R"({"stage": 2, "log_level": "debug"})");
  const Settings settings = Merged();
  EXPECT_EQ(settings.text("stage"), "2");
  EXPECT_EQ(settings.text("log-level"), "debug");
  EXPECT_TRUE(settings.flag("quiet"));
}

TEST_F(SettingsTest, RefuseModeDirectWhereThereIsNoSocketOrNoWindow) {
  input_.command_line = {{"mode", "direct"}, {"stage", "3"}};
  EXPECT_THAT(CheckSettings(Merged()).error().Line(),
              HasSubstr("stage 3 (from --stage) has no socket that a client could use"));
  input_.command_line.push_back({"fallback", "true"});
  EXPECT_TRUE(CheckSettings(Merged())) << "the run will take stage 2";
  input_.command_line = {{"mode", "direct"}, {"ui", "headless"}};
  EXPECT_THAT(CheckSettings(Merged()).error().Line(), HasSubstr("not for ui headless"));
  input_.command_line = {{"mode", "direct"}};
  EXPECT_TRUE(CheckSettings(Merged()));
}

TEST_F(SettingsTest, ReadTheNearestPyprojectAlone) {
  folder_.Write("pyproject.toml", "[tool.fletbridge]\nstage = '1'\n");
  EXPECT_EQ(Merged().text("stage"), "1");
  folder_.Write("project/pyproject.toml", "[project]\nname = 'shop'\n");
  EXPECT_EQ(Merged().text("stage"), "auto");
}

TEST_F(SettingsTest, ReadNoFilesOfAnAppWhereThereIsNone) {
  folder_.Write("project/src/fletbridge.json", R"({"stage": "2"})");
  input_.app_folder.reset();
  EXPECT_EQ(Merged().text("stage"), "auto");
}

TEST_F(SettingsTest, FindTheUsersConfigByXdg) {
  folder_.Write("xdg/fletbridge/config.toml", "stage = '2'\n");
  folder_.Write("home/.config/fletbridge/config.toml", "stage = '1'\n");
  input_.environment.emplace_back("XDG_CONFIG_HOME", Path("xdg"));
  EXPECT_EQ(Merged().text("stage"), "2");
  input_.environment.back().second = "relative";  // invalid, says the XDG specification
  EXPECT_EQ(Merged().text("stage"), "1");
}

TEST_F(SettingsTest, ReadANamedFileInPlaceOfTheUsersConfig) {
  folder_.Write("home/.config/fletbridge/config.toml", "stage = '1'\nquiet = true\n");
  folder_.Write("mine.toml", "stage = '2'\n");
  folder_.Write("mine.json", R"({"stage": "3"})");
  input_.environment.emplace_back("FLETBRIDGE_CONFIG", "mine.toml");
  EXPECT_EQ(Merged().text("stage"), "2");
  EXPECT_FALSE(Merged().flag("quiet"));
  input_.command_line.emplace_back("config", "mine.json");
  EXPECT_EQ(Merged().text("stage"), "3");
}

TEST_F(SettingsTest, RefuseANamedFileThatIsNotThere) {
  input_.command_line.emplace_back("config", "none.toml");
  EXPECT_EQ(Why(),
            "cannot read settings from " + Path("none.toml") + ": No such file or directory");
  input_.command_line.back().second = "settings.ini";
  EXPECT_EQ(Why(),
            "cannot tell the format of " + Path("settings.ini") + "; name it .toml or .json");
}

TEST_F(SettingsTest, TakePathsFromWhereTheyAreWritten) {
  folder_.Write("project/pyproject.toml",
                "[tool.fletbridge]\nsteps = 'steps.txt'\npython = '.venv'\n"
                "ui = 'attach=unix:run/app.sock'\n");
  folder_.Write("project/.venv/bin/python");
  input_.command_line.emplace_back("report", "out/../report.json");
  input_.environment.emplace_back("FLETBRIDGE_ASSETS", "images/");
  const Settings settings = Merged();
  EXPECT_EQ(settings.text("steps"), Path("project/steps.txt"));
  EXPECT_EQ(settings.text("python"), Path("project/.venv"));
  EXPECT_EQ(settings.text("ui"), "attach=unix:" + Path("project/run/app.sock"));
  EXPECT_EQ(settings.text("report"), Path("report.json"));
  EXPECT_EQ(settings.text("assets"), Path("project/src/images"));  // as in `flet run`
}

TEST_F(SettingsTest, KeepCommandsForThePathAndExpandTheHome) {
  folder_.Write("project/pyproject.toml",
                "[tool.fletbridge]\npython = 'python3.12'\nreport = '~/r.json'\n");
  EXPECT_EQ(Merged().text("python"), "python3.12");
  EXPECT_EQ(Merged().text("report"), Path("home/r.json"));
}

TEST_F(SettingsTest, KeepARelativeSocketPathThatIsTooLongInFull) {
  input_.cwd = "/" + std::string(110, 'x');
  input_.command_line.emplace_back("ui", "attach=unix:a.sock");
  EXPECT_EQ(Merged().text("ui"), "attach=unix:a.sock");
}

TEST_F(SettingsTest, NameSourceKeyAndValueOfWhatIsWrong) {
  input_.command_line = {{"stage", "9"}};
  EXPECT_EQ(Why(), "--stage: \"9\" is not allowed; use one of legacy, 1, 2, 3, auto");
  input_.command_line.clear();

  input_.environment.emplace_back("FLETBRIDGE_QUIET", "perhaps");
  EXPECT_EQ(Why(), "FLETBRIDGE_QUIET: \"perhaps\" is not allowed; use true or false");
  input_.environment.pop_back();

  const std::string user =
      folder_.Write("home/.config/fletbridge/config.toml", "\nmax-packet = 'huge'\n");
  EXPECT_THAT(Why(), StartsWith(user + ":2: max-packet: \"huge\" is not allowed; use a size"));
  folder_.Write("home/.config/fletbridge/config.toml");

  const std::string json =
      folder_.Write("project/src/fletbridge.json", R"({"transport": "pigeon"})");
  EXPECT_EQ(Why(), json + ": transport: \"pigeon\" is not allowed; use one of uds, tcp, ffi, ws");
  folder_.Write("project/src/fletbridge.json", "{}");

  const std::string pyproject =
      folder_.Write("project/pyproject.toml", "[tool.fletbridge]\nui = 'gtk'\n");
  EXPECT_THAT(Why(), StartsWith(pyproject + ":2: ui: \"gtk\" is not allowed; use one of desktop"));
}

TEST_F(SettingsTest, RefuseAWrongValueEvenWhereAnotherSourceWins) {
  folder_.Write("project/src/fletbridge.json", R"({"stage": "9"})");
  input_.command_line = {{"stage", "1"}};
  EXPECT_THAT(Why(), HasSubstr("fletbridge.json: stage: \"9\""));
}

TEST_F(SettingsTest, RefuseValuesOfTheWrongType) {
  const std::string pyproject =
      folder_.Write("project/pyproject.toml", "[tool.fletbridge]\nreport = true\n");
  EXPECT_EQ(Why(), pyproject + ":2: report: true is not allowed; use a path");
  folder_.Write("project/pyproject.toml", "[tool.fletbridge]\nstage = [1, 2]\n");
  EXPECT_THAT(Why(), HasSubstr(":2: stage: this kind of value is not allowed; use one of"));
  folder_.Write("project/pyproject.toml", "[tool]\nfletbridge = 3\n");
  EXPECT_EQ(Why(), pyproject + ":2: tool.fletbridge must be a table; write [tool.fletbridge]");
}

TEST_F(SettingsTest, RefuseUnknownKeysOfFilesAndSayWhichWasMeant) {
  const std::string json = folder_.Write("project/src/fletbridge.json", R"({"stagee": "2"})");
  EXPECT_EQ(Why(), json + ": unknown setting \"stagee\"; did you mean stage?");
  folder_.Write("project/src/fletbridge.json", R"({"colour": "red"})");
  EXPECT_EQ(Why(), json + ": unknown setting \"colour\"");
  folder_.Write("project/src/fletbridge.json", R"({"config": "other.toml"})");
  EXPECT_EQ(Why(), json + ": config cannot stand in a file; use --config");
}

TEST_F(SettingsTest, RefuseAKeyThatStandsThereTwice) {
  const std::string pyproject = folder_.Write(
      "project/pyproject.toml", "[tool.fletbridge]\nlog-level = 'info'\nlog_level = 'debug'\n");
  EXPECT_THAT(Why(), HasSubstr("stands there twice"));
}

TEST_F(SettingsTest, WarnOfUnknownNamesInTheEnvironment) {
  input_.environment.emplace_back("FLETBRIDGE_STAGEE", "3");
  input_.environment.emplace_back("FLETBRIDGE_COLOUR", "red");
  EXPECT_THAT(
      Merged().warnings(),
      testing::ElementsAre("the environment's FLETBRIDGE_STAGEE is no setting of this version "
                           "and is ignored; did you mean FLETBRIDGE_STAGE?",
                           "the environment's FLETBRIDGE_COLOUR is no setting of this version "
                           "and is ignored"));
}

TEST_F(SettingsTest, TakeAnEmptyVariableAsNotSet) {
  input_.environment.emplace_back("FLETBRIDGE_STAGE", "");
  EXPECT_EQ(Merged().Get("stage").where, "default");
}

TEST_F(SettingsTest, NameFileAndLineOfBrokenFiles) {
  const std::string pyproject =
      folder_.Write("project/pyproject.toml", "[tool.fletbridge]\nstage = \n");
  EXPECT_THAT(Why(), StartsWith(pyproject + ":2: not valid TOML: "));
  folder_.Write("project/pyproject.toml");
  const std::string json = folder_.Write("project/src/fletbridge.json", "{\n\"stage\": 2,\n}");
  EXPECT_EQ(Why(), json + ":3: not valid JSON");
  folder_.Write("project/src/fletbridge.json", "[1]");
  EXPECT_THAT(Why(), StartsWith(json + ": must hold one object of settings"));
  folder_.Write("project/src/fletbridge.json", std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(Why(), "cannot read settings from " + json + ": it is larger than 1 MiB");
}

TEST_F(SettingsTest, ExplainWhereEachValueCameFrom) {
  folder_.Write("project/pyproject.toml", "[tool.fletbridge]\nmax-packet = '1 MiB'\n");
  input_.environment.emplace_back("FLETBRIDGE_STAGE", "2");
  input_.command_line.emplace_back("name", "two\nlines");
  const std::string table = ExplainSettings(Merged());
  EXPECT_THAT(table, testing::ContainsRegex("\nstage +2 +environment FLETBRIDGE_STAGE\n"));
  EXPECT_THAT(table, testing::ContainsRegex("\nmax-packet +1 MiB +/.*/project/pyproject.toml:2\n"));
  EXPECT_THAT(table, testing::ContainsRegex("\nname +\"two.x0alines\" +command line --name\n"));
  EXPECT_THAT(table, testing::ContainsRegex("\ntransport +- +default\n"));
}

TEST_F(SettingsTest, GoTogether) {
  EXPECT_EQ(Checked(), "accepted");
  input_.command_line = {
      {"stage", "3"}, {"transport", "ffi"}, {"ui", "headless"}, {"steps", "s.txt"}};
  EXPECT_EQ(Checked(), "accepted");
  input_.command_line = {{"stage", "auto"}, {"transport", "ffi"}, {"steps", "s.txt"}};
  EXPECT_EQ(Checked(), "accepted");
}

TEST_F(SettingsTest, AreRefusedInOneLineWhereTheyDoNotGoTogether) {
  input_.environment.emplace_back("FLETBRIDGE_STAGE", "3");
  input_.command_line = {{"transport", "uds"}};
  EXPECT_EQ(Checked(),
            "stage 3 (from FLETBRIDGE_STAGE) has no sockets, so no transport uds (from "
            "--transport); use --transport ffi, or stage 1 or 2");
  input_.command_line = {{"transport", "ffi"}, {"stage", "1"}};
  EXPECT_EQ(Checked(),
            "stage 1 (from --stage) speaks over sockets, so no transport ffi (from "
            "--transport); use --transport uds or tcp, or stage 3");
  input_.command_line = {{"steps", "s.txt"}, {"ui", "attach"}};
  EXPECT_EQ(Checked(),
            "steps (from --steps) are for the headless UI and a window, not for ui attach (from "
            "--ui); use --ui headless or desktop, or leave them out");
}

TEST_F(SettingsTest, WebIsAUiAndNoOtherOneBesideIt) {
  input_.command_line = {{"web", "true"}};
  EXPECT_EQ(Checked(), "accepted");
  input_.command_line = {{"web", "true"}, {"ui", "headless"}};
  EXPECT_EQ(Checked(),
            "web (from --web) is --ui web, so no ui headless (from --ui); leave one of them out");
  input_.command_line = {{"web", "true"}, {"steps", "s.txt"}};
  EXPECT_THAT(Checked(), StartsWith("steps (from --steps) are for"));
}

TEST_F(SettingsTest, AreRefusedWhereThisVersionCannotServeThem) {
  const TextPairs unserved[] = {{{"ios", "true"}}, {{"android", "true"}}};
  for (const TextPairs& typed : unserved) {
    input_.command_line = typed;
    EXPECT_THAT(Checked(), StartsWith("--" + typed.front().first + ": "));
  }
  input_.command_line.clear();
  const std::string json = folder_.Write("project/src/fletbridge.json", R"({"ios": true})");
  EXPECT_THAT(Checked(), StartsWith(json + ": ios: "));
  folder_.Write("project/src/fletbridge.json", R"({"ios": false})");
  EXPECT_EQ(Checked(), "accepted");
}

TEST_F(SettingsTest, KnowWhereFletsOwnCommandsFindTheApp) {
  const std::string pyproject =
      folder_.Write("project/pyproject.toml", "[tool.flet.app]\npath = 'src'\n");
  EXPECT_EQ(ReadFletAppPath(pyproject), "src");
  EXPECT_EQ(ReadFletAppPath(Path("none.toml")), "");
}

}  // namespace
}  // namespace fletbridge
