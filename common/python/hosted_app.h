// Room: common/python. The app hosted in this process, as stages 2 and 3 have it in common: runs
// the interpreter on the main thread, tells signals on the loop's thread, ends an app that does not
// heed. Knows nothing of transports.
#pragma once

#include <functional>
#include <memory>

#include "common/base/event_loop.h"
#include "common/python/hosted.h"

namespace fletbridge {

class HostedApp {
 public:
  // `on_signal` is called on the loop's thread for each SIGINT, SIGTERM and SIGHUP; `handled` if
  // Python has a handler for it, which has been called.
  HostedApp(EventLoop& loop, HostedOptions options,
            std::function<void(int signal, bool handled)> on_signal);
  ~HostedApp();

  // Runs the app; the main thread. When it has ended: `on_ended` on the loop's thread, which calls
  // the function it is given when it has finished, then `at_end` as in HostedOptions.
  int Run(std::function<void(int code, std::function<void()> finished)> on_ended,
          std::function<int(int code)> at_end);

  // Raises KeyboardInterrupt in the app, or calls the handler that it has for SIGINT.
  static void Interrupt();
  // Ends the process, by way of `on_ended` and `at_end`, as killed. Returns only if the app's own
  // end is under way on another thread. Loop's thread.
  static void Kill();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
