// Room: common/python. The app hosted in this process, as stages 2 and 3 have it in common: runs
// the interpreter on the main thread, tells signals on the loop's thread, ends the app step by
// step. Knows nothing of transports.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/base/event_loop.h"
#include "common/python/hosted.h"

namespace fletbridge {

class HostedApp {
 public:
  // `on_signal` is called on the loop's thread for each SIGINT, SIGTERM and SIGHUP.
  HostedApp(EventLoop& loop, HostedOptions options, std::function<void(int signal)> on_signal);
  ~HostedApp();

  // Runs the app; the main thread. When it has ended: `on_ended` on the loop's thread, which calls
  // the function it is given when it has finished, then `at_end` as in HostedOptions.
  int Run(std::function<void(int code, std::function<void()> finished)> on_ended,
          std::function<int(int code)> at_end);

  // Asks the app to end as its closed window would, unless a signal has told it; after `polite`
  // raises KeyboardInterrupt in it; after `terminate` ends the process, by way of `on_ended` and
  // `at_end`. Loop's thread; once.
  void Stop(std::chrono::milliseconds polite, std::chrono::milliseconds terminate, bool told);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
