#include "common/python/interpreter.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/python/hosted.h"
#include "common/python/hosting.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kVenv = FLETBRIDGE_TEST_VENV;  // where set-up has put the pinned Flet

// A program of the shell, which can be executed.
std::string WriteProgram(const TempFolder& folder, const std::string& name,
                         const std::string& script = "exit 0") {
  const std::string file = folder.Write(name, "#!/bin/sh\n" + script + "\n");
  EXPECT_EQ(::chmod(file.c_str(), 0755), 0);
  return file;
}

class FindInterpreterTest : public testing::Test {
 protected:
  static std::string Found(const std::string& asked, const std::string& app_dir) {
    const Result<std::string> found = FindInterpreter(asked, app_dir);
    return found ? *found : "error: " + found.error().Line();
  }

  const TempFolder folder_;
  const std::string app_ = folder_.path() + "/app";
  const std::string asked_venv_ = folder_.path() + "/asked";
  const std::string on_path_ = WriteProgram(folder_, "path/python3");
  const ScopedVariable path_{"PATH", folder_.path() + "/nothing:" + folder_.path() + "/path"};
  const ScopedVariable venv_{"VIRTUAL_ENV", std::nullopt};
};

TEST_F(FindInterpreterTest, TakesWhatWasAskedForBeforeAllElse) {
  const std::string active = WriteProgram(folder_, "active/bin/python3");
  const ScopedVariable venv("VIRTUAL_ENV", folder_.path() + "/active");
  WriteProgram(folder_, "app/.venv/bin/python3");
  const std::string asked = WriteProgram(folder_, "asked/bin/python3");
  EXPECT_EQ(Found(asked, app_), asked);
  EXPECT_EQ(Found(asked_venv_, app_), asked);
  EXPECT_EQ(Found("", app_), active);
}

TEST_F(FindInterpreterTest, TakesTheActiveVirtualEnvironmentThenTheAppsThenThePath) {
  EXPECT_EQ(Found("", app_), on_path_);
  const std::string beside = WriteProgram(folder_, "app/.venv/bin/python3");
  EXPECT_EQ(Found("", app_), beside);
  const std::string active = WriteProgram(folder_, "active/bin/python3");
  const ScopedVariable venv("VIRTUAL_ENV", folder_.path() + "/active");
  EXPECT_EQ(Found("", app_), active);
}

// As `flet create` and uv lay a project out: src/main.py, and .venv beside pyproject.toml.
TEST_F(FindInterpreterTest, TakesTheProjectsVirtualEnvironmentForAnAppInsideOfIt) {
  const std::string root = WriteProgram(folder_, "app/.venv/bin/python3");
  WriteProgram(folder_, ".venv/bin/python3");  // above the project
  fs::create_directories(app_ + "/src/shop");
  EXPECT_EQ(Found("", app_ + "/src/shop"), on_path_);  // no project
  folder_.Write("app/pyproject.toml");
  EXPECT_EQ(Found("", app_ + "/src/shop"), root);
  EXPECT_THAT(EnvironmentsOf(app_ + "/src/shop"),
              testing::ElementsAre(app_ + "/src/shop/.venv", app_ + "/src/.venv", app_ + "/.venv"));
  const std::string beside = WriteProgram(folder_, "app/src/shop/.venv/bin/python3");
  EXPECT_EQ(Found("", app_ + "/src/shop"), beside);
}

TEST_F(FindInterpreterTest, AdvisesToInstallIntoAnEnvironmentWhereTheSystemsIsNotPips) {
  Interpreter python;
  python.path = "/x/bin/python3";
  python.minor = 11;
  python.prefix = python.base_prefix = folder_.path();
  EXPECT_EQ(HowToInstall(python, "flet", app_), "/x/bin/python3 -m pip install flet");
  folder_.Write("lib/python3.11/EXTERNALLY-MANAGED");
  EXPECT_EQ(HowToInstall(python, "flet", app_),
            "/x/bin/python3 -m venv " + app_ + "/.venv && " + app_ + "/.venv/bin/pip install flet");
  python.prefix = app_ + "/.venv";
  EXPECT_EQ(HowToInstall(python, "flet", app_), "/x/bin/python3 -m pip install flet");
}

