// Room: common/python. The ways to have CPython in one process with us, what each needs, and where
// its parts lie beside our executable. Used by src/host to choose and by `fletbridge doctor`.
// Free functions; any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/python/interpreter.h"

namespace fletbridge {

enum class Hosting {
  kInterpreter,  // we are an extension in the genuine `python` executable
  kStatic,       // an executable of ours with the interpreter's static library inside
  kLibrary,      // this process, which opens the interpreter's shared library
};

// In the order in which `auto` tries them: by the figures of `fletbridge compare`.
inline constexpr std::array kHostings = {Hosting::kInterpreter, Hosting::kStatic,
                                         Hosting::kLibrary};
// "interpreter", "static", "library": as --hosting has them.
[[nodiscard]] constexpr std::string_view HostingName(Hosting hosting) {
  constexpr std::array<std::string_view, kHostings.size()> kNames = {"interpreter", "static",
                                                                     "library"};
  return kNames[static_cast<std::size_t>(hosting)];
}

// Why this interpreter cannot be hosted in this way, and what to do; empty if it can, as far as it
// can be told without opening libpython.
[[nodiscard]] std::string HostingObstacle(Hosting hosting, const Interpreter& python);
// The same for a process of its own (stage 1).
[[nodiscard]] std::string OwnProcessObstacle(const Interpreter& python);

// The folder of our own parts, beside the running executable's: ../lib/fletbridge; its own folder
// if that is one of the parts, the static program. Empty if it cannot be told.
[[nodiscard]] const std::string& PartsFolder();
[[nodiscard]] std::string ExtensionPath();      // what the interpreter loads
[[nodiscard]] std::string ShimFolder();         // what stands on its PYTHONPATH until it is up
[[nodiscard]] std::string ShimFile();           // what is loaded from there
[[nodiscard]] std::string ShimObstacle();       // why it cannot be loaded; empty if it can
[[nodiscard]] std::string AcceleratePackage();  // the folder of the package fletbridge.accelerate
[[nodiscard]] std::string StaticProgramPath();  // the executable with libpython3.X.a inside

}  // namespace fletbridge
