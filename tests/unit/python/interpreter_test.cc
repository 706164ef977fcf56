#include "common/python/interpreter.h"

#include <filesystem>
#include <string>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_TRUE(found->loads_shim);
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
}

TEST(WireGeneration, KnowsWhatEachFletSpeaks) {
  const std::pair<const char*, int> table[] = {
      {"0.4.0", 1},  {"0.10.3", 1},     {"0.28.3", 1}, {"0.69.9", 1}, {"0.70.0", 2},
      {"0.82.2", 2}, {"0.85.3", 2},     {"0.86.0", 3}, {"0.90", 3},   {"0.86.0rc1", 3},
      {"1.0.5", 3},  {"1.0.0.dev7", 3}, {"2", 3},      {"0.3.2", 0},  {"0", 0},
      {"", 0},       {"unknown", 0},    {"-1.0", 0},   {".86", 0}};
  for (const auto& [version, generation] : table)
    EXPECT_EQ(WireGeneration(version), generation) << version;
}

}  // namespace
}  // namespace fletbridge
