// Room: src/ui/web. One browser tab, from its WebSocket's handshake to its end, as a ClientSession.
// Before all else it tells the app who the client is (HELLO in python/shim/on-demand/clients.py).
//
// Threads: the EventLoop's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/transport/ui_surface.h"
#include "src/ui/web/http_connection.h"

namespace fletbridge::web {

class WebSession : public ClientSession {
 public:
  // As a UI that ends: tells the browser that we go, and no sink.
  virtual void HangUp() = 0;
  // To the app, beside what the browser says. False: the session has not begun, or is over.
  virtual bool Tell(Packet packet) = 0;
};

// What becomes of a session before it has an owner, and where it is counted.
struct WebSessionEvents {
  std::function<void(WebSession&)> opened;  // hand it over
  std::function<void(WebSession&)> failed;  // drop it, in a task of its own
  std::function<void(WebSession&)> registered;
  std::function<void(WebSession&)> gone;  // is being destroyed
  std::function<void(AppSays)> said;      // what the app has said to us
  std::function<void()> input;            // the browser has sent an event of a control
};

// A browser that does not register in time is disconnected.
[[nodiscard]] std::unique_ptr<WebSession> MakeWebSession(EventLoop& loop, const FlowLimits& limits,
                                                         UniqueFd socket, std::string request,
                                                         BrowserFacts facts,
                                                         std::chrono::milliseconds registration,
                                                         WebSessionEvents events);

}  // namespace fletbridge::web
