// Room: common/transport. The queue of one direction of a port: lock-free, several producers, one
// consumer, bounded in bytes. Used by common/net's stream ports and by stage 3, where a producer
// may be a UI thread, which must never wait, and the consumer a thread that holds the GIL.
//
// Order: items leave in the order in which their Push() calls took effect, over all producers (a
// linked list after Dmitry Vyukov's intrusive MPSC queue; a queue with one lane for each producer
// would lose that order).
//
// Threads: Push(), PushMarker(), Close() and the accessors any; Pop(), Release(), PrepareToSleep()
// the consumer's. Constructed before and destroyed after all of these calls.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "common/transport/packet_port.h"

namespace fletbridge {

// `Item` is movable and default-constructible, and has a `payload` with a size() in bytes.
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

  // Never waits. Sets `wake` if this caller must wake the sleeping consumer; one caller per sleep
  // gets it. On every result but kAccepted the item is untouched. Throws std::bad_alloc.
  [[nodiscard]] SendResult Push(Item&& item, bool& wake) {
    wake = false;
    const std::size_t size = item.payload.size();
    if (size > limits_.max_packet) return SendResult::kTooLarge;
    if (closed_.load()) return SendResult::kClosed;

    std::size_t queued = queued_.load();
    do {
      if (queued > limits_.high_water) {
        // First set the flag, then look again; Release() does both in the opposite order. So one
        // of the two sees the other's change, and no producer waits for a call that never comes.
        was_full_.store(true);
        queued = queued_.load();
        if (queued > limits_.low_water) return SendResult::kFull;
      }
    } while (!queued_.compare_exchange_weak(queued, queued + size + kPacketOverhead));

    try {
      wake = Link(std::move(item));
    } catch (...) {  // out of memory: the item is still the caller's
      queued_.fetch_sub(size + kPacketOverhead);
      throw;
    }
    return SendResult::kAccepted;
  }
  // For items of the owner itself, which must get through: ignores the limits and Close(). True if
  // the consumer must be woken.
  [[nodiscard]] bool PushMarker(Item&& item) {
    queued_.fetch_add(item.payload.size() + kPacketOverhead);
    return Link(std::move(item));
  }
  // From now on Push() returns kClosed; queued items can still be popped.
  void Close() noexcept { closed_.store(true); }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_.load(); }
  [[nodiscard]] const FlowLimits& limits() const noexcept { return limits_; }

  // Takes the oldest item, which counts as queued until Release(); false if there is none.
  [[nodiscard]] bool Pop(Item& item) {
    Node* next = tail_->next.load();
    if (next == nullptr) return false;
    item = std::move(next->item);
    delete std::exchange(tail_, next);
    return true;
  }
  // A popped item with a payload of `payload_bytes` has been handled. True if producers that got
  // kFull must now be notified (OnWritable()).
  [[nodiscard]] bool Release(std::size_t payload_bytes) {
    const std::size_t cost = payload_bytes + kPacketOverhead;
    const std::size_t left = queued_.fetch_sub(cost) - cost;
    return left <= limits_.low_water && was_full_.load() && was_full_.exchange(false);
  }
  // Announces that the consumer is going to wait. False if an item has come in the meantime: then
  // it must not wait.
  [[nodiscard]] bool PrepareToSleep() {
    sleeping_.store(true);
    if (tail_->next.load() == nullptr) return true;
    // A producer may have seen the flag and be about to wake us, which is harmless.
    sleeping_.store(false);
    return false;
  }

 private:
  struct Node {
    std::atomic<Node*> next{nullptr};
    Item item;
  };

  // True if the consumer must be woken.
  [[nodiscard]] bool Link(Item&& item) {
    Node* node = new Node{nullptr, std::move(item)};
    Node* before = head_.exchange(node);
    before->next.store(node);
    return sleeping_.load() && sleeping_.exchange(false);
  }

  const FlowLimits limits_;
  alignas(64) std::atomic<Node*> head_;  // producers: the newest node
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> sleeping_{true};  // the first item must wake a new consumer
  std::atomic<bool> was_full_{false};
  std::atomic<bool> closed_{false};
  alignas(64) Node* tail_;  // consumer: the node before the oldest item
};

using PacketQueue = BoundedQueue<Packet>;

}  // namespace fletbridge