TEST_F(FindInterpreterTest, PassesOverAVirtualEnvironmentWithoutAnInterpreter) {
  const ScopedVariable venv("VIRTUAL_ENV", folder_.path() + "/removed");
  folder_.Write("app/.venv/bin/python3", "not executable");
  EXPECT_EQ(Found("", app_), on_path_);
}

TEST_F(FindInterpreterTest, TakesAVirtualEnvironmentsPythonWithoutTheThree) {
  const std::string python = WriteProgram(folder_, "asked/bin/python");
  EXPECT_EQ(Found(asked_venv_, app_), python);
}

TEST_F(FindInterpreterTest, LooksForANameOnThePath) {
  const std::string named = WriteProgram(folder_, "path/python3.12");
  EXPECT_EQ(Found("python3.12", app_), named);
}

TEST_F(FindInterpreterTest, KeepsTheLinkThatMakesAVirtualEnvironment) {
  fs::create_directories(asked_venv_ + "/bin");
  fs::create_symlink(on_path_, asked_venv_ + "/bin/python3");
  EXPECT_EQ(Found(asked_venv_, app_), asked_venv_ + "/bin/python3");
}

TEST_F(FindInterpreterTest, SaysWhatItDidNotFind) {
  EXPECT_EQ(Found(folder_.path() + "/none", app_),
            "error: no interpreter at " + folder_.path() +
                "/none; --python takes an interpreter or a virtual environment");
  EXPECT_THAT(Found("python9", app_), StartsWith("error: no interpreter at python9;"));
  fs::create_directory(asked_venv_);
  EXPECT_THAT(Found(asked_venv_, app_), StartsWith("error: no bin/python in " + asked_venv_ + ";"));
  EXPECT_THAT(Found(folder_.Write("text"), app_), StartsWith("error: no interpreter at "));
  const ScopedVariable path("PATH", folder_.path() + "/nothing");
  EXPECT_EQ(Found("", app_),
            "error: no python3 on PATH; install Python 3.10 to 3.14 or name one with --python");
}

std::string ProbeError(const std::string& path, std::chrono::milliseconds deadline = 20s) {
  const Result<Interpreter> result = ProbeInterpreterWithin(path, deadline);
  if (result) return "no error";
  EXPECT_EQ(result.error().code, Errc::kSetup);
  return result.error().Line();
}

TEST(ProbeInterpreter, AsksTheRealOne) {
  const Result<Interpreter> found = ProbeInterpreter(kVenv + "/bin/python");
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->path, kVenv + "/bin/python");
  EXPECT_EQ(found->major, 3);
  EXPECT_GE(found->minor, 10);
  EXPECT_EQ(found->Version(), std::to_string(found->major) + "." + std::to_string(found->minor) +
                                  "." + std::to_string(found->micro));
  EXPECT_EQ(found->flet_version, "1.0.5");
  EXPECT_TRUE(fs::equivalent(found->prefix, kVenv)) << found->prefix;
  EXPECT_THAT(found->soabi, StartsWith("cpython-3"));
  EXPECT_NE(found->base_prefix, found->prefix);
#ifdef FLETBRIDGE_TEST_EXTENSION
  EXPECT_EQ(found->extension_obstacle, "");
#endif
  EXPECT_TRUE(found->libpython.empty() != found->libpython_hint.empty())
      << "a library, or what to do";
  if (!found->libpython.empty()) {
    EXPECT_TRUE(fs::exists(found->libpython)) << found->libpython;
    EXPECT_THAT(found->libpython, HasSubstr("libpython3." + std::to_string(found->minor)));
  }
}

TEST(ProbeInterpreter, SaysThatFletIsMissing) {
  const TempFolder folder;  // a virtual environment by its configuration alone
  const fs::path real = fs::canonical(kVenv + "/bin/python");
  folder.Write("pyvenv.cfg", "home = " + real.parent_path().string() +
                                 "\ninclude-system-site-packages = false\n");
  fs::create_directories(folder.path() + "/bin");
  fs::create_symlink(real, folder.path() + "/bin/python");
  const Result<Interpreter> found = ProbeInterpreter(folder.path() + "/bin/python");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->flet_version, "");
  EXPECT_EQ(found->prefix, folder.path());
}

