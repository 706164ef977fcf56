#include "common/process/person.h"

#include <dirent.h>
#include <fstream>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace fletbridge {
namespace {

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

bool HoldsUpByPerson(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  return IsTraced(folder) || HasDebugger(folder) ||
         (HasTerminal(folder) && AnyThreadReadsInput(folder));
}

}  // namespace fletbridge
