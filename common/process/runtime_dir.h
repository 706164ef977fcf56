// Room: common/process. A private folder (0700) for one run's socket and shim, below
// $XDG_RUNTIME_DIR, $TMPDIR or /tmp. Removed with its content by the destructor; what a killed
// process left is removed by the next run, which finds its lock free.
#pragma once

#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/platform/unique_fd.h"

namespace fletbridge {

class RuntimeDir {
 public:
  // Makes the folder and sweeps the leftovers of killed runs of this user.
  [[nodiscard]] static Result<RuntimeDir> Create();
  RuntimeDir() = default;
  RuntimeDir(RuntimeDir&& other) noexcept { *this = std::move(other); }
  RuntimeDir& operator=(RuntimeDir&& other) noexcept;
  ~RuntimeDir() { Remove(); }

  [[nodiscard]] const std::string& path() const { return path_; }
  // A path inside, short enough for a Unix socket.
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Removes the folder now. Idempotent. One thread at a time.
  void Remove() noexcept;

 private:
  std::string path_;
  UniqueFd lock_;
};

}  // namespace fletbridge
