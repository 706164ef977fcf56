#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace fletbridge {

struct Interpreter {
  std::string path;
  int major = 0, minor = 0, micro = 0;
  std::string libpython;  // empty: none
  std::string libpython_hint;
  std::string flet_version;  // empty: not installed
  std::string prefix;
};

// Runs the interpreter once to ask it (deadline 20 s).
[[nodiscard]] Result<Interpreter> ProbeInterpreter(const std::string& path);
// --python, $VIRTUAL_ENV, .venv beside `app_dir`, python3 on PATH, in this order; `asked` may be
// empty, an executable or a venv folder.
[[nodiscard]] Result<std::string> FindInterpreter(const std::string& asked,
                                                  const std::string& app_dir);
int WireGeneration(std::string_view flet_version);  // 1, 2, 3; 0 unknown

}  // namespace fletbridge
