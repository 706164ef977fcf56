// Room: src/host. How a run in a child process of ours ended (StartGuard::Begin()).
//
// Threads: the main thread.
#pragma once

#include <string>

namespace fletbridge {

struct WatchedEnd {
  int status = 0;             // as from waitpid()
  bool start_failed = false;  // it ended before the first frame, and not by the user
};

// Such as "its process was killed by signal 11 before the first frame".
[[nodiscard]] std::string Describe(const WatchedEnd& end);
// Ends as the child did: returns its exit code, or dies by the same signal.
[[nodiscard]] int EndLike(const WatchedEnd& end);

}  // namespace fletbridge
