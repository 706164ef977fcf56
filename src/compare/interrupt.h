// Room: src/compare. Ctrl-C and the other ending signals as a descriptor, so that a run ends in
// order and keeps its results. Create it on the main thread before other threads start; while it
// lives, the signals have no other effect.
#pragma once

#include <csignal>
#include <optional>

#include "common/platform/signals.h"

namespace fletbridge::compare {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] int fd() const { return reader_->fd(); }  // readable once one has come
  [[nodiscard]] int signal() const;                       // which came; 0: none. Takes it.

 private:
  sigset_t before_;
  std::optional<platform::SignalReader> reader_;
};

}  // namespace fletbridge::compare
