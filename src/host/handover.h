// Room: src/host. The data that are passed on when a run continues in another executable by
// execve(): the interpreter's own, or ours with a static libpython. They are in anonymous memory
// with an inherited descriptor, which leaves nothing behind however the process ends.
//
// Threads: the main thread.
#pragma once

#include <cstdint>

#include "common/base/log.h"
#include "common/platform/unique_fd.h"
#include "src/host/launch_plan.h"

namespace fletbridge {

// Environment variables. "FD:PID": the descriptor and this process, so that its children ignore it.
inline constexpr const char* kHandoverVariable = "FLETBRIDGE_HANDOVER";
// The path of our extension module, for the shim.
inline constexpr const char* kExtensionVariable = "FLETBRIDGE_EXTENSION";

struct Handover {
  RunRequest request;
  Interpreter python;
  LaunchPlan plan;
  std::int64_t start_ns = 0;  // the run's start on the monotonic clock
  int log_level = 0;
  int errors = -1;  // a start of an app that is reloaded: becomes its standard error
};

// The returned descriptor is inherited by execve().
[[nodiscard]] Result<UniqueFd> WriteHandover(const Handover& handover);
// Reads the data and closes `fd`.
[[nodiscard]] Result<Handover> ReadHandover(int fd);

// Replaces this program by the one for `hosting`; returns only if that fails.
[[nodiscard]] Error Become(Hosting hosting, const Handover& handover,
                           const std::vector<std::string>& arguments);

}  // namespace fletbridge
