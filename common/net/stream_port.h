// Room: common/net. A connected local stream socket (Unix or TCP) as a PacketPort, with the framing
// of wire generation 2 or 3 (common/wire). Used by AppConnection for the connection to the app and
// by ClientListener for a client's; independent of both.
//
// Threads: Send(), PauseReceiving(), ResumeReceiving() and queued_bytes() any; the others the
// EventLoop's, on which the sink is called too.
#pragma once

#include <chrono>
#include <memory>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/transport/generation.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

class StreamSink : public PacketSink {
 public:
  // The peer's generation has been detected; before its first packet. Only if it was kUnknown.
  virtual void OnGeneration(Generation /*generation*/) {}
  // The connection has ended: kPeerGone, kCut (in the middle of a packet), or kPeerMisbehaved. No
  // further call until the next Connect(). Not called for Disconnect().
  virtual void OnDisconnected(const Error& why) = 0;
};

class StreamPort final : public PacketPort {
 public:
  // `loop` and `sink` must outlive this object. `generation`: the peer's; kUnknown: detected from
  // its first bytes, and nothing is sent until then. A peer of generation 2 gets no data packets.
  // The end of the connection is noticed while receiving is paused as well. Unread data then waits
  // for `last_words` to be read, after which it is dropped.
  StreamPort(EventLoop& loop, const FlowLimits& limits, StreamSink& sink,
             Generation generation = Generation::kG3, std::chrono::milliseconds last_words = {});
  ~StreamPort() override;

  // Takes over a connected socket. Sends first what was queued before.
  void Connect(UniqueFd socket);
  // Closes the connection at once and drops queued packets. Connect() may follow.
  void Disconnect();
  // The generation of the next connection. Only while disconnected.
  void SetGeneration(Generation generation);
  // Bytes that have arrived in the kernel and have not been read.
  [[nodiscard]] std::size_t unread_bytes() const;
  // From now on Send() returns kClosed.
  void Close();
  [[nodiscard]] bool connected() const;

  [[nodiscard]] SendResult Send(Packet&& packet) override;
  [[nodiscard]] std::size_t queued_bytes() const override;
  void PauseReceiving() override;
  void ResumeReceiving() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with pending handlers
};

}  // namespace fletbridge
