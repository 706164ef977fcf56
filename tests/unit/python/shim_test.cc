// The shim (python/sitecustomize.py) in the real interpreter with the pinned Flet, started as stage
// 1 starts it.
#include <signal.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/socket_leg.h"
#include "common/process/child.h"
#include "common/python/flet_environment.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/mailbox.h"
#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::Not;

const std::string kPython = std::string(FLETBRIDGE_TEST_VENV) + "/bin/python";

struct ListeningSink final : SocketLegSink {
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
      leg_.reset();
      child_.reset();
    });
  }

  Environment WithShim(Environment environment = {}) {
    EXPECT_TRUE(AddShim(folder_.path() + "/shim", environment));
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
    leg_ = std::make_unique<SocketLeg>(
        loop_, FlowLimits{}, address, [](int) { return Result<>(); }, sink_);
    OnLoop(loop_, [this] { leg_->Connect(std::chrono::seconds(40)); });
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
  std::unique_ptr<SocketLeg> leg_;
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
