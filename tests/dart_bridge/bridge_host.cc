// One case on one library, in a process of its own: as an app's process, which opens the library
// and has no Python beside it.
//     bridge_host ours:LIBRARY|original:LIBRARY CASE
// Exit code 0 if all held, or the one that the case is about; 125 if the library is too old for it;
// else 1 and a line "FAIL: ...".
// Started by Python's multiprocessing it is that child, as an app's main is.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/dart_bridge/rig.h"

namespace {

using namespace fletbridge::bridge_test;

// If even the deadlines of the waits do not end it, SIGALRM does. The original may be asked twice.
constexpr unsigned kAlarmSeconds = 100 * BRIDGE_PATIENCE;
constexpr unsigned kOriginalAlarmSeconds = 50;
constexpr int kAbsentStatus = 125;
constexpr const char* kLibraryVariable = "BRIDGE_TEST_LIBRARY";

// What the machine's own settings would change.
void CleanSurroundings() {
  for (const char* name :
       {"PYTHONHOME", "PYTHONPATH", "PYTHONINSPECT", "PYTHONSTARTUP", "FLET_PLATFORM",
        "FLET_DART_BRIDGE_PORT", "FLET_DART_BRIDGE_EXIT_PORT"}) {
    ::unsetenv(name);
  }
  ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
  ::signal(SIGINT, SIG_DFL);  // ignored in a shell's background
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
}

int RunCase(const std::string& variant, const std::string& name) {
  const std::size_t colon = variant.find(':');
  const bool original = variant.substr(0, colon) == "original";
  const std::string library = variant.substr(colon + 1);
  ::setenv(kLibraryVariable, library.c_str(), 1);
  for (const auto& cases :
       {StartCases(), MessageCases(), SessionCases(), FletCases(), OwnCases(), StressCases()}) {
    for (const Case& one : cases) {
      if (one.name != name) continue;
      ::alarm(original ? kOriginalAlarmSeconds : kAlarmSeconds);
      auto* rig = new Rig(library.c_str(), original);
      int code = 0;
      try {
        if (original && name != "65") rig->ShowPythonToExtensions();
        one.run(*rig);
        Same("messages that were changed before they were given back", rig->vm().faults(), 0);
      } catch (const Absent& absent) {
        rig->Tell(absent.what());
        code = kAbsentStatus;
      } catch (const std::exception& failure) {
        rig->Tell(std::string("FAIL: ") + failure.what());
        rig->ShowCaptured();
        code = 1;
      }
      std::fflush(nullptr);
      // A program that is still there keeps what it uses; one that has ended must leave nothing.
      if (code != 0 || rig->bridge().is_initialized() != 0) ::_exit(code);
      delete rig;
      return code;
    }
  }
  std::printf("FAIL: no case %s\n", name.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (const char* library = std::getenv(kLibraryVariable)) {
      Bridge bridge(library);
      if (bridge.is_mp_invocation != nullptr && bridge.is_mp_invocation(argc, argv) == 1) {
        return bridge.main(argc, argv);
      }
    }
    if (argc != 3 || std::strchr(argv[1], ':') == nullptr) {
      std::fprintf(stderr, "usage: bridge_host ours:LIBRARY|original:LIBRARY CASE\n");
      return 2;
    }
    CleanSurroundings();
    return RunCase(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::printf("FAIL: %s\n", error.what());
    return 1;
  }
}