TEST(ProbeInterpreter, SaysWhatIsNoInterpreter) {
  const TempFolder folder;
  const std::string script = WriteProgram(folder, "script");
  EXPECT_EQ(ProbeError(script),
            script + " is not a working Python interpreter; name another one with --python");
  const std::string failing = WriteProgram(folder, "failing", "echo version=3.11.2; exit 1");
  EXPECT_THAT(ProbeError(failing), StartsWith(failing + " is not a working Python interpreter"));
  const std::string missing = folder.path() + "/missing";
  EXPECT_EQ(ProbeError(missing), "cannot run the interpreter " + missing +
                                     ": No such file or directory; name another one with --python");
  EXPECT_THAT(ProbeError(folder.path()),
              StartsWith("cannot run the interpreter " + folder.path() + ": "));
  EXPECT_THAT(ProbeError(folder.Write("text", "hello")), StartsWith("cannot run the interpreter "));
}

// A script that starts the interpreter, with these words before and after its name.
Result<Interpreter> ProbeScript(const TempFolder& folder, const std::string& before,
                                const std::string& after = "") {
  return ProbeInterpreter(
      WriteProgram(folder, "script", before + " " + kVenv + "/bin/python " + after + " \"$@\""));
}

TEST(ProbeInterpreter, SeesTheInterpreterBehindAScript) {
  const TempFolder folder;
  const Result<Interpreter> genuine = ProbeInterpreter(kVenv + "/bin/python");
  ASSERT_TRUE(genuine);
  EXPECT_EQ(genuine->executable, genuine->path);
  for (const char* before : {"exec", "echo path=/nowhere; exec"}) {
    const Result<Interpreter> found = ProbeScript(folder, before);
    ASSERT_TRUE(found) << found.error().Line();
    EXPECT_EQ(found->path, folder.path() + "/script");
    EXPECT_EQ(found->executable, genuine->path);
    EXPECT_EQ(found->prefix, genuine->prefix);
    EXPECT_EQ(found->detour, "");
    EXPECT_EQ(found->shim_obstacle, "");
  }
}

TEST(ProbeInterpreter, SaysWhatAScriptDoesBesides) {
  const TempFolder folder;
  const std::string begin = "it starts " + kVenv + "/bin/python with ";
  const std::pair<const char*, const char*> cases[] = {
      {"SOMETHING=1 exec", "environment of its own"},
      {"PYTHONPATH=/nowhere:$PYTHONPATH exec", "environment of its own"},
      {"cd / && exec", "folder of its own"}};
  for (const auto& [before, what] : cases) {
    const Result<Interpreter> found = ProbeScript(folder, before);
    ASSERT_TRUE(found) << found.error().Line();
    EXPECT_EQ(found->detour, begin + what);
    EXPECT_EQ(found->shim_obstacle, "");
  }
  const Result<Interpreter> found = ProbeScript(folder, "exec", "-B -X utf8");
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->detour, begin + "options of its own");
  EXPECT_EQ(found->shim_obstacle, "");
}

TEST(ProbeInterpreter, SaysWhatKeepsTheShimOut) {
  const TempFolder folder;
  folder.Write("own/sitecustomize.py");
  const std::string options = "it is started with -E, -I or -S and loads no sitecustomize of ours";
  const std::string drops = "what starts it drops PYTHONPATH; let it add to that instead";
  const std::tuple<std::string, const char*, std::string> cases[] = {
      {"exec", "-I", options},
      {"exec", "-E", options},
      {"exec", "-S", options},
      {"PYTHONPATH=/nowhere exec", "", drops},
      {"exec env -i", "", drops},
      {"PYTHONPATH=" + folder.path() + "/own:$PYTHONPATH exec", "",
       "the sitecustomize in " + folder.path() + "/own comes first on its PYTHONPATH"},
  };
  for (const auto& [before, after, why] : cases) {
    const Result<Interpreter> found = ProbeScript(folder, before, after);
    ASSERT_TRUE(found) << found.error().Line();
    EXPECT_EQ(found->shim_obstacle, why);
    EXPECT_EQ(found->extension_obstacle, why);
    EXPECT_EQ(OwnProcessObstacle(*found), folder.path() + "/script cannot be used: " + why);
  }
}

