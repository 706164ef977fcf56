// One scenario on one transport, in a process of its own: a hosted interpreter needs the main
// thread and may end the process.
//     conformance_host VARIANT SCENARIO
// Exit code 0 if all held; else lines "FAIL: ..." on stderr.
#include <chrono>
#include <cstdio>
#include <dirent.h>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

#include "tests/conformance/scenarios.h"

namespace {

using namespace fletbridge::conformance;

// If even the deadlines of the waits do not end it, SIGALRM does.
constexpr unsigned kAlarmSeconds = 50 * CONFORMANCE_PATIENCE;

int CountEntries(const char* folder) {
  DIR* dir = ::opendir(folder);
  if (dir == nullptr) return -1;
  int count = 0;
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

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
  std::thread([] {}).join();  // ThreadSanitizer begins a thread of its own beside the first
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
        if (scenario.name == name) return Run(argv[1], scenario);
      }
    }
    std::fprintf(stderr, "FAIL: no scenario %s\n", argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAIL: %s\n", error.what());
  }
  return 1;
}
