// Room: common/process. One child process: started with our terminal, watched, and ended for sure.
// Where the kernel can do that it kills it when this process dies, however that happens.
//
// Threads: Start() on a thread that lives as long as the child (the kernel ties the child's death
// to it: use the main thread); the rest on the EventLoop's thread.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/event_loop.h"

namespace fletbridge {

struct ChildOptions {
  std::string executable;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>>
      environment;  // added to ours; the last value counts
  // Where standard output and error go, and then no standard input either; -1: they are inherited.
  int output = -1;
  // A session, and with it a process group, of its own: a terminal's Ctrl-C does not reach it.
  bool own_session = false;
  int death_signal = SIGKILL;  // what the kernel sends it when this process dies
};

class Child {
 public:
  // Starts it. Unless asked otherwise it inherits standard input, output and error, every other
  // descriptor that is not close-on-exec, the folder and the process group; signals are ignored and
  // blocked in it as they were found, whatever this process has changed for itself. `on_exit` is
  // called once on the loop's thread with the exit code as a shell has it (128 + signal for a
  // killed one), but not after the destructor.
  [[nodiscard]] static Result<std::unique_ptr<Child>> Start(EventLoop& loop,
                                                            const ChildOptions& options,
                                                            std::function<void(int code)> on_exit);
  ~Child();  // kills it if it still runs, and reaps it

  [[nodiscard]] pid_t pid() const;
  // Sends a signal; never to another process that has taken the number.
  void Signal(int signal);

 private:
  struct Impl;
  explicit Child(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
