#include "common/process/child.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <signal.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/process/v2/posix/default_launcher.hpp>
#include <boost/process/v2/process.hpp>

#include "common/base/cause.h"
#include "common/base/unique_fd.h"
#include "common/process/surroundings.h"

namespace fletbridge {
namespace asio = boost::asio;
namespace process = boost::process::v2;

namespace {

// How the child has ended cannot be known any more: no success.
constexpr int kUnknownEnd = 70;

// A shell's way to say how a process ended.
int ShellCode(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

std::vector<int> InheritableDescriptors() {
  std::vector<int> fds;
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return {0, 1, 2};
  while (const dirent* entry = ::readdir(dir)) {
    char* end = nullptr;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (*end != '\0' || fd == ::dirfd(dir)) continue;
    const int flags = ::fcntl(static_cast<int>(fd), F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) fds.push_back(static_cast<int>(fd));
  }
  ::closedir(dir);
  return fds;
}

std::vector<std::string> Environment(
    const std::vector<std::pair<std::string, std::string>>& added) {
  // Each name once: getenv() takes the first of several, a shell the last.
  std::map<std::string_view, std::string_view> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
      merged.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  for (const auto& [name, value] : added) merged.insert_or_assign(name, value);
  std::vector<std::string> result;
  for (const auto& [name, value] : merged)
    result.push_back(std::string(name) + "=" + std::string(value));
  return result;
}

// Runs in the child between fork and exec: only calls that are safe there.
struct ExecSetup {
  pid_t parent;
  int output;
  bool own_session;
  int death_signal;

  template <class Launcher>
  process::error_code on_exec_setup(Launcher&, const process::filesystem::path&,
                                    const char* const*(&)) {
    DieWithParent(parent, death_signal);
    if (own_session) ::setsid();
    if (output >= 0) {
      const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::dup2(nothing, STDIN_FILENO);
      ::dup2(output, STDOUT_FILENO);
      ::dup2(output, STDERR_FILENO);
    }
    LeaveSignalsAsFound();
    return {};
  }
};

}  // namespace

struct Child::Impl {
  Impl(asio::io_context& io, pid_t child, int fd) : pid(child), pidfd(io, fd) {}

  // Reaps the child if it has ended.
  bool Reap(int options) {
    siginfo_t info{};
    int waited = -1;
    while (running) {
      waited = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | options);
      if (waited == 0 || errno != EINTR) break;
    }
    if (waited == 0 && info.si_pid == pid) {
      running = false;
      code = ShellCode(info);
    } else if (waited < 0 && running) {
      // Somebody else has reaped it, such as a library that waits for any child: it has ended.
      running = false;
      code = kUnknownEnd;
    }
    return !running;
  }

  const pid_t pid;
  asio::posix::stream_descriptor pidfd;
  bool running = true;
  bool abandoned = false;  // the Child has gone: a wait that is over already tells nobody
  int code = 0;
};

Child::Child(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Child>> Child::Start(EventLoop& loop, const ChildOptions& options,
                                            std::function<void(int)> on_exit) {
  // A context of its own: after fork() Boost tells the context's services, whose locks the running
  // loop may hold at that moment.
  asio::io_context launch_io;
  SettleSignals();
  process::posix::default_launcher launcher;
  for (const int fd : InheritableDescriptors()) launcher.fd_whitelist.push_back(fd);
  if (options.output >= 0)
    launcher.fd_whitelist.insert(launcher.fd_whitelist.end(), {0, 1, 2, options.output});
  std::sort(launcher.fd_whitelist.begin(), launcher.fd_whitelist.end());
  const std::vector<std::string> environment = Environment(options.environment);
  std::vector<const char*> pointers;
  for (const std::string& entry : environment) pointers.push_back(entry.c_str());
  pointers.push_back(nullptr);
  launcher.env = pointers.data();

  process::error_code error;
  auto started =
      launcher(launch_io.get_executor(), error, process::filesystem::path(options.executable),
               options.arguments,
               ExecSetup{::getpid(), options.output, options.own_session, options.death_signal});
  if (error) {
    return Error{error,
                 "cannot start " + options.executable + ": " +
                     CauseAndRemedy(error.value(), "name another interpreter with --python")};
  }
  const pid_t pid = started.id();
  started.detach();
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return MakeError(Errc::kSetup, "this kernel has no pidfd_open (Linux 5.3 is needed)");
  }
  auto impl = std::make_shared<Impl>(loop.io(), pid, pidfd.release());
  loop.Post([impl, on_exit = std::move(on_exit)] {
    impl->pidfd.async_wait(asio::posix::stream_descriptor::wait_read,
                           [impl, on_exit](boost::system::error_code wait_error) {
                             if (!wait_error && !impl->abandoned && impl->Reap(WNOHANG))
                               on_exit(impl->code);
                           });
  });
  return std::unique_ptr<Child>(new Child(std::move(impl)));
}

Child::~Child() {
  impl_->abandoned = true;
  if (impl_->running) {
    Signal(SIGKILL);
    impl_->Reap(0);
  }
  boost::system::error_code ignored;
  impl_->pidfd.cancel(ignored);
}

pid_t Child::pid() const { return impl_->pid; }

void Child::Signal(int signal) {
  if (impl_->running)
    ::syscall(SYS_pidfd_send_signal, impl_->pidfd.native_handle(), signal, nullptr, 0);
}

}  // namespace fletbridge
