// Room: src/rollout. A start that may well fail, because its stage has failed before: it is made by
// a child of this process, which waits for it, so that the run can go on with a lower stage when
// nothing has been shown yet. So no person meets a second failed start. Main thread, before there
// are others.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "src/host/features.h"

namespace fletbridge {

// Returns twice: nothing in the child, in which the run goes on; and here when the child has ended.
// `note` leaves the start's record, `watched` if it dies with its parent, and returns its path.
// Meanwhile the signals that ask a process to end are passed on. The child is killed if this
// process dies. Nothing as well, with a record of this process, if there can be no child.
[[nodiscard]] std::optional<WatchedEnd> WatchStart(
    const std::function<std::string(bool watched)>& note);

}  // namespace fletbridge
