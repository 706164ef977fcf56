// Room: src/rollout. The guard around one run: asks the start book which stage may be used, writes
// the start record, and notes how the start ended. Implements the interface by which src/host
// calls it. Main thread, except for the events that a session reports.
#pragma once

#include "src/host/features.h"

namespace fletbridge {

// The one guard there is; it has no state of its own. `RunRequest::guard` is ToText(BookOptions),
// whose versions lack Flet's.
[[nodiscard]] StartGuard& RolloutGuard();

}  // namespace fletbridge
