// The shim (python/shim) in the real interpreter with the pinned Flet, started as stage
// 1 starts it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <signal.h>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/app_connection.h"
#include "common/process/child.h"
#include "common/python/flet_environment.h"
#include "common/python/hosting.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/mailbox.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::Not;

const std::string kPython = std::string(FLETBRIDGE_TEST_VENV) + "/bin/python";

struct ListeningSink final : AppConnectionSink {
  void OnPacket(Packet&&) override {}
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnConnected() override { told.Put("listening"); }
  void OnSessionLost(const Error&) override {}
  void OnConnectFailed(const Error& why) override { told.Put(why.Line()); }

  Mailbox<std::string> told;
};

class Shim : public testing::Test {
 protected:
  Shim() { loop_.Start(); }
  ~Shim() override {
    OnLoop(loop_, [this] {
      connection_.reset();
      child_.reset();
    });
  }

  Environment WithShim(Environment environment = {}) {
    PointToShim(ShimFolder(), environment);
    return environment;
  }
  // Starts an app; what it prints goes to a file.
  void Start(const std::string& app, Environment environment) {
    folder_.Write("app.py", app);
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop_,
                     {"/bin/sh",
                      {"-c", "exec \"$0\" \"$1\" >\"$2\" 2>&1", kPython, folder_.path() + "/app.py",
                       folder_.path() + "/out"},
                      std::move(environment)},
                     [this](int code) { exits_.Put(code); });
    ASSERT_TRUE(child) << child.error().Line();
    child_ = std::move(*child);
  }
  int ExitCode() { return exits_.Take().value_or(-1); }
  std::string Printed() { return folder_.Read("out"); }
  std::string Run(const std::string& app, Environment environment = {}) {
    Start(app, std::move(environment));
    EXPECT_EQ(ExitCode(), 0) << Printed();
    return Printed();
  }
  // Starts an app that calls ft.run(), and waits until Flet listens.
  void StartFlet(const std::string& app) {
    SocketAddress address;
    address.path = folder_.path() + "/app.sock";
    Start(app, WithShim(FletOnUnixSocket(address.path)));
    connection_ = std::make_unique<AppConnection>(
        loop_, FlowLimits{}, address, [](int) { return Result<>(); }, sink_);
    OnLoop(loop_, [this] { connection_->Connect(std::chrono::seconds(40)); });
    ASSERT_EQ(sink_.told.Take(std::chrono::seconds(50)), "listening") << Printed();
  }
  void Signal(int signal) {
    OnLoop(loop_, [this, signal] { child_->Signal(signal); });
  }

  const TempFolder folder_;
  ListeningSink sink_;
  Mailbox<int> exits_;
  EventLoop loop_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<AppConnection> connection_;
};

constexpr const char* kSurroundings = R"(
import os, sys
print(sorted(os.environ.items()))
print(sys.path)
print(sys.argv, sys.executable, __name__, sys.flags)
)";

TEST_F(Shim, LeavesTheEnvironmentAndThePathAsTheyWere) {
  for (const auto& before :
       {std::optional<std::string>(), std::optional<std::string>(""),
        std::optional<std::string>("/a:/b/c"), std::optional<std::string>("/a:")}) {
    const ScopedVariable path("PYTHONPATH", before);
    const std::string without = Run(kSurroundings);
    EXPECT_EQ(Run(kSurroundings, WithShim()), without) << before.value_or("(unset)");
  }
}

TEST_F(Shim, LeavesThemAsTheyWereForTheAppsOwnChildrenToo) {
  const std::string app = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', " +
                          std::string("'''") + kSurroundings + "'''], check=True)\n";
  const ScopedVariable path("PYTHONPATH", "/a");
  const std::string without = Run(app);
  EXPECT_EQ(Run(app, WithShim()), without);
}

class GeneratedCode : public Shim {
 protected:
  // Two of the classes have the same texts.
  std::string Start(const char* no_bytecode = "") {
    return Run(
        "import os, sys\ncompiled = 0\n"
        "def hook(event, arguments):\n"
        "    global compiled\n"
        "    compiled += event == 'compile' and '__create_fn__' in str(arguments[0])\n"
        "sys.addaudithook(hook)\n"
        "from dataclasses import dataclass, field\n"
        "A, B = [dataclass(type('P', (), {'__annotations__': {'x': int}})) for _ in '12']\n"
        "@dataclass(order=True)\n"
        "class C:\n    y: str = 'b'\n    z: list = field(default_factory=list)\n"
        "print(A(1), B(2) == B(2), A(1) == B(1), C() < C('c'), C().z is C().z, "
        "A.__init__.__code__ is B.__init__.__code__, 'FLETBRIDGE_CODE_CACHE' in os.environ)\n"
        "print('compiled' if compiled else 'kept')\n",
        WithShim({{"FLETBRIDGE_CODE_CACHE", folder_.path() + "/cache/flet-1"},
                  {"PYTHONDONTWRITEBYTECODE", no_bytecode}}));
  }
  std::vector<std::filesystem::path> Files() {
    std::vector<std::filesystem::path> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/cache", none))
      found.push_back(entry.path());
    return found;
  }

