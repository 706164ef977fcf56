#include "src/recording/replay/replay_ui.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "src/recording/diff/report.h"
#include "src/recording/replay/script.h"

namespace fletbridge {
namespace {

using recording::Recording;
using replay::Clock;
using replay::Script;

class ReplayUi final : public UiEndpoint {
 public:
  ReplayUi(EventLoop& loop, ReplayOptions options, Recording recorded, diff::Mask mask)
      : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(recorded),
                                     std::move(mask))) {}
  ~ReplayUi() override { impl_->Leave(); }

  [[nodiscard]] std::string name() const override { return "replay"; }
  void Start(UiSink& sink) override {
    impl_->sink = &sink;
    Post(&Impl::Begin);
  }
  void Close(const Error& why) override {
    impl_->loop.Post([impl = impl_, why] { impl->AppGone(why); });
  }
  [[nodiscard]] LatencySamples latencies() const override { return impl_->script.latencies(); }

  [[nodiscard]] SendResult Send(Packet&& packet) override {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->closed) return SendResult::kClosed;
    if (packet.payload.size() > impl_->limits.max_packet) return SendResult::kTooLarge;
    if (impl_->queued > impl_->limits.high_water) {
      impl_->full = true;
      return SendResult::kFull;
    }
    impl_->queued += packet.payload.size() + kPacketOverhead;
    impl_->inbox.push_back(std::move(packet));
    if (!std::exchange(impl_->drain_posted, true)) Post(&Impl::Drain);
    return SendResult::kAccepted;
  }
  [[nodiscard]] std::size_t queued_bytes() const override {
    const std::lock_guard lock(impl_->mutex);
    return impl_->queued;
  }
  void PauseReceiving() override { impl_->paused = true; }
  void ResumeReceiving() override {
    impl_->paused = false;
    Post(&Impl::Advance);
  }

 private:
  struct Impl : std::enable_shared_from_this<Impl> {
    Impl(EventLoop& event_loop, ReplayOptions&& options, Recording&& recorded, diff::Mask&& given)
        : loop(event_loop),
          file(options.file),
          limits(options.limits),
          recording(std::move(recorded)),
          mask(std::move(given)),
          script(recording, mask,
                 {options.full_speed, options.patience, std::move(options.expect_crash)},
                 {[this](Packet packet) { sink->OnPacket(std::move(packet)); },
                  [this] { NewClient(); }}),
          timer(event_loop.io()) {}

    void Begin() {
      begun = true;
      if (gone_early) return Conclude();
      Tell({UiState::kReady, {}, 0});
      Tell({UiState::kConnected, {}, 0});
      Advance();
      Drain();
    }

    void Drain() {
      if (!begun) return;
      std::deque<Packet> packets;
      {
        const std::lock_guard lock(mutex);
        drain_posted = false;
        packets.swap(inbox);
      }
      const std::uint64_t session = sessions;
      for (Packet& packet : packets) {
        if (ended) return;
        const std::size_t size = packet.payload.size() + kPacketOverhead;
        if (session == sessions) Handle(std::move(packet));
        bool writable = false;
        {
          const std::lock_guard lock(mutex);
          if (closed) return;
          queued -= size;
          writable = full && queued <= limits.low_water;
          if (writable) full = false;
        }
        if (writable && !ended) sink->OnWritable();
      }
    }

    void Handle(Packet packet) {
      const bool registered = script.registered();
      const bool drawn = script.drawn();
      if (Result<> taken = script.Take(std::move(packet), Clock::now()); !taken)
        return End(taken.error(), 70);
      if (!registered && script.registered()) Tell({UiState::kRegistered, {}, 0});
      if (!drawn && script.drawn()) Tell({UiState::kFirstFrame, {}, 0});
      Advance();
    }

    void Advance() {
      if (!begun || ended || paused || advancing) return;
      advancing = true;  // sending may end in a pause and its end
      const std::optional<Clock::time_point> next = script.Advance(Clock::now());
      advancing = false;
      if (ended) return;
      if (script.finished()) return Conclude();
      if (!next) return;
      timer.expires_at(*next);
      timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->Advance();
      });
    }

    void NewClient() {
      ++sessions;
      Tell({UiState::kDisconnected, {}, 0});
      bool writable = false;
      {
        // What came before is of the old session.
        const std::lock_guard lock(mutex);
        for (const Packet& packet : inbox) queued -= packet.payload.size() + kPacketOverhead;
        inbox.clear();
        writable = full && queued <= limits.low_water;
        if (writable) full = false;
      }
      if (writable) sink->OnWritable();
      Tell({UiState::kConnected, {}, 0});
    }

    void AppGone(const Error& why) {
      if (ended) return;
      if (!begun) {
        gone_early = why;
        return;
      }
      Drain();
      if (!ended) Conclude();
    }

    void Conclude() {
      const diff::Comparison verdict = script.Verdict();
      if (verdict.same()) {
        if (!script.crash().empty()) {
          return End(MakeError(Errc::kPeerMisbehaved,
                               "replay of " + file + ": the same, but as in the recording the " +
                                   "app raised: " + script.crash() +
                                   "; --expect-crash TEXT says that it may"),
                     1);
        }
        Log(LogLevel::kInfo, "replay of " + file + ": " + diff::Headline(verdict));
        return End({}, 0);
      }
      End(MakeError(Errc::kPeerMisbehaved,
                    "replay of " + file + ": " + diff::Headline(verdict) +
                        "; the first: " + diff::OneLine(verdict.differences.front())),
          1);
    }

    void Tell(const UiEvent& event) {
      if (!ended) sink->OnUiEvent(event);
    }

    // The last call out. What the app sends from now on is refused.
    void End(const Error& why, int exit_code) {
      if (ended) return;
      ended = true;
      timer.cancel();
      {
        const std::lock_guard lock(mutex);
        closed = true;
        inbox.clear();
        queued = 0;
      }
      if (sink != nullptr) sink->OnUiEvent({UiState::kClosed, why, exit_code});
    }

    void Leave() {
      sink = nullptr;
      End({}, 0);
    }

    // set in constructor
    EventLoop& loop;
    const std::string file;
    const FlowLimits limits;
    const Recording recording;
    const diff::Mask mask;
    UiSink* sink = nullptr;  // set by Start()

    std::atomic<bool> paused{false};  // any thread

    // loop only
    Script script;
    boost::asio::steady_timer timer;
    bool begun = false;
    bool advancing = false;
    bool ended = false;
    std::uint64_t sessions = 0;
    std::optional<Error> gone_early;  // Close() came before Start()

    // under mutex
    mutable std::mutex mutex;
    std::deque<Packet> inbox;
    std::size_t queued = 0;
    bool full = false;  // somebody was told so and waits for OnWritable()
    bool closed = false;
    bool drain_posted = false;
  };

  void Post(void (Impl::*method)()) {
    impl_->loop.Post([impl = impl_, method] { (impl.get()->*method)(); });
  }

  std::shared_ptr<Impl> impl_;  // shared with what waits on the loop
};

}  // namespace

Result<std::unique_ptr<UiEndpoint>> MakeReplayUi(EventLoop& loop, ReplayOptions options) {
  Result<diff::Mask> mask = diff::Mask::Of(options.masks);
  if (!mask) return mask.error();
  Result<Recording> recorded = Recording::Load(options.file);
  if (!recorded) return recorded.error();
  if (recorded->beginning_missing() || recorded->packets() == 0) {
    return MakeError(Errc::kUsage, "cannot replay " + options.file +
                                       ": the client's registration is not in it; name a recording "
                                       "with its beginning");
  }
  for (const std::string& flaw : recorded->flaws())
    Log(LogLevel::kWarning, options.file + ": " + flaw);
  return std::unique_ptr<UiEndpoint>(
      std::make_unique<ReplayUi>(loop, std::move(options), std::move(*recorded), std::move(*mask)));
}

}  // namespace fletbridge
