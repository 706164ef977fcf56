#include "src/ui/attach/attach_ui.h"

#include <chrono>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/net/client_leg.h"
#include "common/transport/answers.h"
#include "common/wire/peek.h"

namespace fletbridge::attach {
namespace {

using Clock = std::chrono::steady_clock;

class AttachUi final : public UiEndpoint, private ClientLegSink {
 public:
  AttachUi(EventLoop& loop, const FlowLimits& limits, SocketAddress address, Generation app)
      : loop_(loop), leg_(loop, limits, std::move(address), app, *this) {}

  std::string name() const override { return "attach"; }

  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      Listen();
    });
  }

  SendResult Send(Packet&& packet) override {
    if (!leg_.has_client()) return leg_.Send(std::move(packet));
    const Action action = PeekAction(packet);
    const SendResult result = leg_.Send(std::move(packet));
    if (result == SendResult::kAccepted) Observe(action);
    return result;
  }
  std::size_t queued_bytes() const override { return leg_.queued_bytes(); }
  void PauseReceiving() override { leg_.PauseReceiving(); }
  void ResumeReceiving() override { leg_.ResumeReceiving(); }

  bool EndSession(const Error& why) override {
    loop_.Post([this, why] {
      if (leg_.DisconnectClient()) OnDisconnected(why);
    });
    return true;
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (closed_) return;
      leg_.Close();
      End({UiState::kClosed, why, 0});
    });
  }

  Generation client_generation() const override { return leg_.client_generation(); }
  LatencySamples latencies() const override { return answers_.samples(); }

 private:
  void Listen() {
    if (closed_) return sink_->OnUiEvent(*closed_);  // before it was started
    if (Result<> listens = leg_.Listen(); !listens) {
      leg_.Close();
      return End({UiState::kClosed, listens.error(), 70});
    }
    Log(LogLevel::kInfo, "waiting for a Flet client at " + leg_.address().Text());
    sink_->OnUiEvent({UiState::kReady, {}, 0});
  }

  void End(UiEvent event) {
    closed_ = std::move(event);
    if (sink_ != nullptr) sink_->OnUiEvent(*closed_);
  }

  void OnConnected() override {
    registered_ = false;
    first_frame_ = false;
    answers_.Renew();
    sink_->OnUiEvent({UiState::kConnected, {}, 0});
  }

  // To the client; any thread, though in practice the loop's.
  void Observe(Action action) {
    if (action != Action::kRegisterClient && action != Action::kPatchControl) return;
    if (!loop_.InLoop()) {
      loop_.Post([this, action] { Observe(action); });
    } else if (action == Action::kRegisterClient) {
      if (!std::exchange(registered_, true)) loop_.Post([this] { Tell(UiState::kRegistered); });
    } else {
      if (!std::exchange(first_frame_, true)) loop_.Post([this] { Tell(UiState::kFirstFrame); });
      answers_.Patch(Clock::now());
    }
  }
  void Tell(UiState state) {
    if (!closed_) sink_->OnUiEvent({state, {}, 0});
  }

  // From the client.
  void OnPacket(Packet&& packet) override {
    if (PeekAction(packet) == Action::kControlEvent) answers_.Input(Clock::now());
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnDisconnected(const Error& why) override {
    if (!closed_) sink_->OnUiEvent({UiState::kDisconnected, why, 0});
  }

  EventLoop& loop_;
  // loop's thread only
  UiSink* sink_ = nullptr;  // since Start()
  ClientLeg leg_;
  Answers answers_;
  bool registered_ = false;
  bool first_frame_ = false;
  std::optional<UiEvent> closed_;
};

}  // namespace

std::unique_ptr<UiEndpoint> MakeAttachUi(EventLoop& loop, const FlowLimits& limits,
                                         SocketAddress address, Generation app) {
  return std::make_unique<AttachUi>(loop, limits, std::move(address), app);
}

}  // namespace fletbridge::attach
