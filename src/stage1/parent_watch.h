// Room: src/stage1. Watches our parent process, the app's interpreter: reports when it has ended,
// or when it has been asked to end. The latter is needed since Flet handles SIGTERM in its first
// process and then waits for its client, without telling it.
//
// Threads: the EventLoop's; the constructor any.
#pragma once

#include <functional>
#include <memory>
#include <sys/types.h>

#include "common/base/event_loop.h"

namespace fletbridge::stage1 {

class ParentWatch {
 public:
  // `loop` must outlive this object.
  explicit ParentWatch(EventLoop& loop);
  ~ParentWatch();

  [[nodiscard]] pid_t pid() const;
  // Calls `on_end` once, when the parent has ended or was asked to end; not after Close().
  void Start(std::function<void()> on_end);
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge::stage1
