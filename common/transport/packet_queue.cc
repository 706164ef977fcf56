#include "common/transport/packet_queue.h"

#include <utility>

namespace fletbridge {

PacketQueue::PacketQueue(const FlowLimits& limits) : limits_(limits) {
  tail_ = new Node;
  head_.store(tail_);
}

PacketQueue::~PacketQueue() {
  for (Node* node = tail_; node != nullptr;) delete std::exchange(node, node->next.load());
}

SendResult PacketQueue::Push(Packet&& packet, bool& wake) {
  wake = false;
  const std::size_t size = packet.payload.size();
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

  wake = Link(std::move(packet));
  return SendResult::kAccepted;
}

bool PacketQueue::PushMarker(Packet&& packet) {
  queued_.fetch_add(packet.payload.size() + kPacketOverhead);
  return Link(std::move(packet));
}

bool PacketQueue::Link(Packet&& packet) {
  Node* node = new Node{nullptr, std::move(packet)};
  Node* before = head_.exchange(node);
  before->next.store(node);
  return sleeping_.load() && sleeping_.exchange(false);
}

bool PacketQueue::Pop(Packet& packet) {
  Node* next = tail_->next.load();
  if (next == nullptr) return false;
  packet = std::move(next->packet);
  delete std::exchange(tail_, next);
  return true;
}

bool PacketQueue::Release(std::size_t payload_bytes) {
  const std::size_t cost = payload_bytes + kPacketOverhead;
  const std::size_t left = queued_.fetch_sub(cost) - cost;
  return left <= limits_.low_water && was_full_.load() && was_full_.exchange(false);
}

bool PacketQueue::PrepareToSleep() {
  sleeping_.store(true);
  if (tail_->next.load() == nullptr) return true;
  // A producer may have seen us asleep and be about to wake us: harmless, we find nothing then.
  sleeping_.store(false);
  return false;
}

}  // namespace fletbridge
