// Room: src/ui/web. Whether the run is alive and ready, and its metrics, at an address of their
// own, apart from the app's: so a proxy in front of the app, or --public, never gives them away,
// and the app's own paths stay the app's. Answers GET and HEAD of /healthz, /readyz and /metrics to
// whoever reaches the address and names it by a number (DNS rebinding), each on a connection of its
// own.
//
// Bounds: 32 connections, 8 KiB of header, 5 s for a request and its answer.
//
// Threads: the EventLoop's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "src/ui/web/listening.h"

namespace fletbridge::web {

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  // New sessions are served.
  [[nodiscard]] virtual bool is_ready() const = 0;
  // `told` is called once, at once or within some seconds.
  virtual void TellMetrics(std::function<void(std::string text)> told) = 0;
};

class StatusServer {
 public:
  virtual ~StatusServer() = default;  // closes what is open
};

// Begins to serve. `loop` and `source` must outlive it. kSetup.
[[nodiscard]] Result<std::unique_ptr<StatusServer>> ServeStatus(EventLoop& loop,
                                                                const ListenAddress& address,
                                                                StatusSource& source);

}  // namespace fletbridge::web
