#include "src/rollout/watched_start.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/platform/unique_fd.h"
#include "common/process/program.h"
#include "src/rollout/start_book.h"

namespace fletbridge {
namespace {

constexpr std::array kPassedOn = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

// What the child has to undo, since it goes on as if it were this process.
struct Signals {
  sigset_t mask{};
  struct sigaction on_child {};
};

sigset_t BlockForWaiting(Signals& before) {
  sigset_t waited;
  sigemptyset(&waited);
  for (const int number : kPassedOn) sigaddset(&waited, number);
  sigaddset(&waited, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &waited, &before.mask);
  // Where it was inherited as ignored, nobody could be waited for.
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &plain, &before.on_child);
  return waited;
}

void Restore(const Signals& before) {
  ::sigaction(SIGCHLD, &before.on_child, nullptr);
  ::sigprocmask(SIG_SETMASK, &before.mask, nullptr);
}

// The path of the child's record; empty if it leaves none. The child closes its end by going on.
std::string ReadPath(int fd) {
  std::string path;
  char buffer[512];
  while (true) {
    const ssize_t size = ::read(fd, buffer, sizeof buffer);
    if (size > 0) {
      path.append(buffer, static_cast<std::size_t>(size));
    } else if (size == 0 || errno != EINTR) {
      return path;
    }
  }
}

// Waits for the child's end; returns whether a person has asked for it.
bool WaitFor(pid_t child, const sigset_t& waited, int& status) {
  bool asked = false;
  while (::waitpid(child, &status, WNOHANG) != child) {
    siginfo_t info{};
    const int number = ::sigwaitinfo(&waited, &info);
    if (number <= 0 || number == SIGCHLD) continue;
    asked = true;
    // A terminal's Ctrl-C has reached the child as well: it is in the same group.
    if (info.si_code != SI_KERNEL) ::kill(child, number);
  }
  return asked;
}

}  // namespace

std::optional<WatchedEnd> WatchStart(const std::function<std::string(bool watched)>& note) {
  int ends[2];
  Signals before;
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    (void)note(false);
    return {};
  }
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::fflush(nullptr);
  const sigset_t waited = BlockForWaiting(before);
  const pid_t child = ForkThisProcess();
  if (child <= 0) {
    Restore(before);
    const std::string path = note(child == 0);
    if (child == 0) (void)!::write(writer.get(), path.data(), path.size());
    return {};
  }
  writer.reset();
  const std::string path = ReadPath(reader.get());
  const UniqueFd record(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  WatchedEnd end;
  const bool asked = WaitFor(child, waited, end.status);
  Restore(before);
  end.start_failed = !asked && end.status != 0 && record && FailedUnseen(record.get());
  Log(LogLevel::kDebug, "watched: status " + std::to_string(end.status));
  return end;
}

}  // namespace fletbridge
