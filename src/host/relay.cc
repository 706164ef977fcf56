#include "src/host/relay.h"

#include "common/base/log.h"

namespace fletbridge {

void Relay::Pass(Packet&& packet) {
  if (!waiting_.empty()) {
    waiting_.push_back(std::move(packet));
  } else if (!Send(packet)) {
    waiting_.push_back(std::move(packet));
    from_.PauseReceiving();
  }
}

void Relay::OnWritable() {
  while (!waiting_.empty()) {
    if (!Send(waiting_.front())) return;
    waiting_.pop_front();
  }
  from_.ResumeReceiving();
}

void Relay::Drop() {
  waiting_.clear();
  from_.ResumeReceiving();
}

bool Relay::Send(Packet& packet) {
  const std::size_t size = packet.payload.size();
  switch (to_.Send(std::move(packet))) {
    case SendResult::kAccepted:
      packets_.fetch_add(1, std::memory_order_relaxed);
      bytes_.fetch_add(size, std::memory_order_relaxed);
      return true;
    case SendResult::kFull:
      return false;
    case SendResult::kTooLarge:
      Log(LogLevel::kError, "refused a packet of " + std::to_string(size) + " bytes " + name_ +
                                ", limit " + std::to_string(limit_bytes_) +
                                "; raise it with --max-packet");
      return true;
    case SendResult::kClosed:
      return true;
  }
  return true;
}

}  // namespace fletbridge
