#include "src/ui/desktop/desktop_ui.h"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/net/client_leg.h"
#include "common/process/runtime_dir.h"
#include "common/transport/answers.h"
#include "common/wire/peek.h"
#include "src/ui/desktop/trim.h"
#include "src/ui/desktop/window.h"

namespace fletbridge::desktop {
namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailureCode = 70;
// The client writes its number there for those who have started it: that is this process.
constexpr const char* kNobody = "/dev/null";
constexpr auto kLastAnswersDeadline = std::chrono::milliseconds(300);
// In direct mode nobody sees whether the app waits for an answer: each end waits so long.
constexpr auto kUnseenAnswersDeadline = std::chrono::milliseconds(100);

SocketAddress AddressIn(const RuntimeDir& dir) {
  SocketAddress address;
  address.path = dir.File("ui.sock");
  return address;
}

class DesktopUi final : public UiEndpoint, private ClientLegSink {
 public:
  DesktopUi(EventLoop& loop, DesktopOptions options, RuntimeDir dir)
      : loop_(loop),
        generation_(options.client_generation),
        dir_(std::move(dir)),
        last_answers_(loop.io()),
        window_(Of(options), Events()) {
    if (!options.page_url.empty()) return;
    leg_ =
        std::make_unique<ClientLeg>(loop, options.limits, AddressIn(dir_), options.app_generation,
                                    static_cast<ClientLegSink&>(*this), options.client_generation);
  }

  std::string name() const override { return "desktop"; }
  std::string leg() const override { return leg_ ? "uds" : std::string(); }
  Generation client_generation() const override {
    return leg_ ? leg_->client_generation() : generation_;
  }
  LatencySamples latencies() const override { return answers_.samples(); }

