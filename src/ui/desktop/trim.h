// Room: src/ui/desktop. Gives back the memory that a window's start has used and freed: fonts,
// shaders and libraries leave some 5 MiB of it in the C library's hands. Once, a second after the
// first frame, on the loop's thread, so that neither the UI nor the app waits for it.
#pragma once

#include <memory>

#include "common/base/event_loop.h"

namespace fletbridge::desktop {

class Trim {
 public:
  explicit Trim(EventLoop& loop);
  ~Trim();
  // On the loop's thread.
  void AfterStart();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge::desktop
