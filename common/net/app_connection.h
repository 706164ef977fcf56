// Room: common/net. The connection to an app on stages 1 and 2: waits until Flet's socket server
// listens, connects, checks the peer, and transports packets.
//
// Threads: the EventLoop's, on which the sink is called too; port() as StreamPort.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/net/address.h"
#include "common/net/stream_port.h"

namespace fletbridge {

class AppConnectionSink : public PacketSink {
 public:
  virtual void OnConnected() = 0;
  // The app has closed the connection.
  virtual void OnSessionLost(const Error& why) = 0;
  // Not connected: the deadline has passed (kLimit), or the listener is not trusted.
  virtual void OnConnectFailed(const Error& why) = 0;
};

class AppConnection final : private StreamSink {
 public:
  // `verify` checks each connected socket: after kPeerGone another attempt follows, after any other
  // error OnConnectFailed(). `generation` is the app's, which must be known, since an app never
  // sends first. `loop` and `sink` must outlive this object.
  AppConnection(EventLoop& loop, const FlowLimits& limits, SocketAddress address,
                std::function<Result<>(int fd)> verify, AppConnectionSink& sink,
                Generation generation = Generation::kG3);
  ~AppConnection() override;

  // Tries to connect for at most `deadline` from now.
  void Connect(std::chrono::milliseconds deadline);
  // The app has ended: delivers its last packets, until the end of the stream or until nothing has
  // come for `quiet` (another process may hold the socket open), then closes and calls `done`.
  void Drain(std::chrono::milliseconds quiet, std::function<void()> done);
  // Final.
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
  AppConnectionSink& sink_;
  StreamPort port_;
  std::function<void()> drained_;
  struct Retry;
  std::shared_ptr<Retry> retry_;
};

}  // namespace fletbridge
