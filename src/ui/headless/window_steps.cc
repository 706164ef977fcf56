#include "src/ui/headless/window_steps.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/wire/message.h"
#include "common/wire/peek.h"
#include "src/ui/headless/client.h"
#include "src/ui/headless/step_runner.h"

namespace fletbridge {
namespace {

using headless::Client;
using headless::Heard;
using headless::StepRunner;
using wire::Value;

constexpr std::chrono::milliseconds kQuietTime{100};  // as of the headless UI
// The client makes pictures only once it has drawn with that in mind.
constexpr std::chrono::milliseconds kAskAgain{100};
// What the steps ask of the client is told by the call's name from what the app does.
constexpr std::string_view kOwnCall = "fletbridge-steps";

class WindowSteps final : public UiEndpoint, private UiSink {
 public:
  WindowSteps(EventLoop& loop, std::unique_ptr<UiEndpoint> window, HeadlessOptions options)
      : loop_(loop), window_(std::move(window)), client_(NewClient()), ask_again_(loop.io()) {
    runner_ = std::make_unique<StepRunner>(
        loop, client_, std::move(*options.steps), std::move(options.flet_package), kQuietTime,
        false, paused_,
        [this](Buffer data) {
          Give({PacketType::kData, std::move(data)});
        },
        [this](int exit_code) { StepsEnded(exit_code); });
    runner_->set_first_frame_time(options.first_frame, [this] { return WaitsForPerson(); });
    runner_->set_takes_picture([this] { AskForPicture(); });
  }
  ~WindowSteps() override { *alive_ = false; }

  std::string name() const override { return window_->name(); }
  std::string leg() const override { return window_->leg(); }
  Generation client_generation() const override { return window_->client_generation(); }
  LatencySamples latencies() const override { return runner_->latencies(); }

  void Start(UiSink& sink) override {
    sink_ = &sink;
    window_->Start(*this);
  }
  bool EndSession(const Error& why) override { return window_->EndSession(why); }
  void Close(const Error& why) override {
    Post([this, why] {
      if (!closed_) runner_->OnAppGone();
      window_->Close(why);
    });
  }

  SendResult Send(Packet&& packet) override {
    const bool answered = packet.type == PacketType::kControl && loop_.InLoop() &&
                          PeekAction(packet) == Action::kInvokeMethod && AnsweredBySteps(packet);
    if (answered) return SendResult::kAccepted;
    const Buffer copy(packet.payload.span());
    const PacketType type = packet.type;
    const SendResult result = window_->Send(std::move(packet));
    if (result == SendResult::kAccepted) {
      if (type == PacketType::kData) {
        runner_->OnData(copy.span(), StepRunner::Clock::now());
      } else if (type == PacketType::kControl) {
        FromApp(copy);
      }
    }
    return result;
  }
  std::size_t queued_bytes() const override { return window_->queued_bytes(); }
  void PauseReceiving() override {
    paused_ = true;
    window_->PauseReceiving();
  }
  void ResumeReceiving() override {
    paused_ = false;
    window_->ResumeReceiving();
    Post([this] { runner_->Resume(); });
  }

 private:
  Client NewClient() {
    Client made = Client::Beside([this](Buffer message) { Out(std::move(message)); });
    made.set_takes_call([this](std::string_view type, const wire::InvokeMethod& call) {
      return !closed_ && runner_ != nullptr && runner_->TakesCall(type, call);
    });
    return made;
  }

  void Post(std::function<void()> what) {
    loop_.Post([what = std::move(what), alive = alive_] {
      if (*alive) what();
    });
  }

  // Never from within Send(): the sink may be the caller.
  void Give(Packet packet) {
    auto shared = std::make_shared<Packet>(std::move(packet));
    Post([this, shared] {
      if (!closed_) sink_->OnPacket(std::move(*shared));
    });
  }

  // What the hand sends to the app. Properties are shown to the window as well, by a patch.
  void Out(Buffer message) {
    if (Result<Value> read = wire::Decode(message.span()); read) {
      const wire::List* parts = read->AsList();
      const wire::Map* body =
          parts == nullptr || parts->items.size() != 2 ? nullptr : parts->items[1].AsMap();
      const wire::Map* props = body == nullptr || body->Find("props") == nullptr
                                   ? nullptr
                                   : body->Find("props")->AsMap();
      if (props != nullptr) Show(*body->Find("id"), *props);
    }
    Give({PacketType::kControl, std::move(message)});
  }

  void Show(const Value& id, const wire::Map& props) {
    auto patch = std::make_shared<wire::List>();
    patch->items.push_back(Value::ListOf({0}));
    for (const auto& [name, value] : props.entries)
      patch->items.push_back(Value::ListOf({0, 0, name, value}));
    ToWindow(2, Value::MapOf({{"id", id}, {"patch", Value(std::move(patch))}}));
  }

  void ToWindow(int action, Value body) {
    const SendResult sent = window_->Send(
        {PacketType::kControl, wire::Encode(Value::ListOf({Value(action), std::move(body)}))});
    if (sent == SendResult::kFull)
      Log(LogLevel::kWarning, "the window takes nothing at the moment, and does not show a step");
  }

