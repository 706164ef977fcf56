#include "common/platform/process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <sys/wait.h>
#include <thread>
#include <utility>

#include "common/platform/posix/pipe.h"
#include "common/platform/threads.h"

namespace fletbridge::platform {
namespace {

constexpr std::chrono::milliseconds kLookEvery{10};
// A limit may be without end.
constexpr long kMostDescriptors = 65536;

bool IsChild(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// A child that has ended keeps its number until somebody waits for it, which this does not.
bool HasEnded(pid_t pid, bool child) {
  if (!child) return ::getppid() != pid;
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid;
}

}  // namespace

struct ProcessWatch::Impl {
  Impl(pid_t process, bool is_child, Pipe made)
      : pid(process), child(is_child), pipe(std::move(made)) {
    looker = StartWithoutSignals([this] { Look(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    looker.join();
  }

  void Look() {
    std::unique_lock lock(mutex);
    while (!stop && !HasEnded(pid, child)) changed.wait_for(lock, kLookEvery);
    pipe.write.reset();  // from now on the other end is readable
  }

  const pid_t pid;
  const bool child;
  Pipe pipe;
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;  // under mutex
  std::thread looker;
};

boost::system::result<ProcessWatch> ProcessWatch::Of(pid_t pid) {
  const bool child = IsChild(pid);
  if (!child && ::getppid() != pid)
    return boost::system::error_code(ESRCH, boost::system::system_category());
  Pipe made = MakePipe();
  if (!made.read) return boost::system::error_code(errno, boost::system::system_category());
  return ProcessWatch(std::make_unique<Impl>(pid, child, std::move(made)));
}

ProcessWatch::ProcessWatch(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ProcessWatch::ProcessWatch(ProcessWatch&&) noexcept = default;
ProcessWatch& ProcessWatch::operator=(ProcessWatch&&) noexcept = default;
ProcessWatch::~ProcessWatch() = default;

int ProcessWatch::fd() const noexcept { return impl_->pipe.read.get(); }

void ProcessWatch::Signal(int number) const noexcept {
  if (impl_->child ? IsChild(impl_->pid) : ::getppid() == impl_->pid) ::kill(impl_->pid, number);
}

void EndWithParent(int) noexcept {}

std::vector<int> OpenDescriptors() {
  std::vector<int> fds;
  const long limit = std::clamp(::sysconf(_SC_OPEN_MAX), 256L, kMostDescriptors);
  for (int fd = 0; fd < limit; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) fds.push_back(fd);
  }
  return fds;
}

EndSignals EndSignalsOf(pid_t) { return EndSignals::kOther; }
bool HoldsUpByPerson(pid_t) { return false; }
StartedAs HowStarted(pid_t) { return {}; }

std::uint64_t StartTicks(long pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM ? 1 : 0;
}

const std::string& BootId() {
  static const std::string none;
  return none;
}
std::uint64_t PidNamespace() { return 0; }

}  // namespace fletbridge::platform
