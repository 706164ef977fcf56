#include "src/host/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <signal.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/platform/process.h"
#include "common/platform/signals.h"
#include "common/process/last_resort.h"
#include "common/process/surroundings.h"
#include "src/host/bound_session.h"
#include "src/host/pipeline/crash_watch.h"
#include "src/host/pipeline/shared_filters.h"
#include "src/host/verdict.h"

namespace fletbridge {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kUiCloseDeadline = 2000ms;
// How long a slow disk may delay the end.
constexpr auto kDiskDeadline = 2000ms;
// How long ending by force may take in all.
constexpr auto kLastResort = 6000ms;
constexpr int kKilledCode = 137;
constexpr std::size_t kLongestWish = 2000;
constexpr int kFailureCode = 70;

// Where the UI has several clients at a time, each has a session of the app of its own, and one
// more waits, connected, for the next client. Else one object serves one client after another.
class Session final : private LifeOrders, private BoundSession::Events {
 public:
  explicit Session(SessionParts parts)
      : parts_(std::move(parts)),
        loop_(*parts_.loop),
        app_(*parts_.app),
        ui_(*parts_.ui),
        in_process_(app_.capabilities().in_process),
        has_many_(ui_.clients() > 1),
        client_generation_(parts_.client_generation),
        app_side_(*this),
        ui_side_(*this),
        life_(*this, parts_.patience, in_process_),
        signals_(loop_.io()) {
    for (std::unique_ptr<asio::steady_timer>& timer : timers_)
      timer = std::make_unique<asio::steady_timer>(loop_.io());
    if (has_many_) shared_filters_.emplace(Filters());
    AddSession();
    sessions_.back()->OpenApp();
  }

  ~Session() { signals_.release(); }

  int Run() {
    if (!in_process_) {
      if (Result<> taken = TakeSignals(); !taken) {
        life_.Failure(taken.error());
        return Finish(kFailureCode);
      }
    }
    // An exception in a handler ends the session, but not the process, which may be the app's.
    loop_.OnFailure([this](const std::string& what) {
      life_.Failure(MakeError(Errc::kLimit, "fletbridge itself has failed: " + what));
    });
    loop_.Start();
    ui_.Start(ui_side_);
    if (!AwaitDecision()) return Finish(kFailureCode);
    // On this thread: PR_SET_PDEATHSIG ties a child's life to the thread that has started it.
    app_.Start(app_side_);
    loop_.Post([this] { life_.AppStarted(); });
    return app_.RunOnMainThread([this](int code) { return Finish(code); });
  }

 private:
  // Both sides have the same sink methods; these two classes tell the sides apart.
  struct AppSide final : AppSink {
    explicit AppSide(Session& owner) : session(owner) {}
    void OnListening() override { session.life_.AppListening(); }
    void OnConnected() override { session.life_.AppConnected(); }
    void OnUnreachable(const Error& why) override { session.life_.AppUnreachable(why); }
    void OnWord(AppWord word, int number) override { session.OnWord(word, number); }
    void OnSignal(int signal, bool handled) override { session.life_.Signal(signal, handled); }
    void OnExited(int code, const Error& why) override { session.life_.AppExited(code, why); }
    Session& session;
  };
  struct UiSide final : UiSink {
    explicit UiSide(Session& owner) : session(owner) {}
    void OnReady() override {
      Log(LogLevel::kDebug, "ui ready");
      session.life_.UiReady();
    }
    void OnClient(std::unique_ptr<ClientSession> client) override {
      session.OnClient(std::move(client));
    }
    void OnClosed(const UiEnd& end) override { session.OnUiClosed(end); }
    void OnDrained() override { session.life_.UiDrained(); }
    bool WaitsForPerson() override { return session.WaitsForPerson(); }
    void OnWindowShown(SteadyTime when) override {
      session.parts_.timeline->Mark(Milestone::kWindowShown, when);
    }
    void OnFrameDrawn(SteadyTime when) override {
      session.parts_.timeline->Mark(Milestone::kFrameDrawn, when);
      // In direct mode only the window is known.
      if (!session.app_.direct_address().empty()) session.TellFirstFrame();
    }
    Session& session;
  };

