// Room: src/dart_bridge. How Python's multiprocessing starts its children, seen on their command
// line.
#pragma once

#include <string_view>

namespace fletbridge::dart_bridge {

// A frozen or embedding executable is started again as `EXECUTABLE --multiprocessing-fork ...`, or
// as `EXECUTABLE -c "from multiprocessing.resource_tracker import ..."`. Looks at argv[1] and
// after.
inline bool IsMultiprocessingChild(int argc, const char* const* argv) noexcept {
  if (argv == nullptr) return false;
  for (int i = 1; i < argc && argv[i] != nullptr; ++i) {
    const std::string_view word = argv[i];
    if (word == "--multiprocessing-fork") return true;
    if (word != "-c" || i + 1 >= argc || argv[i + 1] == nullptr) continue;
    const std::string_view code = argv[i + 1];
    if (code.starts_with("from multiprocessing.") ||
        code.starts_with("import sys; from multiprocessing.")) {
      return true;
    }
  }
  return false;
}

}  // namespace fletbridge::dart_bridge
