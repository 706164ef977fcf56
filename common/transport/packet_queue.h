// Room: common/transport. The queue of one direction of a port: many producers, one consumer, no
// locks, bounded by bytes. Used by the stream ports of common/net and by stage 3, where a producer
// may be a UI thread that must never wait and the consumer a thread that holds the GIL.
//
// Order: packets leave in the order in which their Push() calls took effect, over all producers, so
// what happened before stays before. (An intrusive list in the manner of Dmitry Vyukov's MPSC
// queue; a queue with one lane per producer would lose that order.)
#pragma once

#include <atomic>
#include <cstddef>

#include "common/transport/packet_port.h"

namespace fletbridge {

class PacketQueue {
 public:
  explicit PacketQueue(const FlowLimits& limits);
  ~PacketQueue();
  PacketQueue(const PacketQueue&) = delete;
  PacketQueue& operator=(const PacketQueue&) = delete;

  // Any thread; never waits. Sets `wake` when the consumer sleeps and this caller must wake it:
  // one caller per sleep is told so.
  [[nodiscard]] SendResult Push(Packet&& packet, bool& wake);
  // Any thread. Puts in a packet of the owner's own, whatever the marks say; it must get through.
  // True when the consumer must be woken.
  [[nodiscard]] bool PushMarker(Packet&& packet);
  // Any thread. From now on Push() answers kClosed; what is queued can still be popped.
  void Close() noexcept { closed_.store(true); }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_.load(); }
  [[nodiscard]] const FlowLimits& limits() const noexcept { return limits_; }

  // Consumer only. Takes the next packet; it counts as queued until Release().
  [[nodiscard]] bool Pop(Packet& packet);
  // Consumer only. `payload_bytes` of a popped packet have left; true if producers who were told
  // kFull must now be told that they may go on.
  [[nodiscard]] bool Release(std::size_t payload_bytes);
  // Consumer only. Announces that it will wait; false if a packet has come in the meantime, and
  // then it must not wait.
  [[nodiscard]] bool PrepareToSleep();

 private:
  struct Node {
    std::atomic<Node*> next{nullptr};
    Packet packet;
  };

  [[nodiscard]] bool Link(Packet&& packet);  // true when the consumer must be woken

  const FlowLimits limits_;
  alignas(64) std::atomic<Node*> head_;  // producers: the newest node
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> sleeping_{true};  // a new consumer must be woken by the first packet
  std::atomic<bool> was_full_{false};
  std::atomic<bool> closed_{false};
  alignas(64) Node* tail_;  // consumer: the node before the oldest packet
};

}  // namespace fletbridge
