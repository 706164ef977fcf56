// Room: common/transport. The two faces that every carrier of packets has, whatever the stage or
// the UI: PacketPort takes packets, PacketSink is given them. src/host joins an AppTransport's port
// to a UiEndpoint's. Knows nothing of sockets, Python or UI.
//
// Threads: PacketPort's methods may be called from any thread and never block. A sink's methods are
// called on the session's EventLoop, one at a time, and never inside a call to Send(), so that a
// caller may hold its own lock while it sends.
#pragma once

#include <cstddef>

#include "common/base/error.h"
#include "common/transport/packet.h"

namespace fletbridge {

// Counted for each queued packet besides its payload, so that empty packets are bounded as well.
inline constexpr std::size_t kPacketOverhead = 64;

// Limits of one direction of a port, in bytes.
struct FlowLimits {
  // A larger payload is refused, on the way out with kTooLarge, on the way in by skipping it.
  std::size_t max_packet = std::size_t{64} << 20;
  // Send() answers kFull while more than this is queued. A packet is taken whole while the queue
  // is below the mark, so at most high_water + max_packet is ever held.
  std::size_t high_water = std::size_t{16} << 20;
  // After kFull, OnWritable() is called once the queue has fallen to this.
  std::size_t low_water = std::size_t{4} << 20;
};

enum class SendResult {
  kAccepted,  // queued; will be delivered in order, unless the port ends first
  kFull,      // above the high-water mark: keep the packet, wait for OnWritable()
  kTooLarge,  // over max_packet: this packet can never be sent; the session goes on
  kClosed,    // the port has ended
};

class PacketSink {
 public:
  virtual ~PacketSink() = default;
  virtual void OnPacket(Packet&& packet) = 0;
  // Called once after a Send() answered kFull, when the port takes packets again.
  virtual void OnWritable() = 0;
  // An incoming packet was refused (its size and the limit are in the text); the session goes on.
  virtual void OnRefused(const Error& why) = 0;
};

class PacketPort {
 public:
  virtual ~PacketPort() = default;
  // On every result but kAccepted `packet` is untouched and still the caller's. Packets sent before
  // the peer is connected are kept and delivered first.
  [[nodiscard]] virtual SendResult Send(Packet&& packet) = 0;
  // What Send() has accepted and the peer has not been given yet: payload bytes and
  // kPacketOverhead for each packet.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  // Back-pressure towards the peer: while paused at most a few packets that were already on their
  // way are still delivered to the sink, and the peer is made to wait. Idempotent.
  virtual void PauseReceiving() = 0;
  virtual void ResumeReceiving() = 0;
};

}  // namespace fletbridge
