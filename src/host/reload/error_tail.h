// Room: src/host/reload. What the starts of an app write to standard error: it goes on to ours at
// once, and its end is kept, to be shown where the app should be. Where ours is a terminal the app
// finds one as well.
//
// Threads: one of its own, which waits for whoever reads our standard error, as the app would; the
// rest any thread, and none waits but Flush().
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/platform/unique_fd.h"

namespace fletbridge::reload {

class ErrorTail {
 public:
  // Null where our standard error is closed, or nothing can be had: the app writes to it directly.
  [[nodiscard]] static std::unique_ptr<ErrorTail> Make();
  ~ErrorTail();  // its thread is left where it waits

  // What the app gets as its standard error; close-on-exec.
  [[nodiscard]] int fd() const noexcept { return app_end_.get(); }
  // From here on it is another start's.
  void Begin();
  // Whether all that was written has gone on.
  [[nodiscard]] bool IsRead() const;
  // What has come since Begin(), its last 8 KiB.
  [[nodiscard]] std::string Text() const;
  // Waits until IsRead().
  void Flush(std::chrono::milliseconds at_most) const;

 private:
  struct Shared;
  ErrorTail(UniqueFd app_end, std::shared_ptr<Shared> shared)
      : app_end_(std::move(app_end)), shared_(std::move(shared)) {}
  UniqueFd app_end_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace fletbridge::reload
