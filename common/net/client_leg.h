// Room: common/net. The client's end of a session: listens on a local socket, serves one Flet
// client at a time, whatever wire generation it speaks, and translates between its generation and
// the app's where they differ. Used by ui/attach (any client) and ui/desktop (the engine in this
// process). Knows nothing of either.
//
//   ClientLeg leg(loop, limits, address, app_generation, sink);
//   leg.Listen();   -> sink.OnConnected(), OnGeneration(), OnPacket()..., OnDisconnected()
//
// Trust: only processes of our own user are served (SO_PEERCRED, the kernel's socket diagnosis).
// One that does not register in time is sent away, so that it does not keep others out.
//
// Threads: Send(), PauseReceiving(), ResumeReceiving(), queued_bytes(), has_client() and
// client_generation() from any thread; the rest on the EventLoop's thread. The sink is called
// there, never inside of Send().
#pragma once

#include <chrono>
#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

// Every client of Flet's registers at once.
inline constexpr std::chrono::milliseconds kRegistrationDeadline{10'000};

class ClientLegSink : public PacketSink {
 public:
  // A client is here. It speaks first.
  virtual void OnConnected() = 0;
  // What it speaks, told before its first packet.
  virtual void OnGeneration(Generation /*client*/) {}
  // The client has gone, or was not to be understood (kPeerMisbehaved, kCut); the next may come.
  // Not called for DisconnectClient() and Close().
  virtual void OnDisconnected(const Error& why) = 0;
};

class ClientLeg final : public PacketPort {
 public:
  // `app` is what the app speaks; kUnknown translates nothing. `client` may be known as well, else
  // each client's first bytes tell it. `loop` and `sink` must outlive this object.
  ClientLeg(EventLoop& loop, const FlowLimits& limits, SocketAddress address, Generation app,
            ClientLegSink& sink, Generation client = Generation::kUnknown,
            std::chrono::milliseconds registration = kRegistrationDeadline);
  // Removes the socket's file.
  ~ClientLeg() override;

  // Binds and begins to accept; kSetup says why it cannot.
  [[nodiscard]] Result<> Listen();
  // Sends the client away, drops what is queued for it. False: nobody was here.
  bool DisconnectClient();
  // Ends for good, and removes the socket's file. Idempotent.
  void Close();

  // What Listen() has bound: a TCP port of 0 is filled in.
  [[nodiscard]] const SocketAddress& address() const;
  [[nodiscard]] bool has_client() const;
  // Of the client that is here, or was last.
  [[nodiscard]] Generation client_generation() const;

  // What is sent before the first client is kept for it. Between two clients a packet is accepted
  // and dropped: it belongs to a session that has ended.
  [[nodiscard]] SendResult Send(Packet&& packet) override;
  [[nodiscard]] std::size_t queued_bytes() const override;
  void PauseReceiving() override;
  void ResumeReceiving() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fletbridge
