// Room: common/python. Finds a Python interpreter and asks it what a run must know. Used by
// src/host and by `fletbridge doctor`. Blocks; any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

struct Interpreter {
  std::string path;          // as it was named; python's argv[0]
  std::string executable{};  // sys.executable: another one, where `path` is a script that starts it
  std::string detour{};      // what such a script does besides; empty: nothing
  int major = 0, minor = 0, micro = 0;
  std::string libpython;             // the shared library of exactly this interpreter; empty: none
  std::string libpython_hint;        // if there is none: what to do
  std::string flet_version;          // empty: not installed
  std::string flet_package{};        // the folder of the package `flet`; empty with flet_version
  std::string prefix;                // sys.prefix
  std::string base_prefix{};         // of the installation that a virtual environment belongs to
  std::string soabi{};               // "cpython-311-x86_64-linux-gnu"
  bool free_threaded = false;        // a build without the GIL, such as python3.14t
  std::string shim_obstacle{};       // why it cannot be started with our shim; empty: it can
  std::string extension_obstacle{};  // why it cannot load our extension; empty: it can

  [[nodiscard]] std::string Version() const;  // "3.11.2"
};

// Runs the interpreter once to ask it; at most 20 s, or `deadline`, after which it is killed. The
// answer is not cached.
[[nodiscard]] Result<Interpreter> ProbeInterpreter(const std::string& path);
[[nodiscard]] Result<Interpreter> ProbeInterpreterWithin(const std::string& path,
                                                         std::chrono::milliseconds deadline);
// Has the interpreter run a text of Python, with these arguments, and returns what that has
// printed.
[[nodiscard]] Result<std::string> AskInterpreter(
    const std::string& path, const std::string& code,
    const std::vector<std::string>& arguments = {},
    std::chrono::milliseconds deadline = std::chrono::seconds(20));
// As ProbeInterpreter(), but an answer that still holds is taken from the user's cache. `place` is
// the app's script, folder or archive: a Flet that lies there comes before an installed one.
[[nodiscard]] Result<Interpreter> RecallInterpreter(const std::string& path,
                                                    const std::string& place = {});

// The virtual environments that an app in `app_dir` may have: .venv beside it, and in each folder
// above up to the one with the project's pyproject.toml.
[[nodiscard]] std::vector<std::string> EnvironmentsOf(const std::string& app_dir);
// A command that installs `requirement` for it; where pip must leave the system's Python alone (PEP
// 668), one that makes a virtual environment first.
[[nodiscard]] std::string HowToInstall(const Interpreter& python, const std::string& requirement,
                                       const std::string& app_dir);
// Why its Flet cannot be a web server, or has no broker of its own, and what to do; empty if it
// can.
[[nodiscard]] std::string WebObstacle(const Interpreter& python);
// Why its Flet can be reached without a broker by no means, and what to do; empty if it can.
[[nodiscard]] std::string BrokerlessObstacle(const Interpreter& python);
// Which interpreter to take: `asked` (an executable, a virtual environment's folder, or a name on
// PATH), else $VIRTUAL_ENV, else the first of EnvironmentsOf(), else python3 on PATH.
[[nodiscard]] Result<std::string> FindInterpreter(const std::string& asked,
                                                  const std::string& app_dir);

// The generation of Flet's wire format that a version speaks: 0 to 3; -1 for one that is not
// known here, and if it cannot be told.
[[nodiscard]] int WireGeneration(std::string_view flet_version);
// One that came after this was written: taken for the newest generation.
[[nodiscard]] bool IsNewerThanKnown(std::string_view flet_version);

}  // namespace fletbridge
