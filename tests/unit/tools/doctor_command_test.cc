#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/made_up_toolbox.h"

namespace fletbridge {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class DoctorTest : public testing::Test {
 protected:
  int Run(std::vector<std::string> args = {}) {
    args.insert(args.begin(), "doctor");
    box_.out.str({});
    return FletbridgeMain(box_.tools, args);
  }
  json Json(int expected_code, std::vector<std::string> args = {}) {
    args.emplace_back("--json");
    EXPECT_EQ(Run(args), expected_code) << box_.err.str();
    return json::parse(box_.out.str());
  }
  // Puts a program there, and makes it answer as a good Python 3.11 with Flet 1.0.5.
  Interpreter& Install(const std::string& name) {
    const std::string path = box_.folder.Write(name);
    ::chmod(path.c_str(), 0755);
    Interpreter& python = box_.interpreters[path];
    python = {.path = path,
              .major = 3,
              .minor = 11,
              .micro = 2,
              .libpython = "/usr/lib/libpython3.11.so.1.0",
              .libpython_hint = {},
              .flet_version = "1.0.5",
              .prefix = box_.folder.path() + "/" + name};
    return python;
  }
  std::string Path(const std::string& name) const { return box_.folder.path() + "/" + name; }

  MadeUpToolbox box_;
};

TEST_F(DoctorTest, FindsEveryStageWorking) {
  Install(".venv/bin/python");
  const json report = Json(0);
  EXPECT_EQ(report["ok"], true);
  ASSERT_EQ(report["interpreters"].size(), 1u);
  const json& python = report["interpreters"][0];
  EXPECT_EQ(python["path"], Path(".venv/bin/python"));
  EXPECT_EQ(python["source"], ".venv");
  EXPECT_EQ(python["version"], "3.11.2");
  EXPECT_EQ(python["flet"], "1.0.5");
  EXPECT_EQ(python["generation"], 3);
  EXPECT_EQ(python["libpython"], "/usr/lib/libpython3.11.so.1.0");
  ASSERT_EQ(report["stages"].size(), 4u);
  for (const json& stage : report["stages"]) {
    if (stage["stage"] == "legacy") {
      EXPECT_EQ(stage["ok"], false);
      EXPECT_THAT(std::string(stage["reason"]), HasSubstr("pip install flet-web==1.0.5"));
      continue;
    }
    EXPECT_EQ(stage["ok"], true);
    EXPECT_EQ(stage["python"], Path(".venv/bin/python"));
    EXPECT_TRUE(stage["reason"].is_null());
  }
  EXPECT_EQ(report["stages"][2]["transports"], json::array({"ffi"}));
  EXPECT_EQ(report["machine"]["runtime_dir"]["path"], "/run/user/1");
  EXPECT_EQ(report["machine"]["socket_path"]["limit"], 107);
}

TEST_F(DoctorTest, SaysWhetherARunOpensAWindowAndWithWhichClient) {
  Install(".venv/bin/python").flet_package = "/site/flet";
  box_.window.display = ":7";
  box_.window.client = "/clients/one";
  box_.window.source = "added";
  box_.window.version = "0.82.2";
  box_.window.generation = 2;
  box_.window.pinned = true;
  json window = Json(0, {"--flet-client", "/clients/one"})["window"];
  EXPECT_EQ(box_.looked_for_window, (std::vector<std::string>{"/clients/one", "/site/flet", "3"}));
  EXPECT_EQ(window["ok"], true);
  EXPECT_EQ(window["client"]["path"], "/clients/one");
  EXPECT_EQ(window["client"]["pinned"], true);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("Window: a run opens one\n  ok display       :7 answers\n"));
  EXPECT_THAT(box_.out.str(), HasSubstr("/clients/one (added), Flet 0.82.2, wire generation 2, "
                                        "translated for the app's 3, pinned\n"));

  box_.window.client_obstacle = "there is none; install one";
  box_.window.passed_over = true;
  window = Json(0)["window"];
  EXPECT_EQ(window["ok"], false);
  EXPECT_EQ(window["headless_instead"], true);
  EXPECT_EQ(window["client"]["reason"], "there is none; install one");
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Window: none, a run is headless\n"));
  EXPECT_THAT(box_.out.str(), HasSubstr("  no Flet client  there is none; install one\n"));
  box_.window.passed_over = false;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Window: none, and a run is refused"));
}

TEST_F(DoctorTest, SaysHowEachInterpreterIsHostedAndWhyNotOtherwise) {
  Interpreter& python = Install(".venv/bin/python");
  json report = Json(0);
  EXPECT_EQ(report["interpreters"][0]["hosting"], "interpreter");
  EXPECT_EQ(report["interpreters"][0]["hostings"]["static"]["reason"], "it is not built");
  EXPECT_TRUE(report["stages"][0]["hosting"].is_null());
  EXPECT_EQ(report["stages"][1]["hosting"], "interpreter");
  EXPECT_EQ(Json(0, {"--hosting", "library"})["stages"][2]["hosting"], "library");

  python.extension_obstacle = "it is too old";
  report = Json(0);
  EXPECT_EQ(report["stages"][2]["hosting"], "library");
  EXPECT_EQ(report["interpreters"][0]["hostings"]["interpreter"]["ok"], false);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("  no interpreter  it is too old\n"));
  EXPECT_THAT(box_.out.str(),
              HasSubstr("  ok library      works, and is taken: the fastest that does\n"));
}

