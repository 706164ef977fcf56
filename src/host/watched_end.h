// Room: src/host. How a start that a child of this process has made came to its end. Main thread.
#pragma once

#include <string>

namespace fletbridge {

struct WatchedEnd {
  int status = 0;             // as waitpid() tells it
  bool start_failed = false;  // before the first frame, and by nobody's wish
};

// Such as "its process was killed by signal 11 before the first frame".
[[nodiscard]] std::string Describe(const WatchedEnd& end);
// Ends as the child did: returns its exit code, or dies by the same signal.
[[nodiscard]] int EndLike(const WatchedEnd& end);

}  // namespace fletbridge
