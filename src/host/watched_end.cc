#include "src/host/watched_end.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>

namespace fletbridge {

std::string Describe(const WatchedEnd& end) {
  const std::string how = WIFSIGNALED(end.status)
                              ? "was killed by signal " + std::to_string(WTERMSIG(end.status))
                              : "ended with code " + std::to_string(WEXITSTATUS(end.status));
  return "its process " + how + " before the first frame";
}

int EndLike(const WatchedEnd& end) {
  if (!WIFSIGNALED(end.status)) return WEXITSTATUS(end.status);
  const int number = WTERMSIG(end.status);
  // Without a core dump of this process; the child has written its own.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(number, SIG_DFL);
  sigset_t unblocked;
  sigemptyset(&unblocked);
  sigaddset(&unblocked, number);
  ::sigprocmask(SIG_UNBLOCK, &unblocked, nullptr);
  std::raise(number);
  return 128 + number;
}

}  // namespace fletbridge