  const std::string kOut = "P(x=1) True False True False False False\n";
};

TEST_F(GeneratedCode, IsCompiledInTheFirstStartAlone) {
  EXPECT_EQ(Start(), kOut + "compiled\n");
  ASSERT_EQ(Files().size(), 1U);
  EXPECT_EQ(Start(), kOut + "kept\n");
  EXPECT_EQ(Start(), kOut + "kept\n");
}

TEST_F(GeneratedCode, IsCompiledAgainWhereWhatIsKeptIsNotToBeTrusted) {
  namespace fs = std::filesystem;
  using Change = std::function<void(const fs::path&)>;
  const std::map<std::string, Change> changes{
      {"cut off", [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }},
      {"empty", [](const fs::path& file) { fs::resize_file(file, 0); }},
      {"changed",
       [](const fs::path& file) {
         std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(200) << "word";
       }},
      {"left by a killed start",
       [](const fs::path& file) {
         fs::rename(file, file.string() + ".part");
         fs::resize_file(file.string() + ".part", 100);
       }},
      {"others may write", [](const fs::path& file) { ::chmod(file.c_str(), 0666); }},
      {"a link",
       [](const fs::path& file) {
         fs::rename(file, file.string() + ".real");
         fs::create_symlink(file.string() + ".real", file);
       }},
      {"a pipe", [](const fs::path& file) { fs::remove(file), ::mkfifo(file.c_str(), 0600); }},
  };
  for (const auto& [what, change] : changes) {
    Start();
    ASSERT_EQ(Start(), kOut + "kept\n") << what;
    change(Files().front());
    EXPECT_EQ(Start(), kOut + "compiled\n") << what;
    EXPECT_EQ(Start(), kOut + "kept\n") << what;
    fs::remove_all(folder_.path() + "/cache");
  }
}

TEST_F(GeneratedCode, IsNotKeptWhereItCannotOrMustNotBe) {
  EXPECT_EQ(Start("1"), kOut + "compiled\n");
  EXPECT_THAT(Files(), testing::IsEmpty());
  folder_.Write("cache", "a file where the folder would be");
  EXPECT_EQ(Start(), kOut + "compiled\n");
}

TEST_F(Shim, KeepsWhatAScriptThatStartsPythonHasPutOnItsPath) {
  const ScopedVariable path("PYTHONPATH", "/a");
  Environment environment = WithShim();
  for (auto& [name, value] : environment) {
    if (name == "PYTHONPATH") value = "/mine:" + value + ":/last";
  }
  EXPECT_EQ(Run("import os, sys\nprint(os.environ['PYTHONPATH'], sys.path[1:4])", environment),
            "/mine:/a:/last ['/mine', '/a', '/last']\n");
}

// How often the shim has changed Flet, and whose loaders are seen.
constexpr const char* kLook = R"(
def look():
    import flet, flet.app, sys
    app = sys.modules['flet.app']
    f, times = flet.run_async, 0
    while hasattr(f, "__wrapped__"):
        f, times = f.__wrapped__, times + 1
    print(times, app.is_linux_server(), flet.run_async is app.run_async,
          type(app.__loader__).__name__, app.__loader__ is app.__spec__.loader)
)";

TEST_F(Shim, ChangesFletOnceHoweverItIsLoaded) {
  const std::string once = "1 False True SourceFileLoader True\n";
  EXPECT_EQ(Run(std::string(kLook) + "look()", WithShim()), once);
  EXPECT_EQ(
      Run(std::string(kLook) + "import flet.app, importlib\nimportlib.reload(flet.app)\nlook()",
          WithShim()),
      once);
  EXPECT_EQ(Run(std::string(kLook) + "import importlib.util as u, sys\n"
                                     "spec = u.find_spec('flet.app')\n"
                                     "assert len(spec.loader.get_source('flet.app')) > 100\n"
                                     "assert not spec.loader.is_package('flet.app')\n"
                                     "spec.loader = u.LazyLoader(spec.loader)\n"
                                     "sys.modules['flet.app'] = lazy = u.module_from_spec(spec)\n"
                                     "spec.loader.exec_module(lazy)\nlook()",
                WithShim()),
            once);
}