  bool AnsweredBySteps(const Packet& packet) {
    const Result<Heard> heard = client_.Handle(packet.payload.span());
    return heard && *heard == Heard::kTaken;
  }

  void FromApp(const Buffer& payload) {
    const auto at = StepRunner::Clock::now();
    if (payload.size() >= 2 && payload.span()[1] == std::byte{5}) return;  // seen already
    const Result<Heard> heard = client_.Handle(payload.span());
    if (!heard) return;  // the window's client has its own opinion of it
    if (*heard == Heard::kPatched) {
      if (!std::exchange(drawn_, true))
        Show(wire::kPageId, *Value::MapOf({{"enable_screenshots", true}}).AsMap());
      runner_->OnPatch(at);
    }
    if (*heard == Heard::kCrashed) {
      const bool expected = runner_->ClaimCrash(client_.last_crash());
      Log(expected ? LogLevel::kDebug : LogLevel::kError,
          "the app raised: " + wire::CrashText(client_.last_crash()));
      runner_->OnCrash(client_.last_crash(), expected);
    }
  }

  // ---- UiSink: what the window's client says.

  void OnPacket(Packet&& packet) override {
    if (packet.type == PacketType::kControl) {
      if (PeekAction(packet) == Action::kInvokeMethod && IsOwnAnswer(packet)) return;
      client_.Follow(packet.payload.span());
    }
    sink_->OnPacket(std::move(packet));
  }
  void OnWritable() override { sink_->OnWritable(); }
  void OnRefused(const Error& why) override { sink_->OnRefused(why); }
  void OnWindowShown(std::chrono::steady_clock::time_point when) override {
    sink_->OnWindowShown(when);
  }
  void OnFrameDrawn(std::chrono::steady_clock::time_point when) override {
    sink_->OnFrameDrawn(when);
  }
  bool WaitsForPerson() override { return sink_ != nullptr && sink_->WaitsForPerson(); }

  void OnUiEvent(const UiEvent& event) override {
    UiEvent told = event;
    if (event.state == UiState::kConnected) {
      client_ = NewClient();
      drawn_ = false;
    }
    if (event.state == UiState::kRegistered) runner_->OnRegistered();
    if (event.state == UiState::kClosed) {
      if (!exit_code_ && !event.why.code) runner_->OnWindowClosed();  // a person did, or the app
      closed_ = true;
      if (!event.why.code || exit_code_.value_or(0) != 0)
        told = {event.state, {}, exit_code_.value_or(0)};
    }
    sink_->OnUiEvent(told);
  }

  void StepsEnded(int exit_code) {
    if (exit_code_) return;
    exit_code_ = exit_code;
    Post([this] {
      if (!closed_) window_->Close({});
    });
  }

  // ---- A picture of the window.

  void AskForPicture() {
    ToWindow(5, Value::MapOf({{"control_id", wire::kPageId},
                              {"call_id", kOwnCall},
                              {"name", "take_screenshot"},
                              {"args", Value::MapOf({{"pixel_ratio", {}}, {"delay", {}}})}}));
  }

  bool IsOwnAnswer(const Packet& packet) {
    const Result<Value> read = wire::Decode(packet.payload.span());
    const wire::List* parts = read ? read->AsList() : nullptr;
    const wire::Map* body =
        parts == nullptr || parts->items.size() != 2 ? nullptr : parts->items[1].AsMap();
    const Value* call = body == nullptr ? nullptr : body->Find("call_id");
    if (call == nullptr || call->AsText() == nullptr || *call->AsText() != kOwnCall) return false;
    const Value* result = body->Find("result");
    const Value* error = body->Find("error");
    const auto* bytes =
        result == nullptr ? nullptr : std::get_if<std::shared_ptr<wire::Bytes>>(&result->content());
    if (error != nullptr && error->AsText() != nullptr) {
      runner_->OnPicture(
          MakeError(Errc::kSetup, "the client cannot make one: " + *error->AsText()));
    } else if (bytes != nullptr) {
      runner_->OnPicture((*bytes)->data);
    } else {
      ask_again_.expires_after(kAskAgain);
      ask_again_.async_wait([this, alive = alive_](boost::system::error_code aborted) {
        if (!aborted && *alive && !closed_ && runner_->waits_for_picture()) AskForPicture();
      });
    }
    return true;
  }

  EventLoop& loop_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<UiEndpoint> window_;
  UiSink* sink_ = nullptr;           // set by Start()
  std::atomic<bool> paused_{false};  // any thread
  // loop only
  Client client_;
  std::unique_ptr<StepRunner> runner_;
  boost::asio::steady_timer ask_again_;
  std::optional<int> exit_code_;  // of the steps
  bool drawn_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<UiEndpoint> MakeWindowSteps(EventLoop& loop, std::unique_ptr<UiEndpoint> window,
                                            HeadlessOptions options) {
  return std::make_unique<WindowSteps>(loop, std::move(window), std::move(options));
}

}  // namespace fletbridge
