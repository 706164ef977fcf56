#include "common/transport/local_client.h"

#include <utility>

namespace fletbridge {

class LocalClient::Port final : public ClientSession {
 public:
  Port(std::shared_ptr<LocalClient> client, std::uint64_t number)
      : client_(std::move(client)), number_(number) {}
  ~Port() override {
    const bool was_here = client_->sink_ != nullptr && IsOpen();
    if (was_here) client_->EndSession();
    if (was_here && !client_->is_over_ && client_->hooks_.sent_away) client_->hooks_.sent_away();
  }

  void Start(ClientSessionSink& sink) override {
    client_->sink_ = &sink;
    if (client_->hooks_.start) client_->hooks_.start();
    const std::lock_guard lock(client_->mutex_);
    client_->started_ = true;
    if (!client_->inbox_.empty()) client_->PostDrain();
  }
  SendResult Send(Packet&& packet) override { return client_->Take(number_, std::move(packet)); }
  std::size_t queued_bytes() const override {
    const std::lock_guard lock(client_->mutex_);
    return client_->session_ == number_ ? client_->queued_ : 0;
  }
  void PauseReceiving() override { client_->paused_.store(true); }
  void ResumeReceiving() override {
    if (!client_->paused_.exchange(false)) return;
    client_->resume_(client_->loop_, [client = client_] {
      if (!client->is_over_ && client->sink_ != nullptr && client->hooks_.resumed)
        client->hooks_.resumed();
    });
  }

 private:
  bool IsOpen() const {
    const std::lock_guard lock(client_->mutex_);
    return client_->session_ == number_;
  }

  const std::shared_ptr<LocalClient> client_;
  const std::uint64_t number_;
};

LocalClient::LocalClient(EventLoop& loop, const FlowLimits& limits, Hooks hooks)
    : loop_(loop), limits_(limits), hooks_(std::move(hooks)) {}

std::unique_ptr<ClientSession> LocalClient::Session() {
  paused_.store(false);
  const std::lock_guard lock(mutex_);
  closed_ = is_over_;
  full_ = started_ = false;
  return std::make_unique<Port>(shared_from_this(), ++session_);
}

void LocalClient::ToApp(Packet&& packet) {
  if (sink_ != nullptr) sink_->OnPacket(std::move(packet));
}

void LocalClient::Leave(const Error& why) {
  ClientSessionSink* sink = sink_;
  EndSession();
  if (sink != nullptr) sink->OnGone(why);
}

void LocalClient::Close() {
  is_over_ = true;
  EndSession();
}

void LocalClient::EndSession() {
  sink_ = nullptr;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  inbox_.clear();
  queued_ = 0;
}

SendResult LocalClient::Take(std::uint64_t session, Packet&& packet) {
  const std::lock_guard lock(mutex_);
  if (closed_ || session != session_) return SendResult::kClosed;
  if (packet.payload.size() > limits_.max_packet) return SendResult::kTooLarge;
  if (queued_ > limits_.high_water) {
    full_ = true;
    return SendResult::kFull;
  }
  queued_ += packet.payload.size() + kPacketOverhead;
  inbox_.push_back(std::move(packet));
  PostDrain();
  return SendResult::kAccepted;
}

void LocalClient::PostDrain() {
  if (started_ && !std::exchange(drain_posted_, true))
    loop_.Post([self = shared_from_this()] { self->Drain(); });
}

void LocalClient::Drain() {
  std::deque<Packet> packets;
  std::uint64_t session = 0;
  {
    const std::lock_guard lock(mutex_);
    drain_posted_ = false;
    packets.swap(inbox_);
    session = session_;
  }
  for (Packet& packet : packets) {
    const std::size_t size = packet.payload.size() + kPacketOverhead;
    hooks_.on_packet(std::move(packet));
    bool writable = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || session != session_) return;  // the session has ended
      queued_ -= size;
      writable = full_ && queued_ <= limits_.low_water;
      if (writable) full_ = false;
    }
    if (writable && sink_ != nullptr) sink_->OnWritable();
  }
}

}  // namespace fletbridge