TEST_F(DoctorTest, NeedsOneWayToHostForStagesInOneProcess) {
  Interpreter& python = Install(".venv/bin/python");
  python.libpython.clear();
  EXPECT_EQ(Json(0)["stages"][2]["ok"], true) << "the interpreter's own executable needs none";
  python.extension_obstacle = "it is too old";
  const json report = Json(0);
  EXPECT_EQ(report["stages"][0]["ok"], true);
  EXPECT_EQ(report["stages"][1]["ok"], false);
  EXPECT_EQ(report["stages"][2]["reason"],
            "not interpreter: it is too old; not static: it is not built; not library: there is no "
            "libpython");
  EXPECT_EQ(Json(0, {"--hosting", "static"})["stages"][2]["reason"], "not static: it is not built");
}

TEST_F(DoctorTest, LooksWhereRunLooksInTheSameOrder) {
  box_.tools.environment = {{"VIRTUAL_ENV", Path("active")},
                            {"PATH", Path("none") + ":" + Path("bin")}};
  Install("active/bin/python").flet_version.clear();
  Install(".venv/bin/python").flet_version = "0.3.2";
  Install("bin/python3");
  const json report = Json(0);
  ASSERT_EQ(report["interpreters"].size(), 3u);
  EXPECT_EQ(report["interpreters"][0]["source"], "$VIRTUAL_ENV");
  EXPECT_THAT(report["interpreters"][0]["reason"], HasSubstr("Flet is not installed; "));
  EXPECT_THAT(std::string(report["interpreters"][1]["reason"]),
              HasSubstr("Flet 0.3.2 speaks an unknown wire generation"));
  EXPECT_EQ(report["interpreters"][2]["source"], "python3 on PATH");
  EXPECT_EQ(report["stages"][0]["python"], Path("bin/python3"));
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("works with --python " + Path("bin/python3")));
}

TEST_F(DoctorTest, AFletOfJsonNeedsNoWindow) {
  Install(".venv/bin/python").flet_version = "0.28.3";
  box_.window.client_obstacle = "there is none";
  box_.window.passed_over = true;
  const json report = Json(0);
  EXPECT_EQ(report["stages"][0]["ok"], true);
  EXPECT_EQ(report["window"]["headless_instead"], true);
  EXPECT_EQ(report["interpreters"][0]["stages"]["3"]["ok"], true);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Flet 0.28.3 (wire generation 1)"));
}

TEST_F(DoctorTest, AFletWithABrokerOfItsOwnHasNoOtherStage) {
  Install(".venv/bin/python").flet_version = "0.1.65";
  const json report = Json(1);
  EXPECT_EQ(report["interpreters"][0]["generation"], 0);
  for (const char* stage : {"1", "2", "3"}) {
    EXPECT_THAT(std::string(report["interpreters"][0]["stages"][stage]["reason"]),
                HasSubstr("through its broker fletd alone; use --stage legacy"));
  }
  EXPECT_THAT(std::string(report["interpreters"][0]["stages"]["legacy"]["reason"]),
              HasSubstr("its Flet has no broker at "));
}

TEST_F(DoctorTest, SaysWhetherFileDialogsCanOpen) {
  Install(".venv/bin/python");
  EXPECT_EQ(Json(0)["window"]["file_dialogs"]["ok"], true);
  box_.window.dialogs_obstacle = "there is no session bus";
  EXPECT_EQ(Json(0)["window"]["file_dialogs"]["reason"], "there is no session bus");
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("     file dialogs  cannot open: there is no session bus\n"));
}

