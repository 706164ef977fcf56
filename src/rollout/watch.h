// Room: src/host. A start that may well fail, because its stage has failed before: it is made by a
// child of this process, which waits for it, so that the run can go on with a lower stage when
// nothing has been shown yet. So no person meets a second failed start. Main thread, before there
// are others.
#pragma once

#include <optional>
#include <string>

#include "src/host/factory.h"

namespace fletbridge {

struct WatchedEnd {
  int status = 0;             // as waitpid() tells it
  bool start_failed = false;  // before the first frame, and by nobody's wish
};

// Returns twice: nothing in the child, in which the run goes on and whose record is noted; and here
// when the child has ended. Meanwhile the signals that ask a process to end are passed on. The
// child is killed if this process dies. Nothing as well if there can be no child.
[[nodiscard]] std::optional<WatchedEnd> WatchStart(RunRequest& request, const ChosenStage& chosen);

// Such as "its process was killed by signal 11 before the first frame".
[[nodiscard]] std::string Describe(const WatchedEnd& end);
// Ends as the child did: returns its exit code, or dies by the same signal.
[[nodiscard]] int EndLike(const WatchedEnd& end);

}  // namespace fletbridge
