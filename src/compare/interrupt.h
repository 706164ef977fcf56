// Room: src/compare. Ctrl-C and its like as a descriptor, so that a run ends in order and keeps its
// results. Make one on the main thread before other threads start; while it lives the signals do
// nothing else.
#pragma once

#include <csignal>

#include "common/base/unique_fd.h"

namespace fletbridge::compare {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }  // readable once one has come
  [[nodiscard]] int signal() const;                   // which came; 0: none. Takes it.

 private:
  sigset_t before_;
  UniqueFd fd_;
};

}  // namespace fletbridge::compare
