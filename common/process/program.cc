#include "common/process/program.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"
#include "common/process/surroundings.h"

namespace fletbridge {
namespace {

using boost::system::error_code;

// How it has ended cannot be known any more: no success.
constexpr int kUnknownEnd = 70;

error_code OfSystem(int number) { return {number, boost::system::system_category()}; }

std::vector<std::string> Merged(const std::vector<std::pair<std::string, std::string>>& added) {
  // Each name once: getenv() takes the first of several, a shell the last.
  std::map<std::string_view, std::string_view> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const std::size_t equals = text.find('='); equals != std::string_view::npos)
      merged.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : added) merged.insert_or_assign(name, value);
  std::vector<std::string> result;
  for (const auto& [name, value] : merged)
    result.push_back(std::string(name) + "=" + std::string(value));
  return result;
}

// What execve() takes, made before fork(): nothing may be allocated after it.
class Image {
 public:
  explicit Image(const Program& program)
      : path_(program.path), words_(program.arguments), variables_(Merged(program.environment)) {
    words_.insert(words_.begin(), program.name.empty() ? program.path : program.name);
    for (std::string& word : words_) argv_.push_back(word.data());
    argv_.push_back(nullptr);
    for (std::string& variable : variables_) envp_.push_back(variable.data());
    envp_.push_back(nullptr);
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // The cause, if it returns.
  [[nodiscard]] int Execute() const noexcept {
    ::execve(path_.c_str(), argv_.data(), envp_.data());
    return errno;
  }

 private:
  const std::string path_;
  std::vector<std::string> words_;
  std::vector<std::string> variables_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

// While this lives no signal reaches the thread: in a new process a handler of ours would act for
// the first one, into whose wake-up descriptor it writes.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

// ---- In the new process, where only calls are allowed that are safe between fork and exec.

void DropHandlers() noexcept {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_DFL ||
        action.sa_handler == SIG_IGN)
      continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
}

// Above the standard streams, where none of them is lost by another's coming.
int MovedUp(int fd) noexcept { return fd < 0 ? fd : ::fcntl(fd, F_DUPFD_CLOEXEC, 3); }

bool SetStreams(const Inheritance& inheritance) noexcept {
  std::array<int, 3> from = {inheritance.input, inheritance.output, inheritance.errors};
  for (int& fd : from) {
    if (fd == kInherited) continue;
    fd = fd == kNothing ? MovedUp(::open("/dev/null", O_RDWR | O_CLOEXEC)) : MovedUp(fd);
    if (fd < 0) return false;
  }
  for (int stream = 0; stream < 3; ++stream) {
    const int fd = from[static_cast<std::size_t>(stream)];
    if (fd != kInherited && ::dup2(fd, stream) < 0) return false;
  }
  return true;
}

struct Orders {
  const Image& image;
  const Inheritance& inheritance;
  bool detached;
  pid_t parent;
  const std::vector<int>& withheld;  // descriptors
  int report;                        // who waits reads the cause there; closed by the exec
};

[[noreturn]] void Obey(const Orders& orders) noexcept {
  const auto fail = [&](int number) {
    [[maybe_unused]] const ssize_t n = ::write(orders.report, &number, sizeof number);
    ::_exit(127);
  };
  DropHandlers();
  if (orders.inheritance.death_signal != 0)
    DieWithParent(orders.parent, orders.inheritance.death_signal);
  if (orders.inheritance.own_session || orders.detached) ::setsid();
  if (orders.detached) {
    const pid_t again = ::fork();
    if (again < 0) fail(errno);
    if (again > 0) ::_exit(0);
  }
  if (!SetStreams(orders.inheritance)) fail(errno);
  for (const int fd : orders.withheld) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  LeaveSignalsAsFound();
  const int cause = orders.image.Execute();
  fail(cause);
  ::_exit(127);
}

// ---- In the one that starts it.

// Those that it would get besides its streams.
std::vector<int> Withheld(const Inheritance& inheritance) {
  if (inheritance.descriptors) return {};
  std::vector<int> result;
  for (const int fd : platform::OpenDescriptors()) {
    if (fd > STDERR_FILENO) result.push_back(fd);
  }
  return result;
}

void WaitForEnd(pid_t pid) noexcept {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// What it could not do; 0 if it runs.
int ReadCause(int fd) noexcept {
  int cause = 0;
  ssize_t n = 0;
  while ((n = ::read(fd, &cause, sizeof cause)) < 0 && errno == EINTR) {
  }
  return n == sizeof cause ? cause : 0;
}

boost::system::result<pid_t> Launch(const Program& program, const Inheritance& inheritance,
                                    bool detached) {
  const Image image(program);
  const std::vector<int> withheld = Withheld(inheritance);
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return OfSystem(errno);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (writer.get() <= STDERR_FILENO) writer.reset(MovedUp(writer.get()));
  SettleSignals();
  const pid_t parent = ::getpid();
  pid_t pid = -1;
  {
    const NoSignals quiet;
    pid = ::fork();
    if (pid == 0) Obey({image, inheritance, detached, parent, withheld, writer.get()});
    if (pid < 0) return OfSystem(errno);
  }
  writer.reset();
  const int cause = ReadCause(reader.get());
  if (cause != 0 || detached) WaitForEnd(pid);
  if (cause != 0) return OfSystem(cause);
  return pid;
}

}  // namespace

RunningProgram::RunningProgram(pid_t pid, platform::ProcessWatch watch) noexcept
    : pid_(pid), watch_(std::move(watch)) {}

RunningProgram::RunningProgram(RunningProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), watch_(std::move(other.watch_)), code_(other.code_) {}

boost::system::result<RunningProgram> RunningProgram::Start(const Program& program,
                                                            const Inheritance& inheritance) {
  const boost::system::result<pid_t> pid = Launch(program, inheritance, false);
  if (!pid) return pid.error();
  auto watch = platform::ProcessWatch::Of(*pid);
  if (!watch) {
    ::kill(*pid, SIGKILL);
    WaitForEnd(*pid);
    return OfSystem(ENOSYS);
  }
  return RunningProgram(*pid, std::move(*watch));
}

void RunningProgram::End() noexcept {
  if (pid_ < 0 || code_) return;
  Signal(SIGKILL);
  Reap(0);
}

void RunningProgram::Signal(int signal) const noexcept {
  if (!code_) watch_.Signal(signal);
}

std::optional<int> RunningProgram::ExitCode() {
  Reap(WNOHANG);
  return code_;
}

void RunningProgram::Reap(int options) noexcept {
  siginfo_t info{};
  int waited = -1;
  while (!code_) {
    waited = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options);
    if (waited == 0 || errno != EINTR) break;
  }
  if (code_) return;
  if (waited == 0 && info.si_pid == pid_) {
    code_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  } else if (waited < 0) {
    code_ =
        kUnknownEnd;  // somebody else, such as a library that waits for any child, has reaped it
  }
}

error_code StartDetached(const Program& program, int output) {
  const boost::system::result<pid_t> started = Launch(program,
                                                      {.input = kNothing,
                                                       .output = output,
                                                       .errors = kNothing,
                                                       .descriptors = false,
                                                       .death_signal = 0},
                                                      true);
  return started ? error_code() : started.error();
}

error_code BecomeProgram(const Program& program, SignalsOf signals) {
  const Image image(program);
  constexpr std::array kOurs = {SIGCHLD, SIGXFSZ, SIGPIPE};
  std::array<struct sigaction, kOurs.size()> actions{};
  for (std::size_t i = 0; i < kOurs.size(); ++i) ::sigaction(kOurs[i], nullptr, &actions[i]);
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  if (signals == SignalsOf::kFound) {
    LeaveSignalsAsFound();
  } else {
    FillHeldStreams();
  }
  const int cause = image.Execute();
  for (std::size_t i = 0; i < kOurs.size(); ++i) ::sigaction(kOurs[i], &actions[i], nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  return OfSystem(cause);
}

pid_t ForkThisProcess() noexcept {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) DieWithParent(parent, SIGKILL);
  return child;
}

}  // namespace fletbridge
