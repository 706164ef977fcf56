// Room: src/compare. The times at which files were opened, by any process: how the start of Flet
// alone is measured, which reports nothing. Python opens an app's script after its own start and
// before it runs the app; ft.run() opens the module of Flet's server, which nothing imports before.
//
// Threads: one of its own waits for the kernel's events and takes the times, so that the caller
// need not. Everything else on the thread that created it.
#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "common/platform/unique_fd.h"
#include "common/platform/wake_up.h"

namespace fletbridge::compare {

class FileOpens {
 public:
  using Clock = std::chrono::steady_clock;
  using Times = std::vector<Clock::time_point>;
  static constexpr std::size_t kMost = 1024;  // of each file; later ones are not recorded

  // Watches from now on. A name that is empty, does not exist or cannot be watched has no times.
  explicit FileOpens(const std::vector<std::string>& files);
  ~FileOpens();
  FileOpens(const FileOpens&) = delete;
  FileOpens& operator=(const FileOpens&) = delete;

  // Stops watching. The times of each file, in the order of the names.
  const std::vector<Times>& Stop();

 private:
  void Watch();

  std::vector<UniqueFd> watches_;
  std::vector<Times> times_;  // the thread's until Stop()
  platform::WakeUp stop_{platform::WakeUp::Reader::kLoop};
  std::thread thread_;
};

// The file of the module of Flet's socket server that the interpreter opens when it imports it:
// its bytecode, or without that its source. Empty if the package has none.
[[nodiscard]] std::string ServerModuleOf(const std::string& flet_package,
                                         const std::string& python_version);

}  // namespace fletbridge::compare
