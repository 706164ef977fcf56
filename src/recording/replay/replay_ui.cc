#include "src/recording/replay/replay_ui.h"

#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/transport/local_client.h"
#include "src/recording/diff/report.h"
#include "src/recording/replay/script.h"

namespace fletbridge {
namespace {

using recording::Recording;
using replay::Clock;
using replay::Script;

class ReplayUi final : public UiSurface {
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
  [[nodiscard]] std::optional<LatencySamples> latencies() const override {
    return impl_->script.latencies();
  }

 private:
  struct Impl : std::enable_shared_from_this<Impl> {
    Impl(EventLoop& event_loop, ReplayOptions&& options, Recording&& recorded, diff::Mask&& given)
        : loop(event_loop),
          file(options.file),
          recording(std::move(recorded)),
          mask(std::move(given)),
          script(
              recording, mask,
              {options.full_speed, options.patience, std::move(options.expect_crash)},
              {[this](Packet packet) { app->ToApp(std::move(packet)); }, [this] { NewClient(); }}),
          app(std::make_shared<LocalClient>(
              loop, options.limits,
              LocalClient::Hooks{
                  .start = [this] { Advance(); },
                  .on_packet = [this](Packet&& packet) { Handle(std::move(packet)); },
                  .resumed = [this] { Advance(); },
                  .sent_away = {}})),
          timer(event_loop.io()) {}

    void Begin() {
      begun = true;
      if (gone_early) return Conclude();
      sink->OnReady();
      sink->OnClient(app->Session());
    }

    void Handle(Packet packet) {
      if (Result<> taken = script.Take(std::move(packet), Clock::now()); !taken)
        return End(taken.error(), 70);
      Advance();
    }

    void Advance() {
      if (!begun || ended || app->paused() || advancing) return;
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

    // The recorded client went, and another came.
    void NewClient() {
      app->Leave({});
      sink->OnClient(app->Session());
    }

    void AppGone(const Error& why) {
      if (ended) return;
      if (!begun) {
        gone_early = why;
        return;
      }
      app->Drain();
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

    // The last call out. What the app sends from now on is refused.
    void End(const Error& why, int exit_code) {
      if (ended) return;
      ended = true;
      timer.cancel();
      app->Close();
      if (sink != nullptr) sink->OnClosed({why, exit_code});
    }

    void Leave() {
      sink = nullptr;
      End({}, 0);
    }

    // set in constructor
    EventLoop& loop;
    const std::string file;
    const Recording recording;
    const diff::Mask mask;
    UiSink* sink = nullptr;  // set by Start()

    // loop only
    Script script;
    const std::shared_ptr<LocalClient> app;  // its side of us
    boost::asio::steady_timer timer;
    bool begun = false;
    bool advancing = false;
    bool ended = false;
    std::optional<Error> gone_early;  // Close() came before Start()
  };

  void Post(void (Impl::*method)()) {
    impl_->loop.Post([impl = impl_, method] { (impl.get()->*method)(); });
  }

  std::shared_ptr<Impl> impl_;  // shared with what waits on the loop
};

}  // namespace

Result<std::unique_ptr<UiSurface>> MakeReplayUi(EventLoop& loop, ReplayOptions options) {
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
  return std::unique_ptr<UiSurface>(
      std::make_unique<ReplayUi>(loop, std::move(options), std::move(*recorded), std::move(*mask)));
}

}  // namespace fletbridge
