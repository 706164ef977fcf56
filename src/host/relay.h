// Room: src/host. Carries the packets of one direction from one port to the other, with
// back-pressure: when the receiving port is full, its sender is paused. EventLoop's thread only,
// but for the counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "common/transport/packet_port.h"

namespace fletbridge {

class Relay {
 public:
  // From `from` (whose sink calls Pass) to `to`. Both must outlive it. `name` and `limit_bytes`,
  // the largest packet that `to` takes, are for messages.
  Relay(PacketPort& from, PacketPort& to, std::string name, std::size_t limit_bytes)
      : from_(from), to_(to), name_(std::move(name)), limit_bytes_(limit_bytes) {}

  void Pass(Packet&& packet);
  // `to` takes packets again.
  void OnWritable();
  // A session has ended: what waits belongs to it.
  void Drop();

  [[nodiscard]] std::uint64_t packets() const { return packets_.load(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(); }

 private:
  // False if `to` is full.
  bool Send(Packet& packet);

  PacketPort& from_;
  PacketPort& to_;
  const std::string name_;
  const std::size_t limit_bytes_;
  std::deque<Packet> waiting_;  // what came after `to` was full, before `from` heeded the pause
  std::atomic<std::uint64_t> packets_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace fletbridge
