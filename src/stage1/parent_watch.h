// Room: src/stage1. The other direction of start: the app's interpreter is our parent. Tells when
// it has ended, and when it has been asked to: Flet takes SIGTERM in its first process and then
// waits for its client, which nobody tells. EventLoop's thread, but for the constructor.
#pragma once

#include <functional>
#include <memory>
#include <sys/types.h>

#include "common/base/event_loop.h"

namespace fletbridge::stage1 {

class ParentWatch {
 public:
  // `loop` must outlive it.
  explicit ParentWatch(EventLoop& loop);
  ~ParentWatch();

  [[nodiscard]] pid_t pid() const;
  // `on_end` is called once, when the parent has ended or is to end; not after Close().
  void Start(std::function<void()> on_end);
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge::stage1
