#include "src/ui/headless/window_steps.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/transport/wrapped_client.h"
#include "src/ui/headless/client.h"
#include "src/ui/headless/step_runner.h"

namespace fletbridge {
namespace {

using headless::Client;
using headless::Heard;
using headless::StepRunner;
using wire::Value;

constexpr std::chrono::milliseconds kQuietTime{100};  // as of the headless UI
// The client prepares for pictures with its next drawing, and a picture may lack changes that it
// has not drawn yet: so a picture counts when the next one is the same. On a page that is always
// moving, the last of this many counts.
constexpr std::chrono::milliseconds kAskAgain{100};
constexpr int kMostPictures = 5;
// Prefix of the steps' own calls to the client, which tells them from the app's.
constexpr std::string_view kOwnCall = "fletbridge-steps";

class WindowSteps final : public UiSurface, private UiSink {
 public:
  WindowSteps(EventLoop& loop, std::unique_ptr<UiSurface> window, HeadlessOptions options)
      : loop_(loop), window_(std::move(window)), client_(NewClient()), ask_again_(loop.io()) {
    runner_ = std::make_unique<StepRunner>(
        loop, client_, std::move(*options.steps), std::move(options.flet_package), kQuietTime,
        false, paused_,
        [this](Buffer data) {
          Give({PacketType::kData, std::move(data)});
        },
        [this](int exit_code) { StepsEnded(exit_code); });
    runner_->set_first_frame_time(options.first_frame, [this] { return WaitsForPerson(); });
    runner_->set_takes_picture([this] {
      picture_.clear();
      pictures_ = 0;
      AskForPicture();
    });
  }
  ~WindowSteps() override { *alive_ = false; }

  std::string name() const override { return window_->name(); }
  std::string client_transport() const override { return window_->client_transport(); }
  bool serves_another() const override { return window_->serves_another(); }
  std::optional<LatencySamples> latencies() const override { return runner_->latencies(); }

  void Start(UiSink& sink) override {
    sink_ = &sink;
    window_->Start(*this);
  }
  void Close(const Error& why) override {
    Post([this] {
      if (!closed_) runner_->OnAppGone();
    });
    window_->Close(why);  // at once: one that has not been started yet tells nothing but that
  }

 private:
  // The window's client, and beside it the hand of the steps.
  class Session final : public WrappedClient {
   public:
    Session(WindowSteps& steps, std::unique_ptr<ClientSession> client)
        : WrappedClient(std::move(client)), steps_(steps) {}
    ~Session() override {
      if (steps_.session_ == this) steps_.session_ = nullptr;
    }

    SendResult Send(Packet&& packet) override {
      const Action action = codec().Peek(packet);
      if (action == Action::kInvokeMethod && steps_.AnsweredBySteps(codec(), packet))
        return SendResult::kAccepted;
      const Buffer copy(packet.payload.span());
      const PacketType type = packet.type;
      const SendResult result = client().Send(std::move(packet));
      if (result == SendResult::kAccepted) {
        if (type == PacketType::kData) {
          steps_.runner_->OnData(copy.span(), StepRunner::Clock::now());
        } else if (type == PacketType::kControl && action != Action::kInvokeMethod) {
          steps_.FromApp(codec(), copy);
        }
      }
      return result;
    }
    void PauseReceiving() override {
      steps_.paused_ = true;
      WrappedClient::PauseReceiving();
    }
    void ResumeReceiving() override {
      steps_.paused_ = false;
      WrappedClient::ResumeReceiving();
      steps_.Post([&steps = steps_] { steps.runner_->Resume(); });
    }

    const wire::Codec& codec() const { return wire::CodecOrNewest(generation()); }
    SendResult ToWindow(Packet&& packet) { return client().Send(std::move(packet)); }
    void ToApp(Packet&& packet) { sink().OnPacket(std::move(packet)); }

   private:
    void OnPacket(Packet&& packet) override {
      if (packet.type == PacketType::kControl) {
        Result<wire::Message> message =
            codec().Decode(Sender::kClient, packet.payload.span(), wire::Reading::kLenient);
        if (message && steps_.TakesOwnAnswer(*message)) return;
        if (message) steps_.client_.Follow(*message);
      }
      sink().OnPacket(std::move(packet));
    }

    WindowSteps& steps_;
  };

  Client NewClient() {
    Client made = Client::Beside([this](const wire::Message& message) { Out(message); });
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
      if (!closed_ && session_ != nullptr) session_->ToApp(std::move(*shared));
    });
  }

