#include "common/process/last_resort.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <poll.h>
#include <pthread.h>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "common/platform/threads.h"

namespace fletbridge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// One moment for the process; never: nobody waits. Atomics only, so that no one who is stopped in
// the middle of it keeps the others.
constexpr std::int64_t kNever = INT64_MAX;
std::atomic<std::int64_t> g_moment{kNever};
std::atomic<int> g_code{70};
std::atomic<bool> g_watched{false};

std::int64_t Now() { return nanoseconds(Clock::now().time_since_epoch()).count(); }

void Watch() {
  for (;;) {
    const std::int64_t moment = g_moment.load();
    if (moment == kNever) {
      g_watched.store(false);
      if (g_moment.load() == kNever || g_watched.exchange(true)) return;
      continue;
    }
    const std::int64_t left = moment - Now();
    if (left <= 0) {
      constexpr std::string_view kText = "fletbridge: the process does not end by itself: ended\n";
      pollfd out{STDERR_FILENO, POLLOUT, 0};  // a pipe that nobody reads would hold this up as well
      if (::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0) {
        [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, kText.data(), kText.size());
      }
      ::_exit(g_code.load());
    }
    // It looks again: the moment may have been moved.
    std::this_thread::sleep_for(
        std::min(nanoseconds(left), nanoseconds(std::chrono::milliseconds(100))));
  }
}

}  // namespace

void EndProcessAfter(std::chrono::milliseconds patience, int code) noexcept {
  g_code.store(code);
  g_moment.store(Now() + nanoseconds(patience).count());
  if (g_watched.exchange(true)) return;
  try {
    platform::StartWithoutSignals(Watch).detach();
  } catch (...) {  // no thread can be had: there is nobody left who could wait
    g_watched.store(false);
  }
}

void CancelEndOfProcess() noexcept { g_moment.store(kNever); }

}  // namespace fletbridge
