#include "common/python/running.h"

#include <filesystem>
#include <string>

#include "common/platform/process.h"

namespace fletbridge {

namespace fs = std::filesystem;

Result<Interpreter> ProbeRunning(pid_t process) {
  const platform::StartedAs how = platform::HowStarted(process);
  const std::string& name = how.name;
  // An app that was packed into an executable is one itself: it would start once more.
  const std::string program = fs::path(how.program).filename();
  if (!program.starts_with("python"))
    return MakeError(Errc::kSetup, "process " + std::to_string(process) + " is \"" + program +
                                       "\", no interpreter of Python");
  // A name without a folder has been looked up on PATH, which we have inherited.
  Result<std::string> path =
      name.find('/') == std::string::npos
          ? FindInterpreter(name, {})
          : Result<std::string>((fs::path(how.folder) / name).lexically_normal());
  if (!path) return path.error();
  std::error_code error;
  // The app may have changed its folder, or its name, since.
  if (name.empty() || !fs::equivalent(*path, how.same_file, error)) {
    return MakeError(Errc::kSetup, "cannot tell which interpreter process " +
                                       std::to_string(process) + " is, started as \"" + name +
                                       "\"");
  }
  return RecallInterpreter(*path);
}

}  // namespace fletbridge
