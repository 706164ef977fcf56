// Room: tests. A toolbox whose parts and surroundings the test chooses, and which keeps what was
// asked and printed.
#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/config/temp_folder.h"
#include "tools/toolbox.h"

namespace fletbridge {

struct MadeUpToolbox {
  TempFolder folder;  // the working folder
  std::ostringstream out;
  std::ostringstream err;
  std::vector<RunRequest> runs;
  std::vector<RunRequest> planned;  // those that a plan alone was asked for
  std::vector<std::string> client_arguments;
  TextPairs checks;                                  // interpreter, request
  std::map<std::string, Interpreter> interpreters;   // by path; others cannot be asked
  std::vector<RunReport::Accelerator> accelerators;  // of any interpreter
  LaunchPlan plan;                                   // whatever is asked for
  WindowFinding window;
  std::vector<std::string> looked_for_window;  // client asked for, package, generation
  Toolbox tools{
      .parts = {
          .run =
              [this](const RunRequest& request) {
                runs.push_back(request);
                return 42;
              },
          .plan_start = [this](const RunRequest& request) -> Result<LaunchPlan> {
            planned.push_back(request);
            return plan;
          },
          .run_as_client =
              [this](const RunRequest& request, const std::string& url, const std::string& pid) {
                runs.push_back(request);
                client_arguments = {url, pid};
                return 43;
              },
          .find_interpreter = [this](const std::string& asked,
                                     const std::string&) -> Result<std::string> {
            if (!interpreters.contains(asked)) {
              return MakeError(Errc::kSetup, "there is no interpreter " + asked);
            }
            return asked;
          },
          .probe_interpreter = [this](const std::string& path) -> Result<Interpreter> {
            const auto found = interpreters.find(path);
            if (found == interpreters.end())
              return MakeError(Errc::kSetup, path + " does not answer");
            return found->second;
          },
          .hosting_obstacle = [](Hosting hosting, const Interpreter& python) -> std::string {
            if (hosting == Hosting::kInterpreter) return python.extension_obstacle;
            if (hosting == Hosting::kStatic) return "it is not built";
            return python.libpython.empty() ? "there is no libpython" : "";
          },
          .wire_generation =
              [](std::string_view version) {
                if (version.starts_with("0.1.")) return 0;
                if (version.starts_with("0.3.")) return -1;
                return version.starts_with("1.") ? 3 : version.starts_with("0.8") ? 2 : 1;
              },
          .ask_for_accelerators = [this](const Interpreter&) { return accelerators; },
          .become_checker =
              [this](const std::string& python, const std::string& request) {
                checks.emplace_back(python, request);
                return MakeError(Errc::kSetup, "this toolbox becomes nothing");
              },
          .try_runtime_dir =
              [] { return Result<std::string>(std::string("/run/user/1/fletbridge-abc123")); },
          .look_for_window =
              [this](const std::string& asked, const std::string& package, int generation) {
                looked_for_window = {asked, package, std::to_string(generation)};
                return window;
              },
      },
      .environment = {},
      .cwd = folder.path(),
      .out = out,
      .err = err,
  };
};

}  // namespace fletbridge