TEST(ProbeInterpreter, SeesThatAScriptKeepsItsOwnProcess) {
  const TempFolder folder;
  const std::string script = WriteProgram(folder, "script", kVenv + "/bin/python \"$@\"\nexit $?");
  const Result<Interpreter> found = ProbeInterpreter(script);
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->extension_obstacle,
            "it starts Python as a process of its own; let it do so with exec");
  EXPECT_EQ(found->shim_obstacle, found->extension_obstacle);
  EXPECT_EQ(found->detour, "");
}

TEST(ProbeInterpreter, TellsAFreeThreadedBuildByItsConfiguration) {
  const TempFolder folder;
  folder.Write("threaded.py", "build_time_vars = {'Py_GIL_DISABLED': 1}\n");
  const ScopedVariable path("PYTHONPATH", folder.path());
  const ScopedVariable data("_PYTHON_SYSCONFIGDATA_NAME", "threaded");
  const Result<Interpreter> found = ProbeInterpreter(kVenv + "/bin/python");
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_TRUE(found->free_threaded);
  EXPECT_EQ(found->extension_obstacle, "it is a free-threaded build");
  EXPECT_EQ(OwnProcessObstacle(*found), "");
}

TEST(ProbeInterpreter, FindsAFletThatTheAppBringsAlong) {
  const TempFolder folder;
  const ScopedVariable cache("XDG_CACHE_HOME", folder.path() + "/cache");
  folder.Write("app/flet/__init__.py");
  folder.Write("app/flet-9.8.7.dist-info/METADATA");
  for (int turn = 0; turn < 2; ++turn) {
    const Result<Interpreter> found =
        RecallInterpreter(kVenv + "/bin/python", folder.path() + "/app");
    ASSERT_TRUE(found) << found.error().Line();
    EXPECT_EQ(found->flet_version, "9.8.7");
    EXPECT_EQ(found->flet_package, folder.path() + "/app/flet");
    const Result<Interpreter> other = RecallInterpreter(kVenv + "/bin/python", folder.path());
    ASSERT_TRUE(other);
    EXPECT_EQ(other->flet_version, "1.0.5");
  }
  const std::string archive = folder.path() + "/app.pyz";
  ASSERT_EQ(std::system(("cd " + folder.path() + "/app && " + kVenv + "/bin/python -m zipfile -c " +
                         archive + " flet flet-9.8.7.dist-info")
                            .c_str()),
            0);
  Result<Interpreter> found = RecallInterpreter(kVenv + "/bin/python", archive);
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->flet_version, "9.8.7");
  EXPECT_EQ(found->flet_package, archive + "/flet");
  const ScopedVariable path("PYTHONPATH", archive);
  found = ProbeInterpreter(kVenv + "/bin/python");
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->flet_version, "9.8.7");
}

// It names each .pth file.
TEST(ProbeInterpreter, ReadsALongAnswer) {
  const TempFolder folder;
  const std::string wordy =
      WriteProgram(folder, "wordy",
                   "echo implementation=cpython; echo version=3.11.2\n"
                   "i=0; while [ $i -lt 2000 ]; do echo depends=/a/folder/of/many/packages/"
                   "and/many/more/letters/in/its/name/$i.pth; i=$((i+1)); done\n"
                   "echo shim=1");
  const Result<Interpreter> found = ProbeInterpreterWithin(wordy, 60s);
  ASSERT_TRUE(found) << found.error().Line();
  EXPECT_EQ(found->Version(), "3.11.2");
  EXPECT_EQ(found->micro, 2);
}

TEST(ProbeInterpreter, SaysThatAnAnswerIsTooLong) {
  const TempFolder folder;
  const std::string endless = WriteProgram(folder, "endless", "exec yes");
  const Result<Interpreter> found = ProbeInterpreterWithin(endless, 60s);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().Line(), HasSubstr("answered with more than 4 MiB"));
}