  std::vector<std::unique_ptr<Filter>> Filters() {
    std::vector<std::unique_ptr<Filter>> filters = std::move(parts_.filters);
    if (parts_.crash_fails) {
      auto crashes = std::make_unique<CrashWatch>();
      crashes_ = crashes.get();
      filters.push_back(std::move(crashes));
    }
    return filters;
  }

  void AddSession() {
    sessions_.push_back(std::make_unique<BoundSession>(
        loop_, app_, static_cast<BoundSession::Events&>(*this), parts_.app_generation,
        shared_filters_ ? shared_filters_->ForSession() : Filters(), parts_.max_packet));
  }

  // In a task of its own, since it may be called by what it destroys.
  void DropSession(BoundSession& session) {
    session.SendClientAway();
    session.EndApp(false);
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const auto& one) { return one.get() == &session; });
    if (found == sessions_.end()) return;
    Count(session);
    loop_.Post([over = std::shared_ptr<BoundSession>(std::move(*found))] {});
    sessions_.erase(found);
  }

  static void Add(Pipeline::Traffic& sum, const Pipeline::Traffic& its) {
    sum.packets += its.packets;
    sum.bytes += its.bytes;
  }
  // Adds the figures of a session that is over.
  void Count(const BoundSession& session) {
    Add(past_to_app_, session.pipeline().to_app());
    Add(past_to_ui_, session.pipeline().to_client());
    past_latencies_.Add(session.samples());
  }

  bool HasClient() const {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [](const auto& session) { return session->has_client(); });
  }

  LatencySamples Latencies() const {
    if (std::optional<LatencySamples> its = ui_.latencies()) return *its;
    LatencySamples all = past_latencies_;
    for (const auto& session : sessions_) all.Add(session->samples());
    return all;
  }

  // An exception of the app fails the run.
  Verdict WithCrash(Verdict verdict) const {
    if (verdict.code != 0 || crashes_ == nullptr || crashes_->raised().empty()) return verdict;
    const std::string line = "the app raised: " + crashes_->raised();
    return {1, line, LogLevel::kError, line};
  }

  // Stage 1: signals are read from a descriptor, which tells who has sent them.
  Result<> TakeSignals() {
    const sigset_t taken = HoldSignals();
    signal_reader_.emplace(taken);
    if (signal_reader_->fd() < 0)
      return MakeError(Errc::kSetup,
                       "cannot watch for signals: " + CauseAndRemedy(errno, "try again"));
    signals_.assign(signal_reader_->fd());
    ReadSignals();
    return {};
  }

  void ReadSignals() {
    signals_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [this](boost::system::error_code error) {
                          if (error) return;
                          while (const auto signal = signal_reader_->Take()) {
                            // The terminal sends its signals to the app as well.
                            life_.Signal(signal->number, signal->from_terminal);
                          }
                          ReadSignals();
                        });
  }

  void OnWord(AppWord word, int number) {
    if (word == AppWord::kWish) {
      if (wish_.size() < kLongestWish) wish_ += static_cast<char>(number);
      return;
    }
    if (word == AppWord::kRuns && !std::exchange(runs_, true)) {
      ui_.OnAppRuns(wish_);
      if (!wish_.empty() && parts_.report.requested.ui == "auto" && ui_.name() != "web") {
        Log(LogLevel::kInfo, "the app asks for a browser, and " + ui_.name() +
                                 " shows it; start it with --web for one");
      }
    }
    if (word == AppWord::kPythonReady) parts_.timeline->Mark(Milestone::kPythonReady);
    if (word == AppWord::kRuns) parts_.timeline->Mark(Milestone::kAppImported);
    life_.AppSaid(word, number);
    // ft.run() returns once the report of the session's end is written.
    if (word == AppWord::kReturned && !writing_end_) app_.Acknowledge();
  }

  // ---- BoundSession::Events

  void OnRegistered(BoundSession& session) override {
    Log(LogLevel::kDebug, "ui registered");
    client_generation_.store(session.client_generation());
    life_.ClientRegistered();
    parts_.timeline->Mark(Milestone::kRegistered);
  }

  void OnFirstFrame(BoundSession& /*session*/) override {
    Log(LogLevel::kDebug, "ui first frame");
    parts_.timeline->Mark(Milestone::kFirstFrame);
    TellFirstFrame();
  }

  void OnLatency(std::uint64_t nanoseconds) override { ui_.OnLatency(nanoseconds); }

  void OnLost(BoundSession& session, const Error& why) override {
    lost_ = &session;
    life_.SessionLost(why);
    lost_ = nullptr;
  }

  void OnNoSession(BoundSession& session, const Error& why) override {
    if (!has_many_) return life_.Failure(why);
    if (!session.has_client()) return;  // the next client asks again
    Log(LogLevel::kWarning, "a client is sent away: " + why.Line());
    EndOne(session);
  }

  // Disconnects a client that sends invalid data; the UI may serve another one.
  void OnClientUnclear(BoundSession& session, const Error& why) override {
    if (!ui_.serves_another()) return ui_.Close(why);
    session.SendClientAway();
    OnClientGone(session, why);
  }

  void OnClient(std::unique_ptr<ClientSession> client) {
    Log(LogLevel::kDebug, "ui connected");
    if (sessions_.empty() || (has_many_ && sessions_.back()->has_client())) AddSession();
    BoundSession& session = *sessions_.back();
    life_.ClientConnected();
    session.Take(std::move(client));
    if (!has_many_) return;
    loop_.Post([this] {
      if (!sessions_.empty() && !sessions_.back()->has_client()) return;
      AddSession();
      sessions_.back()->OpenApp();
    });
  }

  void OnClientGone(BoundSession& session, const Error& why) override {
    Log(LogLevel::kDebug, "ui disconnected");
    if (why.code == Errc::kPeerMisbehaved || why.code == Errc::kCut) {
      Log(has_many_ ? LogLevel::kWarning : LogLevel::kError,
          "the client's session ended: " + why.Line());
    } else {
      Log(has_many_ ? LogLevel::kDebug : LogLevel::kInfo,
          "the client has gone; waiting for the next");
    }
    if (has_many_) return EndOne(session);
    session.SendClientAway();
    life_.ClientGone();
    session.EndApp(true);
  }

  // Of several.
  void EndOne(BoundSession& session) {
    DropSession(session);
    if (!HasClient()) life_.ClientGone();
  }

  void OnUiClosed(const UiEnd& end) {
    Log(LogLevel::kDebug, "ui closed");
    {
      const std::lock_guard lock(mutex_);
      ui_closed_ = true;
    }
    life_.UiClosed(end);
    changed_.notify_all();
  }

  void TellFirstFrame() {
    if (std::exchange(first_frame_, true)) return;
    parts_.first_frame();
    if (parts_.accelerators) parts_.accelerators->SayWhatIsOn();
  }

  // ---- LifeOrders; the loop's thread.

  void StartApp() override { Decide(true); }
  void StayUnstarted() override { Decide(false); }
  void Leave() override { app_.Leave(); }
  void PassSignal(int signal, bool app_has_it) override { app_.PassSignal(signal, app_has_it); }
  void Interrupt() override {
    EndProcessAfter(kLastResort, kKilledCode);
    app_.Interrupt();
  }
  void Kill() override {
    EndProcessAfter(kLastResort, kKilledCode);
    app_.Kill();
  }
  void CloseUi(const Error& why) override { ui_.Close(why); }
  void DrainUi() override { ui_.Drain(); }
  bool EndUiSession(const Error& why) override {
    if (!ui_.serves_another()) return false;
    Log(LogLevel::kDebug, "the client is sent away: " + why.Line());
    if (has_many_) {
      if (lost_ != nullptr) {
        EndOne(*lost_);
        return true;
      }
      while (!sessions_.empty()) DropSession(*sessions_.back());
      life_.ClientGone();
      return true;
    }
    BoundSession& session = *sessions_.back();
    // With hot reload there is a next session for sure, and a client that has said nothing yet
    // registers there: Flet's own comes back twice at once if it is sent away between its
    // connection and that, and then the two keep one another out.
    const bool stays =
        parts_.reloads != nullptr && session.has_client() && !session.client_speaks();
    if (session.has_client() && !stays) {
      session.SendClientAway();
      life_.ClientGone();
    }
    // The app may be about to exit, or end every session, so its next session is opened only when a
    // client comes.
    session.EndApp(stays);
    return true;
  }

  void Arm(LifeTimer timer, std::chrono::milliseconds time) override {
    asio::steady_timer& clock = *timers_[static_cast<std::size_t>(timer)];
    clock.expires_after(time);
    clock.async_wait([this, timer](boost::system::error_code error) {
      if (!error) life_.Expired(timer);
    });
  }
  void Disarm(LifeTimer timer) override {
    timers_[static_cast<std::size_t>(timer)]->cancel();
    // After a late acknowledgement the app has time again; an ended one does not need it.
    if (timer == LifeTimer::kEnd && !life_.app_has_exited()) CancelEndOfProcess();
  }

  bool WaitsForPerson() override {
    for (const ProcessInfo& process : app_.processes()) {
      if (process.role == (in_process_ ? "host" : "app") && platform::HoldsUpByPerson(process.pid))
        return true;
    }
    return false;
  }

  void Say(LogLevel level, const std::string& text) override { Log(level, text); }

  void OnAppEvent(const AppEvent& event) override {
    static constexpr const char* kNames[] = {"starting", "listening", "connected", "closed",
                                             "exited"};
    Log(LogLevel::kDebug,
        std::string("app ") + kNames[static_cast<int>(event.state)] +
            (event.state == AppState::kExited ? " with " + std::to_string(event.exit_code) : ""));
    if (event.state != AppState::kListening) return;
    parts_.timeline->Mark(Milestone::kAppListening);
    ui_.OnAppReady();
  }

  // Writes the report of the session's end now, since the process may crash during the
  // interpreter's shutdown; on a thread of its own, since the disk may be slow.
  void OnSessionEnded() override {
    Verdict verdict = WithCrash(JudgeSession(life_));
    verdict.reason += "; the app had not ended yet";
    auto write = std::make_shared<std::packaged_task<void()>>(
        [this, report = Report(verdict), end = EndOf(verdict, 0)] {
          EndOnce(end);
          // To a pipe or a terminal the report is written only once, at the end.
          if (!parts_.report_file.empty() && IsFile(parts_.report_file))
            (void)WriteReport(parts_.report_file, report);
          loop_.Post([this] {
            writing_end_ = false;
            app_.Acknowledge();
          });
        });
    end_written_ = write->get_future();
    writing_end_ = true;
    try {
      std::thread([write] { (*write)(); }).detach();
    } catch (const std::exception&) {  // no thread: the report is written at the end
      writing_end_ = false;
      end_written_ = {};
    }
  }

  // ---- The main thread, on which the app may run.

  void Decide(bool start) {
    const std::lock_guard lock(mutex_);
    decision_ = start;
    changed_.notify_all();
  }

  bool AwaitDecision() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return decision_.has_value(); });
    return *decision_;
  }

  // Neither a pipe nor a terminal; a path where nothing exists becomes a file.
  static bool IsFile(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
  }

  RunReport Report(const Verdict& verdict) {
    RunReport report = parts_.report;
    report.used.ui = ui_.name();  // which may be the app's wish
    report.used.ui_leg = ui_.client_transport();
    for (const ProcessInfo& process : app_.processes())
      report.processes.push_back({process.role, process.pid});
    report.SetTimeline(*parts_.timeline);
    if (app_.direct_address().empty()) {  // in direct mode none pass through us
      Pipeline::Traffic to_app = past_to_app_;
      Pipeline::Traffic to_ui = past_to_ui_;
      for (const auto& session : sessions_) {
        Add(to_app, session->pipeline().to_app());
        Add(to_ui, session->pipeline().to_client());
      }
      report.packets.to_app = {to_app.packets, to_app.bytes};
      report.packets.to_ui = {to_ui.packets, to_ui.bytes};
    }
    if (parts_.accelerators) parts_.accelerators->AddTo(report);
    const LatencySamples latencies = Latencies();
    report.latency = PercentilesOf(latencies);
    report.latency_unclear = latencies.unclear();
    report.generation = static_cast<int>(app_.generation());
    report.client_generation = static_cast<int>(client_generation_.load());
    if (parts_.reloads) report.reloads = parts_.reloads->load();
    report.exit.code = verdict.code;
    report.exit.reason = verdict.reason;
    return report;
  }

  SessionEnd EndOf(const Verdict& verdict, int app_code) const {
    SessionEnd end;
    end.code = verdict.code;
    end.reason = verdict.reason;
    end.clicks_ns = Latencies();
    const std::optional<Error>& closed = life_.app_closed();
    const bool closed_by_ui =
        !life_.lost() && life_.ui_end() && (!closed || closed->code == Errc::kClosed);
    end.by_person = life_.signal() != 0 || closed_by_ui || !life_.ui_came_up();
    end.app_killed = !end.by_person && closed && app_code > 128 && app_code != 128 + SIGTERM &&
                     app_code != 128 + SIGINT && app_code != 128 + SIGHUP;
    end.first_frame = first_frame_;
    return end;
  }

  void EndOnce(const SessionEnd& end) {
    if (!end_told_.exchange(true)) parts_.ended(end);
  }

  // The app has ended, or was never started: waits for the UI, writes the report, logs the verdict.
  // On the main thread; on the loop's if the app did not acknowledge; on another one if the app
  // calls os._exit() there.
  int Finish(int app_code) {
    if (!loop_.InLoop()) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kUiCloseDeadline, [this] { return ui_closed_; });
      lock.unlock();
      loop_.Stop();
      loop_.Join();
    }
    const Verdict verdict = WithCrash(Judge(life_, app_code));
    if (!verdict.line.empty()) Log(verdict.level, verdict.line);
    if (parts_.accelerators) parts_.accelerators->SayWhatCameOfIt();
    if (end_written_.valid()) end_written_.wait_for(kDiskDeadline);
    EndOnce(EndOf(verdict, app_code));
    for (const auto& session : sessions_)
      session->pipeline().OnRunEnd(verdict.code, verdict.reason, kDiskDeadline);
    if (shared_filters_) shared_filters_->OnRunEnd(verdict.code, verdict.reason, kDiskDeadline);
    int result = verdict.code;
    if (!parts_.report_file.empty()) {
      if (Result<> written = WriteReport(parts_.report_file, Report(verdict)); !written) {
        Log(LogLevel::kError, written.error().Line());
        if (result == 0) result = kFailureCode;
      }
    }
    // If the app runs in this process, its other threads may still call into the transport.
    if (!life_.app_was_started() || !in_process_) {
      for (const auto& session : sessions_) session->DropApp();
      parts_.app.reset();
    }
    for (const auto& session : sessions_) session->DropClient();
    parts_.ui.reset();
    return result;
  }

  SessionParts parts_;
  EventLoop& loop_;
  AppHost& app_;
  UiSurface& ui_;
  const bool in_process_;
  const bool has_many_;                        // clients at a time
  std::atomic<Generation> client_generation_;  // of the newest client
  const CrashWatch* crashes_ = nullptr;        // a filter's; null: the UI judges exceptions
  AppSide app_side_;
  UiSide ui_side_;
  // loop's thread only, and after its end the finishing thread
  Life life_;
  std::array<std::unique_ptr<asio::steady_timer>, kLifeTimers> timers_;
  bool first_frame_ = false;
  std::string wish_;   // how the app asks to be shown
  bool runs_ = false;  // it has called ft.run()
  std::optional<SharedFilters>
      shared_filters_;  // the run's, where it has several clients at a time
  std::vector<std::unique_ptr<BoundSession>> sessions_;  // the last one takes the next client
  BoundSession* lost_ = nullptr;                         // while Life is told of it
  // Of sessions that are over.
  Pipeline::Traffic past_to_app_;
  Pipeline::Traffic past_to_ui_;
  LatencySamples past_latencies_;
  bool writing_end_ = false;
  std::future<void> end_written_;
  std::optional<platform::SignalReader> signal_reader_;
  asio::posix::stream_descriptor signals_;  // owned by signal_reader_
  std::atomic<bool> end_told_{false};
  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> decision_;  // whether the app is started
  bool ui_closed_ = false;
};

}  // namespace

int RunSession(SessionParts parts) {
  // Never destroyed: a hosted run may end the process inside Run(), while other threads of the app
  // still call into the transport.
  static auto& all = *new std::vector<Session*>;  // reachable, so no leak is reported
  all.push_back(new Session(std::move(parts)));
  return all.back()->Run();
}

}  // namespace fletbridge
