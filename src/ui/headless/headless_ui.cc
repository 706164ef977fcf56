#include "src/ui/headless/headless_ui.h"

#include <atomic>
#include <deque>
#include <mutex>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "src/ui/headless/client.h"
#include "src/ui/headless/live_steps.h"
#include "src/ui/headless/step_runner.h"

namespace fletbridge {

using headless::Client;
using headless::Heard;
using headless::LiveSteps;
using headless::StepRunner;

// From the last change to the exception that main() or a handler raised behind it.
constexpr std::chrono::milliseconds kQuietTime{100};
constexpr std::size_t kMostClickables = 5000;

struct HeadlessUi::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, HeadlessOptions&& options)
      : loop(event_loop),
        limits(options.limits),
        renews(options.renews),
        width(options.width),
        height(options.height),
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
          live ? std::chrono::milliseconds(0) : kQuietTime, live != nullptr, paused,
          [this](Buffer data) { OutData(std::move(data)); },
          [this](int exit_code) { StepsEnded(exit_code); });
      runner->set_first_frame_time(options.first_frame,
                                   [this] { return sink != nullptr && sink->WaitsForPerson(); });
    }
  }

  Client NewClient() {
    Client made(width, height, [this](Buffer message) { Out(std::move(message)); });
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
    Tell({UiState::kReady, {}, 0});
    Tell({UiState::kConnected, {}, 0});
    if (live) live->Start();
    if (ended) return;
    client.SendRegister();
    const std::lock_guard lock(mutex);
    drain_allowed = true;
    if (!inbox.empty()) PostDrain();
  }

  SendResult Take(Packet&& packet) {
    const std::lock_guard lock(mutex);
    if (closed) return SendResult::kClosed;
    if (packet.payload.size() > limits.max_packet) return SendResult::kTooLarge;
    if (queued > limits.high_water) {
      full = true;
      return SendResult::kFull;
    }
    queued += packet.payload.size() + kPacketOverhead;
    inbox.push_back(std::move(packet));
    PostDrain();
    return SendResult::kAccepted;
  }

  void PostDrain() {  // under mutex
    if (drain_allowed && !std::exchange(drain_posted, true)) Post(&Impl::Drain);
  }

  void Drain() {
    std::deque<Packet> packets;
    {
      const std::lock_guard lock(mutex);
      drain_posted = false;
      packets.swap(inbox);
    }
    for (Packet& packet : packets) {
      if (ended) return;
      const std::size_t size = packet.payload.size() + kPacketOverhead;
      Handle(std::move(packet));
      bool writable = false;
      {
        const std::lock_guard lock(mutex);
        if (closed) return;
        queued -= size;
        if (full && queued <= limits.low_water) {
          full = false;
          writable = true;
        }
      }
      if (writable) sink->OnWritable();
    }
  }

  void Handle(Packet packet) {
    const auto at = StepRunner::Clock::now();
    if (packet.type == PacketType::kData) {
      if (runner) runner->OnData(packet.payload.span(), at);
      return;
    }
    if (packet.type != PacketType::kControl) return;  // Flet drops unknown types
    const Result<Heard> heard = client.Handle(packet.payload.span());
    if (!heard) return End(heard.error(), 70);
    switch (*heard) {
      case Heard::kNothing:
      case Heard::kTaken:
        return;
      case Heard::kRegistered:
        registered = true;
        registered_at = at;
        if (runner) runner->OnRegistered();
        return Tell({UiState::kRegistered, {}, 0});
      case Heard::kPatched:
        if (registered && !std::exchange(drawn, true)) {
          first_patch_at = at;
          Tell({UiState::kFirstFrame, {}, 0});
        }
        if (runner && !ended) runner->OnPatch(at);
        return;
      case Heard::kCrashed: {
        const bool expected = runner && runner->ClaimCrash(client.last_crash());
        Log(expected ? LogLevel::kDebug : LogLevel::kError,
            "the app raised: " + wire::CrashText(client.last_crash()));
        // Nobody would hear of it from the runner, which has nothing to do.
        if (live && (waits_for_steps || !first_frame_told)) return End({}, 1);
        if (runner) runner->OnCrash(client.last_crash(), expected);
        return;
      }
      case Heard::kWindowClosed:
        if (Idle()) return End({}, 0);
        return runner->OnWindowClosed();
    }
  }

  // The app has ended the session. The steps go on in the next one, with what it shows.
  void Renew(const Error& why) {
    if (ended) return;
    bool was_full = false;
    {
      const std::lock_guard lock(mutex);
      inbox.clear();
      queued = 0;
      was_full = std::exchange(full, false);
    }
    if (was_full) sink->OnWritable();
    Tell({UiState::kDisconnected, MakeError(Errc::kClosed, why.Line()), 0});  // nobody has gone
    client = NewClient();
    registered = drawn = false;
    Tell({UiState::kConnected, {}, 0});
    client.SendRegister();
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

  // Nothing is to be done now that the end of the app could leave undone.
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

  void Out(Buffer message) {
    if (!ended) sink->OnPacket(Packet{PacketType::kControl, std::move(message)});
  }

  void OutData(Buffer data) {
    if (!ended) sink->OnPacket(Packet{PacketType::kData, std::move(data)});
  }

  void Tell(const UiEvent& event) {
    if (!ended) sink->OnUiEvent(event);
  }

  // The last call out. What the app sends from now on is refused.
  void End(const Error& why, int exit_code) {
    if (ended) return;
    ended = true;
    {
      const std::lock_guard lock(mutex);
      closed = true;
      inbox.clear();
      queued = 0;
    }
    if (sink != nullptr) sink->OnUiEvent({UiState::kClosed, why, exit_code});
  }

  // set in constructor
  EventLoop& loop;
  const FlowLimits limits;
  const bool renews;
  const double width;
  const double height;
  UiSink* sink = nullptr;  // set by Start()

  std::atomic<bool> paused{false};  // any thread

  // loop only
  Client client;
  std::unique_ptr<StepRunner> runner;
  std::unique_ptr<LiveSteps> live;
  bool first_frame_told = false;
  bool waits_for_steps = false;  // live: all that came have been done
  bool begun = false;
  std::optional<Error> gone_early;  // Close() came before Start()
  bool registered = false;
  bool drawn = false;
  StepRunner::Clock::time_point registered_at, first_patch_at;
  bool ended = false;
  Error app_gone;  // given by Close()

  // under mutex
  mutable std::mutex mutex;
  std::deque<Packet> inbox;
  std::size_t queued = 0;  // bytes accepted and not handled yet
  bool full = false;       // somebody was told so and waits for OnWritable()
  bool closed = false;
  bool drain_allowed = false;  // not before Start(): there is no sink
  bool drain_posted = false;
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

bool HeadlessUi::EndSession(const Error& why) {
  if (!impl_->renews) return false;
  impl_->loop.Post([impl = impl_, why] { impl->Renew(why); });
  return true;
}

LatencySamples HeadlessUi::latencies() const {
  return impl_->runner ? impl_->runner->latencies() : LatencySamples();
}

SendResult HeadlessUi::Send(Packet&& packet) { return impl_->Take(std::move(packet)); }

std::size_t HeadlessUi::queued_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->queued;
}

void HeadlessUi::PauseReceiving() { impl_->paused = true; }

void HeadlessUi::ResumeReceiving() {
  impl_->paused = false;
  impl_->loop.Post([impl = impl_] {
    if (impl->runner) impl->runner->Resume();
  });
}

}  // namespace fletbridge
