#include "common/python/running.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace fletbridge {

namespace fs = std::filesystem;

Result<Interpreter> ProbeRunning(pid_t process) {
  const fs::path at = "/proc/" + std::to_string(process);
  std::string name;
  std::ifstream in(at / "cmdline");
  std::getline(in, name, '\0');
  std::error_code error;
  // An app that was packed into an executable is one itself: it would start once more.
  const std::string program = fs::read_symlink(at / "exe", error).filename();
  if (!program.starts_with("python"))
    return MakeError(Errc::kSetup, "process " + std::to_string(process) + " is \"" + program +
                                       "\", no interpreter of Python");
  // A name without a folder has been looked up on PATH, which we have inherited.
  Result<std::string> path =
      name.find('/') == std::string::npos
          ? FindInterpreter(name, {})
          : Result<std::string>((fs::read_symlink(at / "cwd", error) / name).lexically_normal());
  if (!path) return path.error();
  // The app may have changed its folder, or its name, since.
  if (name.empty() || !fs::equivalent(*path, at / "exe", error)) {
    return MakeError(Errc::kSetup, "cannot tell which interpreter process " +
                                       std::to_string(process) + " is, started as \"" + name +
                                       "\"");
  }
  return RecallInterpreter(*path);
}

}  // namespace fletbridge
