// Room: common/platform. Signals that are blocked in every thread, as something to read.
//
// Threads: one; where the system has no descriptor of signals, a thread of this object's waits for
// them and is joined by the destructor. The descriptor is this object's; who lends it to a watcher
// takes it back first.
#pragma once

#include <csignal>
#include <memory>
#include <optional>

namespace fletbridge::platform {

struct TakenSignal {
  int number = 0;
  bool from_terminal = false;  // which sends it to every process in front, so also to our children
};

class SignalReader {
 public:
  // `blocked` are blocked in all threads already, and stay so. Without a descriptor fd() is -1, and
  // errno says why.
  explicit SignalReader(const sigset_t& blocked);
  ~SignalReader();
  SignalReader(const SignalReader&) = delete;
  SignalReader& operator=(const SignalReader&) = delete;

  [[nodiscard]] int fd() const noexcept;  // readable while one waits
  // The next one; none if none waits. Never waits.
  [[nodiscard]] std::optional<TakenSignal> Take() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge::platform
