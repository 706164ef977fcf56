// Room: src/host. What one program hands to the next when a run goes on in another executable: the
// interpreter's own, or ours with a static libpython inside. The process stays the same, so it goes
// by an inherited descriptor to memory, which leaves nothing behind however the process ends.
#pragma once

#include <cstdint>

#include "common/base/log.h"
#include "common/base/unique_fd.h"
#include "src/host/launch_plan.h"

namespace fletbridge {

// "FD:PID", the descriptor and the process it is meant for: not those that this one starts.
inline constexpr const char* kHandoverVariable = "FLETBRIDGE_HANDOVER";
// The extension, for the shim.
inline constexpr const char* kExtensionVariable = "FLETBRIDGE_EXTENSION";

struct Handover {
  RunRequest request;
  Interpreter python;
  LaunchPlan plan;
  std::int64_t start_ns = 0;  // of the run, on the monotonic clock, which goes on
  int log_level = 0;
};

// The descriptor is inherited by the next program.
[[nodiscard]] Result<UniqueFd> WriteHandover(const Handover& handover);
// Reads it once and closes it.
[[nodiscard]] Result<Handover> ReadHandover(int fd);

// Goes on in the program that `hosting` asks for; returns only if that cannot be started.
[[nodiscard]] Error Become(Hosting hosting, const Handover& handover,
                           const std::vector<std::string>& arguments);

}  // namespace fletbridge
