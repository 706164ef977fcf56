#include "common/platform/process.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <filesystem>
#include <fstream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEnding =
    (std::uint64_t{1} << (SIGINT - 1)) | (std::uint64_t{1} << (SIGTERM - 1));

std::string FolderOf(long pid) { return "/proc/" + std::to_string(pid); }

std::string FirstLine(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

bool IsTraced(const std::string& folder) {
  std::ifstream in(folder + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != std::string::npos;
  }
  return false;
}

// debugpy and the debuggers of editors run inside the process and speak over a socket.
bool HasDebugger(const std::string& folder) {
  std::ifstream in(folder + "/maps");
  for (std::string line; std::getline(in, line);) {
    if (line.find("pydevd") != std::string::npos) return true;
  }
  return false;
}

bool HasTerminal(const std::string& folder) {
  char target[64];
  const ssize_t n = ::readlink((folder + "/fd/0").c_str(), target, sizeof target);
  const std::string name(target, n > 0 ? static_cast<std::size_t>(n) : 0);
  return name.starts_with("/dev/pts/") || name.starts_with("/dev/tty") || name == "/dev/console";
}

// What a thread is in, as the kernel tells it: the call's number and its arguments. readline waits
// by select() on the one descriptor 0.
bool ReadsInput(const std::string& task) {
  std::ifstream in(task + "/syscall");
  long number = -1;
  unsigned long first = 1;
  if (!(in >> number >> std::hex >> first)) return false;
  if (number == SYS_read) return first == STDIN_FILENO;
#ifdef SYS_select
  if (number == SYS_select) return first == STDIN_FILENO + 1;
#endif
  return number == SYS_pselect6 && first == STDIN_FILENO + 1;
}

bool AnyThreadReadsInput(const std::string& folder) {
  DIR* tasks = ::opendir((folder + "/task").c_str());
  if (tasks == nullptr) return false;
  bool found = false;
  while (const dirent* entry = ::readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    found = ReadsInput(folder + "/task/" + entry->d_name);
    if (found) break;
  }
  ::closedir(tasks);
  return found;
}

}  // namespace

struct ProcessWatch::Impl {
  UniqueFd pidfd;
};

boost::system::result<ProcessWatch> ProcessWatch::Of(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return boost::system::error_code(errno, boost::system::system_category());
  return ProcessWatch(std::unique_ptr<Impl>(new Impl{std::move(pidfd)}));
}

ProcessWatch::ProcessWatch(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ProcessWatch::ProcessWatch(ProcessWatch&&) noexcept = default;
ProcessWatch& ProcessWatch::operator=(ProcessWatch&&) noexcept = default;
ProcessWatch::~ProcessWatch() = default;

int ProcessWatch::fd() const noexcept { return impl_->pidfd.get(); }

void ProcessWatch::Signal(int number) const noexcept {
  ::syscall(SYS_pidfd_send_signal, impl_->pidfd.get(), number, nullptr, 0);
}

void EndWithParent(int number) noexcept { ::prctl(PR_SET_PDEATHSIG, number); }

std::vector<int> OpenDescriptors() {
  std::vector<int> fds;
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return fds;
  while (const dirent* entry = ::readdir(dir)) {
    char* end = nullptr;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (*end == '\0' && fd != ::dirfd(dir)) fds.push_back(static_cast<int>(fd));
  }
  ::closedir(dir);
  return fds;
}

EndSignals EndSignalsOf(pid_t pid) {
  std::ifstream in(FolderOf(pid) + "/status");
  std::uint64_t ignored = kEnding;
  std::uint64_t caught = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("SigIgn:")) ignored = std::stoull(line.substr(7), nullptr, 16);
    if (line.starts_with("SigCgt:")) caught = std::stoull(line.substr(7), nullptr, 16);
  }
  if ((caught & kEnding) == kEnding) return EndSignals::kTaken;
  return ((ignored | caught) & kEnding) == 0 ? EndSignals::kDefault : EndSignals::kOther;
}

bool HoldsUpByPerson(pid_t pid) {
  const std::string folder = FolderOf(pid);
  return IsTraced(folder) || HasDebugger(folder) ||
         (HasTerminal(folder) && AnyThreadReadsInput(folder));
}

StartedAs HowStarted(pid_t pid) {
  const fs::path at = FolderOf(pid);
  StartedAs how;
  std::ifstream in(at / "cmdline");
  std::getline(in, how.name, '\0');
  std::error_code error;
  how.folder = fs::read_symlink(at / "cwd", error);
  how.program = fs::read_symlink(at / "exe", error);
  how.same_file = at / "exe";
  return how;
}

std::uint64_t StartTicks(long pid) {
  const std::string line = FirstLine(FolderOf(pid) + "/stat");
  // "7 (name) S 1 …": the name may hold anything, so from behind it.
  const std::size_t close = line.rfind(')');
  if (close == std::string::npos) return 0;
  char state = 0;
  unsigned long long ticks = 0;
  const int read = std::sscanf(line.c_str() + close + 1,
                               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                               "%*s %*s %*s %llu",
                               &state, &ticks);
  return read == 2 && state != 'Z' && state != 'X' ? ticks : 0;
}

const std::string& BootId() {
  static const std::string id = FirstLine("/proc/sys/kernel/random/boot_id");
  return id;
}

std::uint64_t PidNamespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

}  // namespace fletbridge::platform
