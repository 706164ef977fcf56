// Room: common/platform. Wakes one reader from other threads, by a descriptor that an event loop of
// any kind, ours or asyncio's, can wait for, or that a thread waits for in Wait().
//
// Threads: Signal() from any, also in a signal handler; it never waits. Clear() and Wait() by the
// reader alone. The descriptor is this object's; who lends it to a watcher takes it back first.
// In a fork it is shared with the parent: leave it alone there.
#pragma once

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

class WakeUp {
 public:
  enum class Reader { kLoop, kThread };

  // Where the system gives no descriptor fd() is -1, errno says why, and the rest does nothing.
  explicit WakeUp(Reader reader) noexcept;

  // Readable from Signal() until Clear().
  [[nodiscard]] int fd() const noexcept { return read_.get(); }
  void Signal() noexcept;
  void Clear() noexcept;  // of Reader::kLoop
  void Wait() noexcept;   // of Reader::kThread: until Signal(), without end; clears as well

 private:
  UniqueFd read_;
  UniqueFd write_;  // where the system needs a second one
};

}  // namespace fletbridge::platform
