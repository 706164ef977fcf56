#include "src/ui/headless/headless_ui.h"

#include <utility>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/transport/local_client.h"
#include "src/ui/headless/client.h"
#include "src/ui/headless/live_steps.h"
#include "src/ui/headless/step_runner.h"

namespace fletbridge {

using headless::Client;
using headless::Heard;
using headless::LiveSteps;
using headless::StepRunner;

// The time from the last change to the exception that main() or a handler raised after it.
constexpr std::chrono::milliseconds kQuietTime{100};
constexpr std::size_t kMostClickables = 5000;

struct HeadlessUi::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, HeadlessOptions&& options)
      : loop(event_loop),
        renews(options.renews),
        width(options.width),
        height(options.height),
        app(std::make_shared<LocalClient>(
            loop, options.limits,
            LocalClient::Hooks{.start = [this] { Register(); },
                               .on_packet = [this](Packet&& packet) { Handle(std::move(packet)); },
                               .resumed =
                                   [this] {
                                     if (runner) runner->Resume();
                                   },
                               .sent_away =
                                   [this] {
                                     if (renews) Post(&Impl::NewSession);
                                   }})),
        client(NewClient()) {
    if (!options.live_steps.empty()) {
      options.steps.emplace();
      live = std::make_unique<LiveSteps>(
          loop, std::move(options.live_steps),
          LiveSteps::Calls{
              .run = [this](Steps steps, headless::LiveRun how) { RunLive(std::move(steps), how); },
              .clickables =
                  [this](const std::optional<Finder>& finder) {
                    return headless::Clickables(client.tree(), finder, kMostClickables);
                  },
              .read =
                  [this](const Finder& finder) {
                    return headless::ReadText(client.tree(), finder);
                  },
              .hung_up = [this](const Error& why) { End(why, why.code ? 70 : 0); }});
    }
    if (options.steps) {
      runner = std::make_unique<StepRunner>(
          loop, client, std::move(*options.steps), std::move(options.flet_package),
          live ? std::chrono::milliseconds(0) : kQuietTime, live != nullptr, app->paused(),
          [this](Buffer data) { OutData(std::move(data)); },
          [this](int exit_code) { StepsEnded(exit_code); });
      runner->set_first_frame_time(options.first_frame,
                                   [this] { return sink != nullptr && sink->WaitsForPerson(); });
    }
  }

  Client NewClient() {
    Client made(width, height, [this](const wire::Message& message) { Out(message); });
    made.set_takes_call([this](std::string_view type, const wire::InvokeMethod& call) {
      return runner != nullptr && !ended && runner->TakesCall(type, call);
    });
    return made;
  }

  void Post(void (Impl::*method)()) {
    loop.Post([self = shared_from_this(), method] { (self.get()->*method)(); });
  }

  void Begin() {
    begun = true;
    if (gone_early) return AppGone(*gone_early);
    sink->OnReady();
    NewSession();
  }

  // The first one, or the next where the app has ended one: the steps go on, with what it shows.
  void NewSession() {
    if (ended) return;
    if (had_session) client = NewClient();
    registered = drawn = false;
    sink->OnClient(app->Session());
  }

  void Register() {
    if (!std::exchange(had_session, true) && live) live->Start();
    if (!ended) client.SendRegister();
  }

  void Handle(Packet packet) {
    const auto at = StepRunner::Clock::now();
    if (packet.type == PacketType::kData) {
      if (runner) runner->OnData(packet.payload.span(), at);
      return;
    }
    if (packet.type != PacketType::kControl) return;  // Flet drops unknown types
    Result<wire::Message> message = wire::Newest().Decode(Sender::kApp, packet.payload.span());
    if (!message) return End(message.error(), 70);
    const Result<Heard> heard = client.Handle(*message);
    if (!heard) return End(heard.error(), 70);
    Heard now = *heard;
    if (packet.goes_on && (now == Heard::kPatched || now == Heard::kNothing)) {
      is_half_changed = is_half_changed || now == Heard::kPatched;
      return;
    }
    if (std::exchange(is_half_changed, false) && now == Heard::kNothing) now = Heard::kPatched;
    switch (now) {
      case Heard::kNothing:
      case Heard::kTaken:
        return;
      case Heard::kRegistered:
        registered = true;
        registered_at = at;
        if (runner) runner->OnRegistered();
        return;
      case Heard::kPatched:
        if (registered && !std::exchange(drawn, true)) first_patch_at = at;
        if (runner && !ended) runner->OnPatch(at);
        return;
      case Heard::kCrashed: {
        const bool expected = runner && runner->ClaimCrash(client.last_crash());
        Log(expected ? LogLevel::kDebug : LogLevel::kError,
            "the app raised: " + wire::CrashText(client.last_crash()));
        // The runner has no step in progress that would report it.
        if (live && (waits_for_steps || !first_frame_told)) return End({}, 1);
        if (runner) runner->OnCrash(client.last_crash(), expected);
        return;
      }
      case Heard::kWindowClosed:
        if (Idle()) return End({}, 0);
        return runner->OnWindowClosed();
    }
  }

  void AppGone(const Error& why) {
    if (ended) return;
    if (!begun) {
      gone_early = why;
      return;
    }
    app_gone = why;
    if (Idle()) return End(why, 0);
    runner->OnAppGone();
  }

  // No step is in progress that the end of the app could interrupt.
  bool Idle() const { return !runner || (live && waits_for_steps); }

  void RunLive(Steps steps, headless::LiveRun how) {
    waits_for_steps = false;
    runner->RunMore(std::move(steps), how);
  }

  void StepsEnded(int exit_code) {
    if (live) {
      if (!first_frame_told) {
        if (!drawn) return End(app_gone, exit_code);  // it has ended, or takes too long
        first_frame_told = true;
        live->TellFirstFrame(StepRunner::Clock::now(), first_patch_at - registered_at);
      } else {
        live->TellResult(exit_code, *runner);
      }
      waits_for_steps = exit_code == 0;
      if (waits_for_steps) return;
    }
    // A failed step has been printed: there is nothing more to say.
    End(exit_code == 0 ? app_gone : Error(), exit_code);
  }

  void Out(const wire::Message& message) {
    for (Packet& packet : wire::Newest().Encode(message)) app->ToApp(std::move(packet));
  }
  void OutData(Buffer data) { app->ToApp(Packet{PacketType::kData, std::move(data)}); }

  // The last call out. What the app sends from now on is refused.
  void End(const Error& why, int exit_code) {
    if (ended) return;
    ended = true;
    app->Close();
    if (sink != nullptr) sink->OnClosed({why, exit_code});
  }

  // set in constructor
  EventLoop& loop;
  const bool renews;
  const double width;
  const double height;
  UiSink* sink = nullptr;  // set by Start()

  // loop only
  const std::shared_ptr<LocalClient> app;  // its side of us
  Client client;
  std::unique_ptr<StepRunner> runner;
  std::unique_ptr<LiveSteps> live;
  bool first_frame_told = false;
  bool waits_for_steps = false;  // live steps: all so far have been executed
  bool begun = false;
  bool had_session = false;
  std::optional<Error> gone_early;  // Close() came before Start()
  bool registered = false;
  bool drawn = false;
  bool is_half_changed = false;  // the rest is in the next packet
  StepRunner::Clock::time_point registered_at, first_patch_at;
  bool ended = false;
  Error app_gone;  // given by Close()
};

HeadlessUi::HeadlessUi(EventLoop& loop, HeadlessOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

HeadlessUi::~HeadlessUi() {
  impl_->sink = nullptr;
  impl_->End({}, 0);
}

void HeadlessUi::Start(UiSink& sink) {
  impl_->sink = &sink;
  impl_->Post(&Impl::Begin);
}

void HeadlessUi::Close(const Error& why) {
  impl_->loop.Post([impl = impl_, why] { impl->AppGone(why); });
}

bool HeadlessUi::serves_another() const { return impl_->renews; }

std::optional<LatencySamples> HeadlessUi::latencies() const {
  return impl_->runner ? impl_->runner->latencies() : LatencySamples();
}

}  // namespace fletbridge