TEST(ProbeInterpreter, DoesNotWaitForeverForAnAnswer) {
  const TempFolder folder;
  const std::string silent = WriteProgram(folder, "silent", "exec sleep 1000");
  EXPECT_EQ(
      ProbeError(silent, 100ms),
      "the interpreter " + silent + " did not answer within 0.1 s; name another one with --python");
}

TEST(ProbeInterpreter, DoesNotWaitForeverForTheEndOfOneThatHasAnswered) {
  const TempFolder folder;
  const std::string lingering =
      WriteProgram(folder, "lingering", "echo version=3.11.2; exec sleep 1000 >/dev/null");
  EXPECT_THAT(ProbeError(lingering, 100ms),
              StartsWith("the interpreter " + lingering + " did not answer"));
}

TEST(CheckLibpython, RefusesAFreeThreadedBuild) {
  const std::string library = FLETBRIDGE_TEST_FREE_THREADED;
  const Result<> checked = CheckLibpython(library);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().Line(),
            library + " is a free-threaded build; one with the GIL is needed");
}

TEST(HostingObstacle, SaysWhyNot) {
  Interpreter python;
  python.path = "/opt/bin/python3";
  python.major = 3;
  python.minor = 12;
  python.micro = 9;
  python.base_prefix = "/opt";
  python.extension_obstacle = "it is a free-threaded build";
  python.libpython_hint = "use another";
  EXPECT_EQ(HostingObstacle(Hosting::kInterpreter, python),
            "/opt/bin/python3 cannot load our extension: it is a free-threaded build");
  EXPECT_THAT(HostingObstacle(Hosting::kStatic, python),
              testing::AnyOf(HasSubstr("not Python 3.12.9 of /opt"), HasSubstr("no static")));
  EXPECT_EQ(HostingObstacle(Hosting::kLibrary, python),
            "Python 3.12.9 at /opt/bin/python3 has no libpython3.12: use another");
  python.extension_obstacle.clear();
  python.libpython = "/opt/lib/libpython3.12.so.1.0";
  EXPECT_EQ(HostingObstacle(Hosting::kInterpreter, python), "");
  EXPECT_EQ(HostingObstacle(Hosting::kLibrary, python), "");
  // What a script does for it would be lost.
  python.detour = "it starts /usr/bin/python3 with options of its own";
  EXPECT_EQ(HostingObstacle(Hosting::kInterpreter, python), "");
  EXPECT_EQ(HostingObstacle(Hosting::kLibrary, python),
            "/opt/bin/python3 is no interpreter itself: " + python.detour);
  python.free_threaded = true;
  EXPECT_THAT(HostingObstacle(Hosting::kLibrary, python), HasSubstr("free-threaded"));
}

TEST(WireGeneration, KnowsWhatEachFletSpeaks) {
  const std::pair<const char*, int> table[] = {
      {"0.4.0", 1},  {"0.10.3", 1},     {"0.28.3", 1}, {"0.69.9", 1},   {"0.70.0", 2},
      {"0.82.2", 2}, {"0.85.3", 2},     {"0.86.0", 3}, {"0.90", 3},     {"0.86.0rc1", 3},
      {"1.0.5", 3},  {"1.0.0.dev7", 3}, {"2", 3},      {"0.1.65", 0},   {"0.1.0", 0},
      {"0.3.2", -1}, {"0", -1},         {"", -1},      {"unknown", -1}, {"-1.0", -1},
      {".86", -1}};
  for (const auto& [version, generation] : table)
    EXPECT_EQ(WireGeneration(version), generation) << version;
}

TEST(WireGeneration, OfAFletThatIsNewerThanKnownIsTheNewest) {
  for (const char* version : {"1.1.0", "1.1.0.dev3", "2", "2.0.1"}) {
    EXPECT_TRUE(IsNewerThanKnown(version)) << version;
    EXPECT_EQ(WireGeneration(version), 3) << version;
  }
  for (const char* version : {"1.0.5", "1.0.99", "0.86.0", "0.28.3", "", "unknown"})
    EXPECT_FALSE(IsNewerThanKnown(version)) << version;
}

}  // namespace
}  // namespace fletbridge
