// Room: common/transport. The interface of everything that transports packets: PacketPort accepts
// packets, PacketSink receives them. src/host connects an app's port with a client's. Independent
// of sockets, Python and UIs.
//
// Threads: PacketPort's methods any; they never wait. PacketSink's methods are called on the
// session's EventLoop, one at a time, and never inside Send(), so that a caller may hold a lock
// while it sends.
#pragma once

#include <cstddef>

#include "common/base/error.h"
#include "common/transport/packet.h"

namespace fletbridge {

// Added to each queued packet's payload size, in bytes, so that empty packets are bounded as well.
inline constexpr std::size_t kPacketOverhead = 64;

// Limits of one direction of a port, in bytes.
struct FlowLimits {
  // A larger payload is refused: an outgoing one with kTooLarge, an incoming one is skipped.
  std::size_t max_packet = std::size_t{64} << 20;
  // Send() returns kFull while more than this is queued. Below it a packet is accepted whatever its
  // size, so at most high_water + max_packet is queued.
  std::size_t high_water = std::size_t{16} << 20;
  // After kFull, OnWritable() is called once the queue has drained to this.
  std::size_t low_water = std::size_t{4} << 20;
};

enum class SendResult {
  kAccepted,  // queued; delivered in order, unless the port ends first
  kFull,      // above the high-water mark: keep the packet and wait for OnWritable()
  kTooLarge,  // above max_packet: this packet can never be sent; the session continues
  kClosed,    // the port has ended
};

class PacketSink {
 public:
  virtual ~PacketSink() = default;
  virtual void OnPacket(Packet&& packet) = 0;
  // Once after Send() has returned kFull, when the port accepts packets again.
  virtual void OnWritable() = 0;
  // An incoming packet was refused; `why` names its size and the limit. The session continues.
  virtual void OnRefused(const Error& why) = 0;
};

class PacketPort {
 public:
  virtual ~PacketPort() = default;
  // On every result but kAccepted `packet` is untouched and remains the caller's. Packets sent
  // before the peer is connected are queued.
  [[nodiscard]] virtual SendResult Send(Packet&& packet) = 0;
  // Bytes that are accepted and not yet delivered: the payloads, and kPacketOverhead for each
  // packet.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  // Back-pressure towards the peer: while paused, the sink gets at most the few packets that have
  // already been read, and the peer has to wait. Idempotent.
  virtual void PauseReceiving() = 0;
  virtual void ResumeReceiving() = 0;
};

}  // namespace fletbridge
