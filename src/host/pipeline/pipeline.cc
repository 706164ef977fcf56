#include "src/host/pipeline/pipeline.h"

#include <utility>

#include "common/base/log.h"

namespace fletbridge {

class Pipeline::End {
 public:
  End(const char* name, std::size_t limit_bytes) : name_(name), limit_bytes_(limit_bytes) {}

  // `other`: the end that sends to this one.
  void Join(End& other) { other_ = &other; }

  void Bind(PacketPort* port) {
    port_ = port;
    if (port == nullptr) return;
    // Updates the pause of the other end, which may have waited for this port or the previous one.
    if (!other_->waiting_.empty()) port->PauseReceiving();
    Flush();
  }

  void Take(Packet&& packet) {
    if (waiting_.empty() && Send(packet)) return;
    waiting_.push_back(std::move(packet));
    if (waiting_.size() == 1 && other_->port_ != nullptr) other_->port_->PauseReceiving();
  }

  // The port accepts packets again.
  void Flush() {
    if (waiting_.empty()) return;
    while (!waiting_.empty()) {
      if (!Send(waiting_.front())) return;
      waiting_.pop_front();
    }
    if (other_->port_ != nullptr) other_->port_->ResumeReceiving();
  }

  void Drop() {
    if (waiting_.empty()) return;
    waiting_.clear();
    if (other_->port_ != nullptr) other_->port_->ResumeReceiving();
  }

  [[nodiscard]] Traffic traffic() const { return {packets_.load(), bytes_.load()}; }

 private:
  // False: the packet must wait.
  bool Send(Packet& packet) {
    if (port_ == nullptr) return false;
    const std::size_t size = packet.payload.size();
    switch (port_->Send(std::move(packet))) {
      case SendResult::kAccepted:
        packets_.fetch_add(1, std::memory_order_relaxed);
        bytes_.fetch_add(size, std::memory_order_relaxed);
        return true;
      case SendResult::kFull:
        return false;
      case SendResult::kTooLarge:
        Log(LogLevel::kError, "refused a packet of " + std::to_string(size) + " bytes to the " +
                                  name_ + ", limit " + std::to_string(limit_bytes_) +
                                  "; raise it with --max-packet");
        return true;
      case SendResult::kClosed:
        return true;
    }
    return true;
  }

  const char* const name_;
  const std::size_t limit_bytes_;
  PacketPort* port_ = nullptr;
  End* other_ = nullptr;
  // Packets that came while the port was missing or full, before the other end's pause took effect.
  std::deque<Packet> waiting_;
  std::atomic<std::uint64_t> packets_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

// The rest of the pipeline behind the filter of this number.
class Pipeline::Link final : public Onward {
 public:
  Link(Pipeline& pipeline, std::size_t number) : pipeline_(pipeline), number_(number) {}

  void ToUi(Packet&& packet) override {
    const std::size_t next = number_ + 1;
    if (next == pipeline_.filters_.size()) return pipeline_.client_->Take(std::move(packet));
    pipeline_.filters_[next]->FromApp(std::move(packet), *pipeline_.links_[next]);
  }
  void ToApp(Packet&& packet) override {
    if (number_ == 0) return pipeline_.app_->Take(std::move(packet));
    pipeline_.filters_[number_ - 1]->FromUi(std::move(packet), *pipeline_.links_[number_ - 1]);
  }
  void Fail(const Error& why) override {
    if (!std::exchange(pipeline_.failed_, true)) pipeline_.fail_(why);
  }

 private:
  Pipeline& pipeline_;
  const std::size_t number_;
};

Pipeline::Pipeline(std::vector<std::unique_ptr<Filter>> filters, std::size_t limit_bytes,
                   std::function<void(const Error&)> fail)
    : filters_(std::move(filters)),
      app_(std::make_unique<End>("app", limit_bytes)),
      client_(std::make_unique<End>("UI", limit_bytes)),
      fail_(std::move(fail)) {
  app_->Join(*client_);
  client_->Join(*app_);
  for (std::size_t number = 0; number < filters_.size(); ++number)
    links_.push_back(std::make_unique<Link>(*this, number));
}

Pipeline::~Pipeline() = default;

void Pipeline::BindApp(PacketPort* port) { app_->Bind(port); }
void Pipeline::BindClient(PacketPort* port) { client_->Bind(port); }

void Pipeline::FromApp(Packet&& packet) {
  if (filters_.empty()) return client_->Take(std::move(packet));
  filters_.front()->FromApp(std::move(packet), *links_.front());
}

void Pipeline::FromClient(Packet&& packet) {
  if (failed_) return;  // it came together with the invalid packet
  if (filters_.empty()) return app_->Take(std::move(packet));
  filters_.back()->FromUi(std::move(packet), *links_.back());
}

void Pipeline::AppWritable() { app_->Flush(); }
void Pipeline::ClientWritable() { client_->Flush(); }

void Pipeline::OnClient(const Spoken& spoken) {
  for (const auto& filter : filters_) filter->OnClient(spoken);
}

void Pipeline::OnRegistered(const Spoken& spoken) {
  for (const auto& filter : filters_) filter->OnRegistered(spoken);
}

void Pipeline::OnRunEnd(int code, const std::string& reason, std::chrono::milliseconds patience) {
  for (const auto& filter : filters_) filter->OnRunEnd(code, reason, patience);
}

void Pipeline::EndSession() {
  failed_ = false;
  for (const auto& filter : filters_) filter->OnSessionEnd();
  app_->Drop();
  client_->Drop();
}

Pipeline::Traffic Pipeline::to_app() const { return app_->traffic(); }
Pipeline::Traffic Pipeline::to_client() const { return client_->traffic(); }

}  // namespace fletbridge
