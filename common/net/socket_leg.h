// Room: common/net. The app's end of a session on stages 1 and 2: waits until Flet's socket server
// listens, connects, checks who is there, carries packets, and reconnects for a new session.
//
// Threads: as StreamPort. The sink is called on the EventLoop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/net/address.h"
#include "common/net/stream_port.h"

namespace fletbridge {

class SocketLegSink : public PacketSink {
 public:
  virtual void OnConnected() = 0;
  // The app closed the session; NewSession() may begin another.
  virtual void OnSessionLost(const Error& why) = 0;
  // No connection came about: the deadline passed or the listener is not to be trusted.
  virtual void OnConnectFailed(const Error& why) = 0;
};

class SocketLeg final : private StreamSink {
 public:
  // `verify` is asked about each connected socket: kPeerGone means another attempt, any other error
  // the end. All but the values must outlive this object.
  // `generation` is what the app speaks: it never speaks first, so it must be known.
  SocketLeg(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
            std::function<Result<>(int fd)> verify, SocketLegSink& sink,
            Generation generation = Generation::kG3);
  ~SocketLeg() override;

  // Tries to connect until `deadline` from now. Loop's thread.
  void Connect(std::chrono::milliseconds deadline);
  // What is sent from now on is for the new session, for which NewSession() must follow. Any
  // thread.
  void MarkNewSession() { port_.MarkNewSession(); }
  // Ends the session, drops what is queued for it, and connects anew. Loop's thread.
  void NewSession(std::chrono::milliseconds deadline);
  // The app has ended: delivers what it still said, until the end of the stream or until nothing
  // has come for `quiet` (another process may hold the socket open), closes, calls `done`. Loop's
  // thread.
  void Drain(std::chrono::milliseconds quiet, std::function<void()> done);
  // Ends for good. Loop's thread.
  void Close();

  [[nodiscard]] StreamPort& port() { return port_; }
  [[nodiscard]] const StreamPort& port() const { return port_; }
  [[nodiscard]] const SocketAddress& address() const { return address_; }

 private:
  void OnPacket(Packet&& packet) override { sink_.OnPacket(std::move(packet)); }
  void OnWritable() override { sink_.OnWritable(); }
  void OnRefused(const Error& why) override { sink_.OnRefused(why); }
  void OnDisconnected(const Error& why) override;
  void Try();
  void Await();
  void Begin(UniqueFd socket);
  void TryAgain(const Error& why, std::chrono::milliseconds after);
  void AwaitDrained(std::chrono::milliseconds quiet);

  const SocketAddress address_;
  const std::function<Result<>(int)> verify_;
  SocketLegSink& sink_;
  StreamPort port_;
  std::function<void()> drained_;
  struct Retry;
  std::shared_ptr<Retry> retry_;
};

}  // namespace fletbridge
