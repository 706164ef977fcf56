// One scenario on one transport, in a process of its own: a hosted interpreter needs the main
// thread and may end the process.
//     conformance_host VARIANT SCENARIO
// Exit code 0 if all held; else lines "FAIL: ..." on stderr. For a VARIANT whose app is the parent
// it starts the app, which starts this program once more.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/conformance/scenarios.h"
#include "tests/unit/support/leftovers.h"

namespace {

using namespace fletbridge::conformance;
using fletbridge::BeginFirstThread;
using fletbridge::CountEntries;

// If even the deadlines of the waits do not end it, SIGALRM does.
constexpr unsigned kAlarmSeconds = 50 * CONFORMANCE_PATIENCE;

// A joined thread may be seen for another moment: the kernel tells its end before it is gone.
int CountThreadsOnceAt(int expected) {
  int count = CountEntries("/proc/self/task");
  for (int tries = 0; tries < 1000 && count != expected; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    count = CountEntries("/proc/self/task");
  }
  return count;
}

int Run(const std::string& variant, const Scenario& scenario) {
  ::alarm(kAlarmSeconds);
  BeginFirstThread();
  const int threads = CountEntries("/proc/self/task");
  const int fds = CountEntries("/proc/self/fd");
  auto rig = std::make_unique<Rig>(variant, scenario.plan);
  int code = rig->Run(scenario.run);
  if (rig->in_process()) {
    // The app's threads may still call into the transport: it lives as long as the process.
    static const Rig* kept = rig.release();
    return kept != nullptr ? code : 1;
  }
  rig.reset();
  if (const int left = CountThreadsOnceAt(threads); left != threads) {
    std::fprintf(stderr, "FAIL: %d threads are left behind\n", left - threads);
    code = 1;
  }
  if (const int left = CountEntries("/proc/self/fd"); left != fds) {
    std::fprintf(stderr, "FAIL: %d descriptors are left behind\n", left - fds);
    code = 1;
  }
  return code;
}

std::string TemporaryPath(const char* name) {
  const char* folder = std::getenv("TMPDIR");
  return std::string(folder != nullptr ? folder : "/tmp") + "/" + name;
}

// The app, and below it the scenario. Both orphans and children come to us: the scenario's exit
// code is the one that is not the app's.
int RunBelowTheApp(const std::string& variant, const Scenario& scenario) {
  ::alarm(kAlarmSeconds);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  int side[2] = {-1, -1};
  Require(::socketpair(AF_UNIX, SOCK_STREAM, 0, side) == 0, "no socket pair");
  std::string path;
  ::unsetenv("FLET_SERVER_UDS_PATH");
  if (variant.ends_with("uds")) {
    path = TemporaryPath("app.sock");
    ::setenv("FLET_SERVER_UDS_PATH", path.c_str(), 1);
  }
  char program[4096] = {};
  Require(::readlink("/proc/self/exe", program, sizeof program - 1) > 0, "no program");
  const nlohmann::json line = {program, variant, scenario.name};
  ::setenv("CONFORMANCE_CLIENT", line.dump().c_str(), 1);
  ::setenv("CONFORMANCE_SIDE", std::to_string(side[0]).c_str(), 1);
  ::setenv("CONFORMANCE_FD", std::to_string(side[1]).c_str(), 1);
  ::setenv("CONFORMANCE_START", scenario.plan.start.c_str(), 1);
  const pid_t app = ::fork();
  if (app == 0) {
    ::execl(CONFORMANCE_PYTHON, CONFORMANCE_PYTHON, CONFORMANCE_PEER, nullptr);
    ::_exit(127);
  }
  for (const int fd : side) ::close(fd);
  int verdict = -1;
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, 0)) > 0 || errno == EINTR;) {
    if (pid > 0 && pid != app)
      verdict = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  if (!path.empty()) ::unlink(path.c_str());
  Require(verdict >= 0, "the app has started no client");
  return verdict;
}

int RunAsVariant(const std::string& variant, const Scenario& scenario) {
  if (variant.starts_with("attached") && std::getenv("CONFORMANCE_ADDRESS") == nullptr)
    return RunBelowTheApp(variant, scenario);
  const int code = Run(variant, scenario);
  if (!variant.starts_with("bridge")) return code;
  std::fflush(nullptr);
  ::_exit(code);  // as a packaged app ends: Python's threads run on
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: conformance_host VARIANT SCENARIO\n");
    return 2;
  }
  const std::string name = argv[2];
  try {
    for (const auto& scenarios : {PacketScenarios(), LifeScenarios(), KillScenarios()}) {
      for (const Scenario& scenario : scenarios) {
        if (scenario.name == name) return RunAsVariant(argv[1], scenario);
      }
    }
    std::fprintf(stderr, "FAIL: no scenario %s\n", argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAIL: %s\n", error.what());
  }
  return 1;
}
