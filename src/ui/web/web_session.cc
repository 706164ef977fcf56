#include "src/ui/web/web_session.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/net/web_socket_port.h"
#include "common/wire/codec.h"

namespace fletbridge::web {
namespace {

class Session final : public WebSession, private WebSocketSink {
 public:
  Session(EventLoop& loop, const FlowLimits& limits, UniqueFd socket, std::string request,
          BrowserFacts facts, std::chrono::milliseconds registration, WebSessionEvents events)
      : facts_(std::move(facts)),
        registration_(registration),
        events_(std::move(events)),
        port_(loop, limits, *this, Generation::kG3),
        until_registered_(loop.io()) {
    port_.Accept(std::move(socket), std::move(request));
  }
  ~Session() override {
    if (events_.gone) events_.gone(*this);
  }

  void Start(ClientSessionSink& sink) override {
    sink_ = &sink;
    until_registered_.expires_after(registration_);
    until_registered_.async_wait(
        [this, life = std::weak_ptr<void>(life_)](boost::system::error_code cancelled) {
          if (cancelled || life.expired() || is_registered_ || !port_.open()) return;
          port_.Disconnect(WebSocketClose::kPolicy);
          sink_->OnGone(MakeError(Errc::kPeerMisbehaved, "the browser did not register in time"));
        });
    sink_->OnPacket(HelloPacket(facts_));
  }
  Generation generation() const override { return Generation::kG3; }
  SendResult Send(Packet&& packet) override {
    if (std::optional<AppSays> says = ReadAppSays(packet)) {
      events_.said(std::move(*says));
      return SendResult::kAccepted;
    }
    return port_.Send(std::move(packet));
  }
  bool Tell(Packet packet) override {
    if (!is_registered_ || !port_.open()) return false;
    sink_->OnPacket(std::move(packet));
    return true;
  }
  std::size_t queued_bytes() const override { return port_.queued_bytes(); }
  void PauseReceiving() override { port_.PauseReceiving(); }
  void ResumeReceiving() override { port_.ResumeReceiving(); }
  void HangUp() override {
    until_registered_.cancel();
    port_.Disconnect(WebSocketClose::kGoingAway);
  }

 private:
  void OnOpen() override { events_.opened(*this); }
  void OnPacket(Packet&& packet) override {
    if (sink_ == nullptr) return;
    const Action action = wire::Newest().Peek(packet);
    const bool registers = !is_registered_;
    if (registers) {
      // What is no registration says nothing that the app could hear, or is our own greeting.
      if (action != Action::kRegisterClient) return;
      is_registered_ = true;
      until_registered_.cancel();
    } else if (packet.type == PacketType::kControl && action == Action::kNone) {
      return;
    }
    if (action == Action::kControlEvent) events_.input();
    sink_->OnPacket(std::move(packet));
    if (registers) events_.registered(*this);
  }
  void OnWritable() override {
    if (sink_ != nullptr) sink_->OnWritable();
  }
  void OnRefused(const Error& why) override {
    if (sink_ != nullptr) sink_->OnRefused(why);
  }
  void OnDisconnected(const Error& why) override {
    until_registered_.cancel();
    if (sink_ != nullptr) return sink_->OnGone(why);
    events_.failed(*this);
  }

  const BrowserFacts facts_;
  const std::chrono::milliseconds registration_;
  const WebSessionEvents events_;
  ClientSessionSink* sink_ = nullptr;
  WebSocketPort port_;
  boost::asio::steady_timer until_registered_;
  bool is_registered_ = false;
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

}  // namespace

std::unique_ptr<WebSession> MakeWebSession(EventLoop& loop, const FlowLimits& limits,
                                           UniqueFd socket, std::string request, BrowserFacts facts,
                                           std::chrono::milliseconds registration,
                                           WebSessionEvents events) {
  return std::make_unique<Session>(loop, limits, std::move(socket), std::move(request),
                                   std::move(facts), registration, std::move(events));
}

}  // namespace fletbridge::web