TEST_F(DoctorTest, SaysWhatARunOfAnAppWouldBe) {
  Install("shop/.venv/bin/python");
  box_.folder.Write("shop/main.py");
  box_.folder.Write("shop/pyproject.toml", "[tool.fletbridge]\nstage = \"2\"\n");
  box_.plan.stage = "1";
  box_.plan.transport = "uds";
  box_.plan.shown_by = "desktop";
  box_.plan.why = "stage 2 cannot run: no libpython";
  box_.plan.fallbacks = {{"2", "1", "no libpython"}};
  json app = Json(0, {"shop/main.py"})["app"];
  EXPECT_EQ(app["path"], Path("shop/main.py"));
  EXPECT_EQ(app["stage"], "1");
  EXPECT_EQ(app["ui"], "desktop");
  EXPECT_EQ(box_.planned.back().stage, "2") << "the settings are those of the app's folder";
  EXPECT_EQ(Run({"shop"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("shop/.venv/bin/python"));
  EXPECT_THAT(box_.out.str(),
              HasSubstr("a run  on stage 1 (uds), desktop: stage 2 cannot run: no libpython\n"));
  app = Json(1, {"shop/gone.py"})["app"];
  EXPECT_THAT(std::string(app["reason"]), HasSubstr("cannot open shop/gone.py"));
  EXPECT_TRUE(Json(1)["app"].is_null()) << "no app, and no interpreter here";
}

TEST_F(DoctorTest, ShowsAnActiveEnvironmentOnce) {
  box_.tools.environment = {{"VIRTUAL_ENV", Path("active")}, {"PATH", Path("active/bin")}};
  Install("active/bin/python").prefix = "/venv";
  Install("active/bin/python3").prefix = "/venv";
  EXPECT_EQ(Json(0)["interpreters"].size(), 1u);
}

TEST_F(DoctorTest, LooksOnlyAtTheInterpreterThatWasNamed) {
  Install(".venv/bin/python");
  Install("old/python").minor = 9;
  const json report = Json(1, {"--python", "old/python"});
  ASSERT_EQ(report["interpreters"].size(), 1u);
  EXPECT_EQ(report["interpreters"][0]["source"], "--python");
  EXPECT_EQ(report["interpreters"][0]["reason"],
            "Python 3.9.2 is not supported; use 3.10 to 3.14 with --python");
  const json none = Json(1, {"--python", "none/python"});
  EXPECT_EQ(none["interpreters"][0]["reason"], "there is no interpreter " + Path("none/python"));
}

TEST_F(DoctorTest, SaysThatThereIsNoPython) {
  const json report = Json(1);
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["interpreters"], json::array());
  EXPECT_EQ(report["stages"][0]["reason"],
            "no Python was found; install python3, or name one with --python");
}

TEST_F(DoctorTest, PassesOnWhyAnInterpreterDoesNotAnswer) {
  Install(".venv/bin/python");
  box_.interpreters.clear();
  EXPECT_EQ(Json(1)["interpreters"][0]["reason"], Path(".venv/bin/python") + " does not answer");
  EXPECT_EQ(Json(1)["stages"][2]["reason"], Path(".venv/bin/python") + " does not answer");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("3  one process, direct calls  no Python above can run it\n"));
}

TEST_F(DoctorTest, FailsWithoutARuntimeFolder) {
  Install(".venv/bin/python");
  box_.tools.parts.try_runtime_dir = [] {
    return Result<std::string>(MakeError(Errc::kSetup, "cannot make a private folder"));
  };
  EXPECT_EQ(Json(1)["stages"][0]["reason"], "cannot make a private folder");
  box_.tools.parts.try_runtime_dir = [] {
    return Result<std::string>("/" + std::string(120, 'x'));
  };
  EXPECT_THAT(std::string(Json(1)["stages"][0]["reason"]), HasSubstr("has 130 bytes, limit 107"));
}

TEST_F(DoctorTest, PrintsForPeopleAndMarksByTheTerminal) {
  Install(".venv/bin/python");
  box_.tools.environment = {{"XDG_RUNTIME_DIR", "/none/such"}};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("  ok " + Path(".venv/bin/python") +
                        "  Python 3.11.2, Flet 1.0.5 (wire generation 3), libpython3.11.so.1.0"));
  EXPECT_THAT(box_.out.str(),
              HasSubstr("  no XDG_RUNTIME_DIR  /none/such: there is no such folder"));
  EXPECT_THAT(box_.out.str(),
              HasSubstr("3  one process, direct calls  works, hosting interpreter\n"));
  EXPECT_THAT(box_.out.str(), testing::Not(HasSubstr("✓")));
  box_.tools.utf8_terminal = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(),
              HasSubstr("  ✓ 3  one process, direct calls  works, hosting interpreter\n"));
}

TEST_F(DoctorTest, TellsWhichAcceleratorsApplyAndWhyTheOthersDoNot) {
  Install(".venv/bin/python");
  box_.accelerators = {{"diff", ""}, {"scan", "this Flet has none"}};
  const json report = Json(0);
  EXPECT_EQ(report["interpreters"][0]["accelerators"],
            json::parse(R"({"diff":{"on":true,"why":null},
                            "scan":{"on":false,"why":"this Flet has none"}})"));
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Accelerators: " + Path(".venv/bin/python") +
                                        "\n"
                                        "  ok diff  is on\n"
                                        "     scan  Flet's own code runs: this Flet has none\n"));
}

TEST_F(DoctorTest, RefusesWrongUsageInOneLine) {
  EXPECT_EQ(Run({"--colour"}), 2);
  EXPECT_EQ(box_.err.str(), "fletbridge: unknown option --colour; see fletbridge doctor --help\n");
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(box_.out.str(), HasSubstr("Usage: fletbridge doctor [options] [SCRIPT"));
}

}  // namespace
}  // namespace fletbridge
