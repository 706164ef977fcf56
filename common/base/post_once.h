// Room: common/base. A task of an EventLoop that waits there at most once, however often and from
// how many threads it is asked for: for what may be asked faster than the loop can do it.
//
// Threads: any.
#pragma once

#include <atomic>
#include <utility>

#include "common/base/event_loop.h"

namespace fletbridge {

class PostOnce {
 public:
  // Runs `task` on the loop's thread, later, unless one waits already. What happened before this
  // call is seen by the task that runs next. `task` keeps the owner of this object alive.
  template <class Task>
  void operator()(EventLoop& loop, Task task) {
    if (waits_.exchange(true)) return;
    loop.Post([this, task = std::move(task)] {
      waits_.store(false);
      task();
    });
  }

 private:
  std::atomic<bool> waits_{false};
};

}  // namespace fletbridge
