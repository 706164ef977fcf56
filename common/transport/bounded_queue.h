// Room: common/transport. The queue of one direction of a port: many producers, one consumer, no
// locks, bounded by bytes. Used by the stream ports of common/net and by stage 3, where a producer
// may be a UI thread that must never wait and the consumer a thread that holds the GIL.
//
// Order: items leave in the order in which their Push() calls took effect, over all producers, so
// what happened before stays before. (An intrusive list in the manner of Dmitry Vyukov's MPSC
// queue; a queue with one lane per producer would lose that order.)
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "common/transport/packet_port.h"

namespace fletbridge {

// `Item` can be moved and made empty, and has a `payload` with a size() in bytes.
template <class Item>
class BoundedQueue {
 public:
  explicit BoundedQueue(const FlowLimits& limits) : limits_(limits), tail_(new Node) {
    head_.store(tail_);
  }
  ~BoundedQueue() {
    for (Node* node = tail_; node != nullptr;) delete std::exchange(node, node->next.load());
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // Any thread; never waits. Sets `wake` when the consumer sleeps and this caller must wake it:
  // one caller per sleep is told so. On every result but kAccepted the item is untouched.
  [[nodiscard]] SendResult Push(Item&& item, bool& wake) {
    wake = false;
    const std::size_t size = item.payload.size();
    if (size > limits_.max_packet) return SendResult::kTooLarge;
    if (closed_.load()) return SendResult::kClosed;

    std::size_t queued = queued_.load();
    do {
      if (queued > limits_.high_water) {
        // Announce first, look again second: Release() looks in the other order, so one of the two
        // sees the other and no producer waits for a call that never comes.
        was_full_.store(true);
        queued = queued_.load();
        if (queued > limits_.low_water) return SendResult::kFull;
      }
    } while (!queued_.compare_exchange_weak(queued, queued + size + kPacketOverhead));

    try {
      wake = Link(std::move(item));
    } catch (...) {  // no memory: the item is still the caller's
      queued_.fetch_sub(size + kPacketOverhead);
      throw;
    }
    return SendResult::kAccepted;
  }
  // Any thread. Puts in an item of the owner's own, whatever the marks say; it must get through.
  // True when the consumer must be woken.
  [[nodiscard]] bool PushMarker(Item&& item) {
    queued_.fetch_add(item.payload.size() + kPacketOverhead);
    return Link(std::move(item));
  }
  // Any thread. From now on Push() answers kClosed; what is queued can still be popped.
  void Close() noexcept { closed_.store(true); }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_.load(); }
  [[nodiscard]] const FlowLimits& limits() const noexcept { return limits_; }

  // Consumer only. Takes the next item; it counts as queued until Release().
  [[nodiscard]] bool Pop(Item& item) {
    Node* next = tail_->next.load();
    if (next == nullptr) return false;
    item = std::move(next->item);
    delete std::exchange(tail_, next);
    return true;
  }
  // Consumer only. `payload_bytes` of a popped item have left; true if producers who were told
  // kFull must now be told that they may go on.
  [[nodiscard]] bool Release(std::size_t payload_bytes) {
    const std::size_t cost = payload_bytes + kPacketOverhead;
    const std::size_t left = queued_.fetch_sub(cost) - cost;
    return left <= limits_.low_water && was_full_.load() && was_full_.exchange(false);
  }
  // Consumer only. Announces that it will wait; false if an item has come in the meantime, and
  // then it must not wait.
  [[nodiscard]] bool PrepareToSleep() {
    sleeping_.store(true);
    if (tail_->next.load() == nullptr) return true;
    // A producer may have seen us asleep and be about to wake us: harmless, we find nothing then.
    sleeping_.store(false);
    return false;
  }

 private:
  struct Node {
    std::atomic<Node*> next{nullptr};
    Item item;
  };

  // True when the consumer must be woken.
  [[nodiscard]] bool Link(Item&& item) {
    Node* node = new Node{nullptr, std::move(item)};
    Node* before = head_.exchange(node);
    before->next.store(node);
    return sleeping_.load() && sleeping_.exchange(false);
  }

  const FlowLimits limits_;
  alignas(64) std::atomic<Node*> head_;  // producers: the newest node
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> sleeping_{true};  // a new consumer must be woken by the first item
  std::atomic<bool> was_full_{false};
  std::atomic<bool> closed_{false};
  alignas(64) Node* tail_;  // consumer: the node before the oldest item
};

using PacketQueue = BoundedQueue<Packet>;

}  // namespace fletbridge
