// Room: common/net. A connected local stream socket (Unix or TCP) as a PacketPort: in the
// framing of wire generation 2 or 3 in both directions. Used by SocketLeg for the app's end and by
// ClientLeg for the client's end. Knows nothing of either.
//
// Threads: Send(), PauseReceiving(), ResumeReceiving(), queued_bytes(), MarkNewSession() from any
// thread; the rest on the EventLoop's thread. The sink is called there.
#pragma once

#include <chrono>
#include <memory>

#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class StreamSink : public PacketSink {
 public:
  // A port that was given no generation has told the peer's, before its first packet.
  virtual void OnGeneration(Generation /*generation*/) {}
  // The connection has ended; nothing more comes until the next Connect(). Not called after
  // Disconnect().
  virtual void OnDisconnected(const Error& why) = 0;
};

class StreamPort final : public PacketPort {
 public:
  // `loop` and `sink` must outlive this object. kUnknown: each peer's first bytes tell it, and
  // until then nothing is written to it. Towards generation 2, data packets are dropped.
  // The peer's end is noticed while receiving is paused as well; then what it still said waits for
  // `last_words` to be received, and is dropped.
  StreamPort(EventLoop& loop, const FlowLimits& limits, StreamSink& sink,
             Generation generation = Generation::kG3, std::chrono::milliseconds last_words = {});
  ~StreamPort() override;

  // Takes a connected socket and begins to carry packets; first those that were sent before.
  void Connect(UniqueFd socket);
  // Ends the connection at once and drops what is queued; the port can be connected again.
  void Disconnect();
  // Any thread. What is sent from now on is for the next connection, and what still comes over this
  // one is dropped. The loop's thread must then end it with DisconnectForNewSession(), once per
  // call.
  void MarkNewSession();
  // Like Disconnect(), but keeps what was sent after MarkNewSession().
  void DisconnectForNewSession();
  // For the next connection. While there is none.
  void SetGeneration(Generation generation);
  // What the kernel holds for us and we have not read.
  [[nodiscard]] std::size_t unread_bytes() const;
  // From now on Send() answers kClosed.
  void Close();
  [[nodiscard]] bool connected() const;

  [[nodiscard]] SendResult Send(Packet&& packet) override;
  [[nodiscard]] std::size_t queued_bytes() const override;
  void PauseReceiving() override;
  void ResumeReceiving() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with handlers that are under way
};

}  // namespace fletbridge
