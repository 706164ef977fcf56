#include "common/python/hosting.h"

#include <filesystem>

#include "common/platform/self.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

// What the build found; each empty where there is no static library.
constexpr std::string_view kStaticVersion = FLETBRIDGE_STATIC_VERSION;
constexpr std::string_view kStaticSoabi = FLETBRIDGE_STATIC_SOABI;
constexpr std::string_view kStaticPrefix = FLETBRIDGE_STATIC_PREFIX;

std::string StaticProgramName() {
  return "fletbridge-static-" + std::string(kStaticVersion.substr(0, kStaticVersion.rfind('.')));
}

// Without the shim the app would run, but alone.
std::string InterpreterObstacle(const Interpreter& python) {
  if (!python.extension_obstacle.empty())
    return python.path + " cannot load our extension: " + python.extension_obstacle;
  if (ShimFolder().find(':') == std::string::npos) return ShimObstacle();
  return ShimFolder() +
         " cannot stand in PYTHONPATH, for it has a colon; install fletbridge elsewhere";
}

// What is not started by its own name: it would lack what the script does for it.
std::string DetourObstacle(const Interpreter& python) {
  return python.detour.empty() ? std::string()
                               : python.path + " is no interpreter itself: " + python.detour;
}

std::string StaticObstacle(const Interpreter& python) {
  std::error_code error;
  if (kStaticVersion.empty() || !fs::exists(StaticProgramPath(), error)) {
    return "this build has no static interpreter; build it where libpython3.X.a is, such as with "
           "python3-dev";
  }
  if (python.Version() != kStaticVersion || python.soabi != kStaticSoabi ||
      python.base_prefix != kStaticPrefix) {
    return "the static interpreter is Python " + std::string(kStaticVersion) + " of " +
           std::string(kStaticPrefix) + ", not Python " + python.Version() + " of " +
           python.base_prefix;
  }
  if (!python.detour.empty()) return DetourObstacle(python);
  return ShimObstacle();
}

std::string LibraryObstacle(const Interpreter& python) {
  if (python.free_threaded) return python.path + " is a free-threaded build, with other objects";
  if (!python.libpython.empty())
    return python.detour.empty() ? ShimObstacle() : DetourObstacle(python);
  const std::string version = std::to_string(python.major) + "." + std::to_string(python.minor);
  return "Python " + python.Version() + " at " + python.path + " has no libpython" + version +
         ": " + python.libpython_hint;
}

}  // namespace

std::string HostingObstacle(Hosting hosting, const Interpreter& python) {
  switch (hosting) {
    case Hosting::kInterpreter:
      return InterpreterObstacle(python);
    case Hosting::kStatic:
      return StaticObstacle(python);
    case Hosting::kLibrary:
      return LibraryObstacle(python);
  }
  return {};
}

std::string OwnProcessObstacle(const Interpreter& python) {
  if (python.shim_obstacle.empty()) return ShimObstacle();
  return python.path + " cannot be used: " + python.shim_obstacle;
}

const std::string& PartsFolder() {
  static const std::string folder = [] {
    const fs::path self = platform::OwnProgram();
    if (self.empty()) return std::string();
    if (self.filename() == StaticProgramName()) return self.parent_path().string();
    return (self.parent_path().parent_path() / "lib" / "fletbridge").string();
  }();
  return folder;
}

std::string ExtensionPath() { return PartsFolder() + "/fletbridge_python.abi3.so"; }
std::string AcceleratePackage() { return PartsFolder() + "/python/fletbridge/accelerate"; }
std::string ShimFolder() { return PartsFolder() + "/shim"; }

std::string ShimFile() { return ShimFolder() + "/sitecustomize.py"; }

std::string ShimObstacle() {
  std::error_code error;
  if (fs::exists(ShimFile(), error)) return {};
  return "there is no " + ShimFile() + "; install fletbridge as a whole";
}
std::string StaticProgramPath() { return PartsFolder() + "/" + StaticProgramName(); }

}  // namespace fletbridge
