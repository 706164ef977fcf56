// Room: tools. Everything outside itself that a subcommand uses: the functions it calls, the
// process's environment and folder, the streams. Real in the executables (real_toolbox.cc), fake
// in tests.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/config/settings.h"
#include "common/python/checker.h"
#include "common/python/hosting.h"
#include "common/python/interpreter.h"
#include "src/host/accelerators.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"
#include "src/host/window_finding.h"

namespace fletbridge {

inline constexpr int kExitUsage = 2;
inline constexpr int kExitFailure = 70;

// What a subcommand calls; each as the function of the same meaning in src/host or common.
struct Parts {
  std::function<int(const RunRequest&)> run;
  std::function<Result<LaunchPlan>(const RunRequest&)> plan_start;
  std::function<int(const RunRequest&, const std::string& page_url, const std::string& pid_file)>
      run_as_client;
  std::function<Result<std::string>(const std::string& asked, const std::string& app_dir)>
      find_interpreter;
  std::function<Result<Interpreter>(const std::string& path)> probe_interpreter;
  std::function<std::string(Hosting, const Interpreter&)> hosting_obstacle;
  std::function<int(std::string_view flet_version)> wire_generation;
  std::function<std::vector<RunReport::Accelerator>(const Interpreter&)> ask_for_accelerators;
  std::function<Error(const std::string& python, const std::string& request)>
      become_checker;                                    // returns only if it could not
  std::function<Result<std::string>()> try_runtime_dir;  // makes one, removes it, tells its path
  std::function<WindowFinding(const std::string& flet_client, const std::string& flet_package,
                              int generation)>
      look_for_window;
};

class HelpReader;  // command_line.h

struct Toolbox {
  Parts parts;
  TextPairs environment;
  std::string cwd;                    // absolute
  std::string fetcher{};              // the program that asks a flag file's address
  bool utf8_terminal = false;         // `out` is a terminal that shows UTF-8
  HelpReader* help_reader = nullptr;  // gets help in place of `out`; may be none
  std::ostream& out;                  // results
  std::ostream& err;                  // one-line messages for people
};

// The surroundings of this process, with std::cout and std::cerr.
[[nodiscard]] Toolbox RealToolbox();

// `fletbridge ARGS…` and `flet ARGS…` without the program's own name; return the exit code.
[[nodiscard]] int FletbridgeMain(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int FletMain(const Toolbox& tools, const std::vector<std::string>& args);

// Prints "fletbridge: <text>" on one line, whatever `text` holds.
void PrintMessage(const Toolbox& tools, std::string_view text);
// Prints the error and returns the exit code for it: 2 for wrong usage, else 70.
[[nodiscard]] int PrintError(const Toolbox& tools, const Error& error);

}  // namespace fletbridge
