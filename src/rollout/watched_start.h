// Room: src/rollout. The watched start, for a stage that has failed before: a child process makes
// the start and this process waits for it, so the run can continue on a lower stage if the child
// fails before the first frame. So no user sees a second failed start. Main thread, before there
// are others (it forks).
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
