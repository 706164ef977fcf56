// Room: common/net. Listens on a local socket for Flet clients of any wire generation, and
// serves one at a time, as a ClientSession. Used by ui/attach (any client) and ui/desktop (the
// engine in this process); independent of both.
//
// Trust: only processes of our own user are accepted (SO_PEERCRED; for TCP the kernel's socket
// diagnostics). A second client is refused while the first is connected. A client that does not
// register in time is disconnected, so that it does not keep others out.
//
// Threads: the EventLoop's. This object may be destroyed before its sessions.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/ui_surface.h"

namespace fletbridge {

// Flet's clients register immediately after connecting.
inline constexpr std::chrono::milliseconds kRegistrationDeadline{10'000};

class ClientListener {
 public:
  using OnClient = std::function<void(std::unique_ptr<ClientSession> client)>;
  // `client`: the clients' generation; kUnknown: detected from each one's first bytes. `loop` must
  // outlive this object and its sessions.
  ClientListener(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                 OnClient on_client, Generation client = Generation::kUnknown,
                 std::chrono::milliseconds registration = kRegistrationDeadline);
  ~ClientListener();  // as Close()

  // Binds and begins to accept; kSetup, with the reason, if that fails.
  [[nodiscard]] Result<> Listen();
  // Stops listening, disconnects the client and removes the socket's file. Idempotent.
  void Close();

  // After Listen() with the bound port in place of a TCP port of 0.
  [[nodiscard]] const SocketAddress& address() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with sessions and pending handlers
};

}  // namespace fletbridge
