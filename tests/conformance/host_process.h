// Room: tests/conformance. The process of one scenario as the tests see it: started in a private
// folder, spoken to by lines, killed, and looked at for what it leaves behind. One thread.
#pragma once

#include <string>
#include <sys/types.h>

#include "common/platform/unique_fd.h"

namespace fletbridge::conformance {

// A folder for TMPDIR and XDG_RUNTIME_DIR; removed with its content.
class PrivateFolder {
 public:
  PrivateFolder();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string Listing() const;  // what lies in it, "" if nothing

 private:
  std::string path_;
};

class HostProcess {
 public:
  HostProcess(const std::string& variant, const std::string& scenario, const PrivateFolder& folder);
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  // The next line of its standard output; "" at its end. Waits at most as long as the process
  // lives.
  [[nodiscard]] std::string ReadLine();
  void Answer();
  void Kill();
  // Its exit code, or 128 + signal.
  [[nodiscard]] int Wait();

 private:
  pid_t pid_ = -1;
  UniqueFd to_;
  UniqueFd from_;
};

// Takes in every process whose parent has gone below us: nothing escapes AwaitNoProcesses().
void AdoptOrphans();
// Waits until no process that was started here, directly or not, lives. False after a deadline.
[[nodiscard]] bool AwaitNoProcesses();

}  // namespace fletbridge::conformance
