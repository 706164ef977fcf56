#include "common/process/surroundings.h"

#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/platform/process.h"
#include "common/platform/self.h"

namespace fletbridge {
namespace {

constexpr int kOurs[] = {SIGCHLD, SIGXFSZ, SIGPIPE};

struct Found {
  Found() noexcept {
    for (std::size_t i = 0; i < std::size(kOurs); ++i) ::sigaction(kOurs[i], nullptr, &actions[i]);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  }
  struct sigaction actions[std::size(kOurs)];
  sigset_t mask;
};
// From before main(), and so from before anybody has changed them.
const Found g_found;
std::string g_held;

void Set(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void HoldStreams() noexcept {
  for (int stream = 0; stream < 3; ++stream) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    int fd = platform::OpenAsName("/dev/null", 0);
    // A chroot may have none.
    if (fd < 0) fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (fd != stream) {
      ::dup3(fd, stream, O_CLOEXEC);
      ::close(fd);
    }
    g_held += static_cast<char>('0' + stream);
  }
}

const std::string& HeldStreams() noexcept { return g_held; }

void FillHeldStreams() noexcept {
  for (const char stream : g_held) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    ::dup2(fd, stream - '0');
    ::close(fd);
  }
}

void SettleSignals() noexcept {
  Set(SIGCHLD, SIG_DFL);
  Set(SIGXFSZ, SIG_IGN);
}

sigset_t HoldSignals() noexcept {
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN && sigismember(&g_found.mask, signal) == 0)
      sigaddset(&held, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &held, nullptr);
  return held;
}

void IgnoreBrokenPipes() noexcept { Set(SIGPIPE, SIG_IGN); }

void LeaveSignalsAsFound() noexcept {
  for (std::size_t i = 0; i < std::size(kOurs); ++i)
    ::sigaction(kOurs[i], &g_found.actions[i], nullptr);
  ::pthread_sigmask(SIG_SETMASK, &g_found.mask, nullptr);
}

void DieWithParent(int parent, int signal) noexcept {
  platform::EndWithParent(signal);
  if (::getppid() != parent) ::_exit(128 + signal);
}

void SettleIn() noexcept {
  HoldStreams();
  SettleSignals();
  if (const char* parent = std::getenv(kEndsWithVariable)) {
    DieWithParent(std::atoi(parent), SIGKILL);
    ::unsetenv(kEndsWithVariable);
  }
}

}  // namespace fletbridge
