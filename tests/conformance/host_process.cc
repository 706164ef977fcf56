#include "tests/conformance/host_process.h"

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fletbridge::conformance {
namespace fs = std::filesystem;

PrivateFolder::PrivateFolder() : path_("/tmp/conformance-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string PrivateFolder::Listing() const {
  std::string text;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_)) {
    text += entry.path().string() + "\n";
  }
  return text;
}

HostProcess::HostProcess(const std::string& variant, const std::string& scenario,
                         const PrivateFolder& folder) {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  to_.reset(in[1]);
  from_.reset(out[0]);
  const UniqueFd in_end(in[0]);
  const UniqueFd out_end(out[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no fork");
  if (pid_ == 0) {
    ::dup2(in_end.get(), STDIN_FILENO);
    ::dup2(out_end.get(), STDOUT_FILENO);
    ::setenv("TMPDIR", folder.path().c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
    ::execl(CONFORMANCE_HOST, CONFORMANCE_HOST, variant.c_str(), scenario.c_str(), nullptr);
    ::_exit(127);
  }
}

HostProcess::~HostProcess() {
  if (pid_ <= 0) return;
  Kill();
  (void)Wait();
}

std::string HostProcess::ReadLine() {
  std::string line;
  for (char letter = 0; ::read(from_.get(), &letter, 1) == 1 && letter != '\n';) line += letter;
  return line;
}

void HostProcess::Answer() { [[maybe_unused]] const ssize_t n = ::write(to_.get(), "\n", 1); }

void HostProcess::Kill() { ::kill(pid_, SIGKILL); }

int HostProcess::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void AdoptOrphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

bool AwaitNoProcesses() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    const pid_t reaped = ::waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0) return errno == ECHILD;
    if (reaped > 0) continue;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace fletbridge::conformance
