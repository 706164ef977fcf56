// Room: src/stage3. Several sessions of one app over the bridge: each has a port of its own, below
// which its packets travel in both directions, and a queue of its own towards its client. The
// protocol's port tells the shim which sessions begin and end
// (python/shim/on-demand/flet_dart_bridge_server.py).
//
//   host --Push()--> the inbox, one for all --> Python
//   Python, any thread --Send()--> the session's queue --a task of the EventLoop--> its sink
//
// A send never waits, since that would hold the other sessions' packets: a session whose client
// does not take its packets in time is ended, and its client gets the page anew when it comes back.
//
// Threads: as stated for each group.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"
#include "src/stage3/dart_bridge_module.h"
#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {

class FfiSessions final : public Outlet {
 public:
  // `first_port`: the protocol's; the sessions' follow it. `loop` and `inbox` must outlive this
  // object.
  FfiSessions(EventLoop& loop, const FlowLimits& limits, Inbox& inbox, std::int64_t first_port,
              int most);

  // ---- Before the loop runs, or on its thread.
  [[nodiscard]] Result<std::unique_ptr<AppSession>> Open(AppSessionSink& sink);
  // The inbox has room again.
  void OnRoom();
  // The app has closed the protocol's port: all sessions are lost.
  void OnGone(const Error& why);
  // The app has ended: delivers its last packets, and refuses further ones.
  void Close();

  // ---- Any Python thread, with the GIL held.
  [[nodiscard]] bool Send(std::int64_t port, PyObject* owner, std::string_view payload) override;

 private:
  class Line;
  class Session;

  [[nodiscard]] std::shared_ptr<Line> Find(std::int64_t port);
  void Tell(char what, std::int64_t port);

  EventLoop& loop_;
  const FlowLimits limits_;
  Inbox& inbox_;
  const std::int64_t protocol_port_;
  const std::size_t most_;
  std::int64_t last_port_;
  std::mutex mutex_;  // held for a look-up alone
  std::unordered_map<std::int64_t, std::shared_ptr<Line>> lines_;
  bool closed_ = false;  // under mutex_
};

}  // namespace fletbridge::stage3