  // What the hand sends to the app. Properties are shown to the window as well, by a patch.
  void Out(const wire::Message& message) {
    if (session_ == nullptr) return;
    const auto* update = std::get_if<wire::UpdateProps>(&message);
    if (update != nullptr && update->props.AsMap() != nullptr)
      Show(update->id, *update->props.AsMap());
    for (Packet& packet : session_->codec().Encode(message)) Give(std::move(packet));
  }

  void Show(std::int64_t id, const wire::Map& props) {
    wire::Patch patch{{{wire::Place::kControl, id, {}}}, {}};
    for (const auto& [name, value] : props.entries)
      patch.changes.push_back({.key = name, .value = value});
    ToWindow(patch);
  }

  void ToWindow(const wire::Message& message) {
    if (session_ == nullptr) return;
    for (Packet& packet : session_->codec().Encode(message)) {
      if (session_->ToWindow(std::move(packet)) == SendResult::kFull)
        Log(LogLevel::kWarning, "the window takes nothing at the moment, and does not show a step");
    }
  }

  Result<Heard> Heed(const wire::Codec& codec, std::span<const std::byte> payload) {
    Result<wire::Message> message = codec.Decode(Sender::kApp, payload);
    if (!message) return message.error();
    return client_.Handle(*message);
  }

  bool AnsweredBySteps(const wire::Codec& codec, const Packet& packet) {
    const Result<Heard> heard = Heed(codec, packet.payload.span());
    return heard && *heard == Heard::kTaken;
  }

  void FromApp(const wire::Codec& codec, const Buffer& payload) {
    const auto at = StepRunner::Clock::now();
    const Result<Heard> heard = Heed(codec, payload.span());
    if (!heard) return;  // the window's client answers it itself
    if (*heard == Heard::kRegistered) runner_->OnRegistered();
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

  // ---- UiSink: what the window says.

  void OnReady() override { sink_->OnReady(); }
  void OnClient(std::unique_ptr<ClientSession> client) override {
    client_ = NewClient();
    drawn_ = false;
    auto session = std::make_unique<Session>(*this, std::move(client));
    session_ = session.get();
    sink_->OnClient(std::move(session));
  }
  void OnWindowShown(std::chrono::steady_clock::time_point when) override {
    sink_->OnWindowShown(when);
  }
  void OnFrameDrawn(std::chrono::steady_clock::time_point when) override {
    sink_->OnFrameDrawn(when);
  }
  bool WaitsForPerson() override { return sink_ != nullptr && sink_->WaitsForPerson(); }

  void OnClosed(const UiEnd& end) override {
    if (!exit_code_ && !end.why.code) runner_->OnWindowClosed();  // a person did, or the app
    closed_ = true;
    const bool by_steps = !end.why.code || exit_code_.value_or(0) != 0;
    sink_->OnClosed(by_steps ? UiEnd{{}, exit_code_.value_or(0)} : end);
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
    ToWindow(wire::InvokeMethod{wire::kPageId, std::string(kOwnCall), "take_screenshot",
                                Value::MapOf({{"pixel_ratio", {}}, {"delay", {}}})});
  }

  bool TakesOwnAnswer(const wire::Message& message) {
    const auto* answer = std::get_if<wire::MethodResult>(&message);
    if (answer == nullptr || answer->call_id != kOwnCall) return false;
    const auto* bytes = std::get_if<std::shared_ptr<wire::Bytes>>(&answer->result.content());
    if (answer->error) {
      runner_->OnPicture(MakeError(Errc::kSetup, "the client cannot make one: " + *answer->error));
    } else if (bytes != nullptr && (picture_ == (*bytes)->data || ++pictures_ == kMostPictures)) {
      runner_->OnPicture((*bytes)->data);
      picture_.clear();
    } else {
      if (bytes != nullptr) picture_ = (*bytes)->data;
      ask_again_.expires_after(kAskAgain);
      ask_again_.async_wait([this, alive = alive_](boost::system::error_code aborted) {
        if (!aborted && *alive && !closed_ && runner_->waits_for_picture()) AskForPicture();
      });
    }
    return true;
  }

  EventLoop& loop_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<UiSurface> window_;
  UiSink* sink_ = nullptr;           // set by Start()
  std::atomic<bool> paused_{false};  // any thread
  // loop only
  Client client_;
  std::unique_ptr<StepRunner> runner_;
  Session* session_ = nullptr;  // of the client that is here
  boost::asio::steady_timer ask_again_;
  std::string picture_;           // the last one, while the next is awaited
  int pictures_ = 0;              // of this step
  std::optional<int> exit_code_;  // of the steps
  bool drawn_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<UiSurface> MakeWindowSteps(EventLoop& loop, std::unique_ptr<UiSurface> window,
                                           HeadlessOptions options) {
  return std::make_unique<WindowSteps>(loop, std::move(window), std::move(options));
}

}  // namespace fletbridge
