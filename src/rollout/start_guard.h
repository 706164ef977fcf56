// Room: src/rollout. The way back, around one run: which stage the book of starts lets it try, the
// record that a start leaves, and how it ended. Given to src/host, which asks it. Main thread, but
// for what it has a session tell.
#pragma once

#include "src/host/features.h"

namespace fletbridge {

// The one guard there is; it has no state of its own. `RunRequest::guard` is ToText(BookOptions),
// whose versions lack Flet's.
[[nodiscard]] StartGuard& RolloutGuard();

}  // namespace fletbridge