TEST_F(Shim, ChangesNoLoaderThatOthersShare) {
  EXPECT_EQ(Run("import sys, zipfile\n"
                "name = sys.argv[0] + '.zip'\n"
                "with zipfile.ZipFile(name, 'w') as z:\n"
                "    z.writestr('flet/__init__.py', '')\n"
                "    z.writestr('flet/app.py', 'async def run_async(): pass')\n"
                "    z.writestr('flet/other.py', 'async def run_async(): pass')\n"
                "sys.path.insert(0, name)\n"
                "import flet.app, flet.other\n"
                "print(hasattr(flet.app.run_async, '__wrapped__'),"
                " hasattr(flet.other.run_async, '__wrapped__'),"
                " 'exec_module' in vars(flet.__loader__),"
                " type(flet.app.__loader__) is type(flet.other.__loader__))",
                WithShim()),
            "True False False True\n");
}

TEST_F(Shim, GivesWayToTheMachinesOwnSitecustomize) {
  folder_.Write("own/sitecustomize.py", "print('own')\nvalue = 42\n");
  const ScopedVariable path("PYTHONPATH", folder_.path() + "/own");
  EXPECT_EQ(
      Run("import sitecustomize\nprint(sitecustomize.__file__, sitecustomize.value)", WithShim()),
      "own\n" + folder_.path() + "/own/sitecustomize.py 42\n");
}

TEST_F(Shim, ImportsNothingThatTakesTime) {
  auto modules = [this](const Environment& environment) {
    std::istringstream lines(
        Run("import sys\nprint(*sorted(sys.modules), sep='\\n')", environment));
    return std::set<std::string>(std::istream_iterator<std::string>(lines), {});
  };
  const std::set<std::string> before = modules({});
  const std::set<std::string> after = modules(WithShim());
  std::set<std::string> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::inserter(added, added.end()));
  // What importlib.util needs, and Flet too.
  EXPECT_LT(added.size(), 25u) << testing::PrintToString(added);
  EXPECT_THAT(
      added,
      Not(Contains(AnyOf("flet", "asyncio", "socket", "re", "typing", "inspect", "logging"))));
}

TEST_F(Shim, LetsRunReturnWhenItIsAskedToEnd) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ASSERT_NO_FATAL_FAILURE(
        StartFlet("import flet as ft\n"
                  "ft.run(lambda page: None)\n"
                  "print('after run')\n"
                  "raise SystemExit(3)\n"));
    Signal(signal);
    EXPECT_EQ(ExitCode(), 3) << Printed();
    EXPECT_EQ(Printed(), "after run\n") << signal;
    std::filesystem::remove(folder_.path() + "/app.sock");
  }
}

TEST_F(Shim, LetsRunAsyncReturnWhenItIsAskedToEnd) {
  ASSERT_NO_FATAL_FAILURE(
      StartFlet("import asyncio, flet as ft\n"
                "async def main():\n"
                "    await ft.run_async(lambda page: None)\n"
                "    print('after run')\n"
                "asyncio.run(main())\n"));
  Signal(SIGTERM);
  EXPECT_EQ(ExitCode(), 0) << Printed();
  EXPECT_EQ(Printed(), "after run\n");
}

TEST_F(Shim, KeepsTheAppsOwnSignalHandler) {
  ASSERT_NO_FATAL_FAILURE(
      StartFlet("import signal, os, flet as ft\n"
                "def mine(number, frame):\n"
                "    print('mine', flush=True)\n"
                "    os._exit(5)\n"
                "signal.signal(signal.SIGTERM, mine)\n"
                "ft.run(lambda page: None)\n"));
  Signal(SIGTERM);
  EXPECT_EQ(ExitCode(), 5) << Printed();
  EXPECT_EQ(Printed(), "mine\n");
}

TEST_F(Shim, RestoresTheDefaultHandlersAfterRun) {
  ASSERT_NO_FATAL_FAILURE(
      StartFlet("import os, signal, flet as ft\n"
                "ft.run(lambda page: None)\n"
                "print('after run', flush=True)\n"
                "os.kill(os.getpid(), signal.SIGTERM)\n"
                "print('still here')\n"));
  Signal(SIGTERM);
  EXPECT_EQ(ExitCode(), 128 + SIGTERM) << Printed();
  EXPECT_EQ(Printed(), "after run\n");
}

}  // namespace
}  // namespace fletbridge