  void Start(UiSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] {
      if (close_why_) return Finish({});  // before it was started
      if (leg_) {
        if (Result<> listens = leg_->Listen(); !listens) {
          Finish(listens.error());
          return;
        }
      }
      window_.Open();
      sink_->OnUiEvent({UiState::kReady, {}, 0});
    });
  }

  SendResult Send(Packet&& packet) override {
    if (!leg_) return SendResult::kClosed;
    if (!leg_->has_client()) return leg_->Send(std::move(packet));
    const Action action = PeekAction(packet);
    const SendResult result = leg_->Send(std::move(packet));
    if (result == SendResult::kAccepted) Observe(action);
    return result;
  }
  std::size_t queued_bytes() const override { return leg_ ? leg_->queued_bytes() : 0; }
  void PauseReceiving() override {
    if (leg_) leg_->PauseReceiving();
  }
  void ResumeReceiving() override {
    if (leg_) leg_->ResumeReceiving();
  }

  // The client connects again by itself, and so gets another session.
  bool EndSession(const Error& why) override {
    loop_.Post([this, why] {
      if (leg_ && leg_->DisconnectClient()) OnDisconnected(why);
    });
    return true;
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (!close_why_) close_why_ = why;
      if (leg_) leg_->Close();
      window_.Close();
    });
  }

 private:
  WindowOptions Of(const DesktopOptions& options) const {
    WindowOptions window;
    window.client = options.client;
    window.arguments = {options.page_url.empty() ? AddressIn(dir_).path : options.page_url,
                        kNobody};
    if (!options.assets.empty()) window.arguments.push_back(options.assets);
    return window;
  }

  WindowEvents Events() {
    WindowEvents events;
    events.on_shown = [this, at = &loop_] {
      at->Post([this, now = Clock::now()] { Tell(&UiSink::OnWindowShown, now); });
    };
    events.on_frame_drawn = [this, at = &loop_] {
      at->Post([this, now = Clock::now()] { Tell(&UiSink::OnFrameDrawn, now); });
    };
    events.on_rest = [this, at = &loop_] { at->Post([this] { trim_.AtRest(); }); };
    events.on_closed = [this, at = &loop_](const Error& why) {
      at->Post([this, why] { OnWindowClosed(why); });
    };
    return events;
  }
  void Tell(void (UiSink::*what)(Clock::time_point), Clock::time_point when) {
    if (!finished_) (sink_->*what)(when);
  }

  // The window has gone, or never came. An app that has asked for that (`await window.destroy()`)
  // gets its answer.
  void OnWindowClosed(const Error& why) {
    if (why.code || close_why_ || (leg_ && calls_ == 0)) {
      Finish(why);
      return;
    }
    window_closed_ = true;
    last_answers_.expires_after(leg_ ? kLastAnswersDeadline : kUnseenAnswersDeadline);
    last_answers_.async_wait([this](boost::system::error_code error) {
      if (!error) Finish({});
    });
  }

  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    last_answers_.cancel();
    if (leg_) {
      leg_->Close();
      window_.Close();
    }  // else the client may still have an answer for the app: it rests when the app has ended
    dir_.Remove();
    if (why.code) {
      sink_->OnUiEvent({UiState::kClosed, why, kFailureCode});
    } else {
      sink_->OnUiEvent({UiState::kClosed, close_why_.value_or(Error{}), 0});
    }
  }

  void OnConnected() override {
    // Told only now: a client that goes since its window is closed has not left for another.
    if (std::exchange(left_, std::nullopt)) sink_->OnUiEvent({UiState::kDisconnected, {}, 0});
    registered_ = false;
    first_frame_ = false;
    answers_.Renew();
    calls_ = 0;
    sink_->OnUiEvent({UiState::kConnected, {}, 0});
  }
  void OnDisconnected(const Error& why) override {
    if (why.code == Errc::kPeerMisbehaved || why.code == Errc::kCut)
      Log(LogLevel::kError, why.Line());
    left_ = why;
  }
  void OnPacket(Packet&& packet) override {
    const Action action = PeekAction(packet);
    if (action == Action::kControlEvent) answers_.Input(Clock::now());
    const bool answered = action == Action::kInvokeMethod && calls_ > 0 && --calls_ == 0;
    sink_->OnPacket(std::move(packet));
    if (answered && window_closed_) Finish({});
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }

  // To the client; any thread.
  void Observe(Action action) {
    if (action != Action::kRegisterClient && action != Action::kPatchControl &&
        action != Action::kInvokeMethod)
      return;
    loop_.Post([this, action, now = Clock::now()] {
      if (finished_) return;
      if (action == Action::kInvokeMethod) {
        ++calls_;
        return;
      }
      if (action == Action::kRegisterClient) {
        if (!std::exchange(registered_, true)) sink_->OnUiEvent({UiState::kRegistered, {}, 0});
        return;
      }
      if (!std::exchange(first_frame_, true)) sink_->OnUiEvent({UiState::kFirstFrame, {}, 0});
      answers_.Patch(now);
    });
  }

  EventLoop& loop_;
  const Generation generation_;
  UiSink* sink_ = nullptr;  // set in Start()
  // loop's thread only
  RuntimeDir dir_;
  Trim trim_;
  std::unique_ptr<ClientLeg> leg_;  // none in direct mode
  Answers answers_;
  std::optional<Error> left_;       // the last client has gone, and no other has come
  std::optional<Error> close_why_;  // why the host closed it
  asio::steady_timer last_answers_;
  int calls_ = 0;  // of the client's methods, not answered yet
  bool registered_ = false;
  bool first_frame_ = false;
  bool window_closed_ = false;
  bool finished_ = false;
  Window window_;
};

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

std::string NoDisplay() {
  if (IsSet("DISPLAY") || IsSet("WAYLAND_DISPLAY")) return {};
  return "neither DISPLAY nor WAYLAND_DISPLAY is set";
}

Result<std::unique_ptr<UiEndpoint>> MakeDesktopUi(EventLoop& loop, DesktopOptions options) {
  RuntimeDir dir;
  if (options.page_url.empty()) {
    Result<RuntimeDir> made = RuntimeDir::Create();
    if (!made) return made.error();
    dir = std::move(*made);
  }
  return std::unique_ptr<UiEndpoint>(
      std::make_unique<DesktopUi>(loop, std::move(options), std::move(dir)));
}

}  // namespace fletbridge::desktop
