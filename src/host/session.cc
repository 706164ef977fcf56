#include "src/host/session.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/base/unique_fd.h"
#include "common/process/last_resort.h"
#include "common/process/person.h"
#include "common/process/surroundings.h"
#include "common/wire/message.h"
#include "src/host/relay.h"
#include "src/host/verdict.h"

namespace fletbridge {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kUiCloseDeadline = 2000ms;
// A disk that hangs keeps neither the app nor the process.
constexpr auto kDiskDeadline = 2000ms;
// What an end by force may take in all before nothing is waited for any more.
constexpr auto kLastResort = 6000ms;
constexpr int kKilledCode = 137;
constexpr int kFailureCode = 70;

class Session final : private LifeOrders {
 public:
  explicit Session(SessionParts parts)
      : parts_(std::move(parts)),
        loop_(*parts_.loop),
        app_(*parts_.app),
        ui_(*parts_.ui),
        in_process_(app_.capabilities().in_process),
        to_app_(ui_, app_, "to the app", parts_.max_packet),
        to_ui_(app_, ui_, "to the UI", parts_.max_packet),
        app_side_(*this),
        ui_side_(*this),
        life_(*this, parts_.patience, in_process_),
        signals_(loop_.io()) {
    for (std::unique_ptr<asio::steady_timer>& timer : timers_)
      timer = std::make_unique<asio::steady_timer>(loop_.io());
  }

  int Run() {
    if (!in_process_) {
      if (Result<> taken = TakeSignals(); !taken) {
        life_.Failure(taken.error());
        return Finish(kFailureCode);
      }
    }
    // An exception in a handler ends the session; the app's process, which this may be, lives.
    loop_.OnFailure([this](const std::string& what) {
      life_.Failure(MakeError(Errc::kLimit, "fletbridge itself has failed: " + what));
    });
    loop_.Start();
    ui_.Start(ui_side_);
    if (!AwaitDecision()) return Finish(kFailureCode);
    // On this thread: the kernel ties a child's life to the thread that has started it.
    app_.Start(app_side_);
    loop_.Post([this] { life_.AppStarted(); });
    return app_.RunOnMainThread([this](int code) { return Finish(code); });
  }

 private:
  // The two sides call the same names; each of these says which side speaks.
  struct AppSide final : AppSink {
    explicit AppSide(Session& owner) : session(owner) {}
    void OnPacket(Packet&& packet) override {
      session.Tap(Side::kApp, packet);
      if (session.parts_.crash_fails) session.LookForCrash(packet);
      session.to_ui_.Pass(std::move(packet));
    }
    void OnWritable() override { session.to_app_.OnWritable(); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the app: " + why.Line());
    }
    void OnListening() override { session.life_.AppListening(); }
    void OnConnected() override { session.life_.AppConnected(); }
    void OnSessionLost(const Error& why) override { session.life_.SessionLost(why); }
    void OnUnreachable(const Error& why) override { session.life_.AppUnreachable(why); }
    void OnWord(AppWord word, int number) override { session.OnWord(word, number); }
    void OnSignal(int signal, bool handled) override { session.life_.Signal(signal, handled); }
    void OnExited(int code, const Error& why) override { session.life_.AppExited(code, why); }
    Session& session;
  };
  struct UiSide final : UiSink {
    explicit UiSide(Session& owner) : session(owner) {}
    void OnPacket(Packet&& packet) override {
      session.Tap(Side::kUi, packet);
      session.to_app_.Pass(std::move(packet));
    }
    void OnWritable() override { session.to_ui_.OnWritable(); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the UI: " + why.Line());
    }
    void OnUiEvent(const UiEvent& event) override { session.OnUiEvent(event); }
    bool WaitsForPerson() override { return session.WaitsForPerson(); }
    void OnWindowShown(SteadyTime when) override {
      session.parts_.timeline->Mark(Milestone::kWindowShown, when);
    }
    void OnFrameDrawn(SteadyTime when) override {
      session.parts_.timeline->Mark(Milestone::kFrameDrawn, when);
      // Where no packet passes through us, the window is all that is seen.
      if (!session.app_.direct_address().empty()) session.TellFirstFrame();
    }
    Session& session;
  };

  void Tap(Side from, const Packet& packet) {
    if (parts_.tap) parts_.tap->OnPacket(from, packet);
  }

  void LookForCrash(const Packet& packet) {
    const std::span<const std::byte> payload = packet.payload.span();
    constexpr std::byte kPair{0x92};
    constexpr std::byte kCrashed{6};
    if (!raised_.empty() || packet.type != PacketType::kControl || payload.size() < 2 ||
        payload[0] != kPair || payload[1] != kCrashed)
      return;
    const Result<wire::AppMessage> message = wire::DecodeAppMessage(payload);
    const auto* crash = message ? std::get_if<wire::SessionCrashed>(&*message) : nullptr;
    if (crash != nullptr) raised_ = "the app raised: " + wire::CrashLine(crash->message);
  }

  // An app that raised is no success.
  Verdict WithCrash(Verdict verdict) const {
    if (verdict.code != 0 || raised_.empty()) return verdict;
    return {1, raised_, LogLevel::kError, raised_};
  }

  // Stage 1: signals are read from a descriptor, with the word who sent them.
  Result<> TakeSignals() {
    const sigset_t taken = HoldSignals();
    const int fd = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
      return MakeError(Errc::kSetup,
                       "cannot watch for signals: " + CauseAndRemedy(errno, "try again"));
    signals_.assign(fd);
    ReadSignals();
    return {};
  }

  void ReadSignals() {
    signals_.async_wait(
        asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
          if (error) return;
          signalfd_siginfo info{};
          while (::read(signals_.native_handle(), &info, sizeof info) == sizeof info) {
            // What the terminal sends, it sends to the app as well.
            life_.Signal(static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL);
          }
          ReadSignals();
        });
  }

  void OnWord(AppWord word, int number) {
    if (word == AppWord::kPythonReady) parts_.timeline->Mark(Milestone::kPythonReady);
    life_.AppSaid(word, number);
    // It goes on once the session's end has been written.
    if (word == AppWord::kReturned && !writing_end_) app_.Acknowledge();
  }

  void OnUiEvent(const UiEvent& event) {
    static constexpr const char* kNames[] = {"ready",       "connected",    "registered",
                                             "first frame", "disconnected", "closed"};
    Log(LogLevel::kDebug, std::string("ui ") + kNames[static_cast<int>(event.state)]);
    switch (event.state) {
      case UiState::kReady:
        life_.UiReady();
        break;
      case UiState::kConnected:
        life_.ClientConnected();
        break;
      case UiState::kRegistered:
        life_.ClientRegistered();
        if (parts_.tap) parts_.tap->OnRegistered(app_.generation(), ui_.client_generation());
        parts_.timeline->Mark(Milestone::kRegistered);
        break;
      case UiState::kFirstFrame:
        parts_.timeline->Mark(Milestone::kFirstFrame);
        TellFirstFrame();
        break;
      case UiState::kDisconnected:
        if (event.why.code == Errc::kPeerMisbehaved || event.why.code == Errc::kCut) {
          Log(LogLevel::kError, "the client's session ended: " + event.why.Line());
        } else {
          // What `flet run` shows in a watched folder would start the app anew.
          Log(event.why.code == Errc::kClosed ? LogLevel::kDebug : LogLevel::kInfo,
              "the client has gone; waiting for the next");
        }
        if (parts_.tap) parts_.tap->OnNewSession();
        life_.ClientGone();
        to_app_.Drop();
        to_ui_.Drop();
        app_.NewSession();
        break;
      case UiState::kClosed: {
        const std::lock_guard lock(mutex_);
        ui_closed_ = true;
      }
        life_.UiClosed(event);
        changed_.notify_all();
        break;
    }
  }

  void TellFirstFrame() {
    if (std::exchange(first_frame_, true)) return;
    parts_.first_frame();
    if (parts_.accelerators) parts_.accelerators->SayWhatIsOn();
  }

  // ---- The machine's orders; the loop's thread.

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
  bool EndUiSession(const Error& why) override { return ui_.EndSession(why); }

  void Arm(LifeTimer timer, std::chrono::milliseconds time) override {
    asio::steady_timer& clock = *timers_[static_cast<std::size_t>(timer)];
    clock.expires_after(time);
    clock.async_wait([this, timer](boost::system::error_code error) {
      if (!error) life_.Expired(timer);
    });
  }
  void Disarm(LifeTimer timer) override {
    timers_[static_cast<std::size_t>(timer)]->cancel();
    // An app that heeds after all takes its time; the process of one that has gone does not.
    if (timer == LifeTimer::kEnd && !life_.app_has_exited()) CancelEndOfProcess();
  }

  bool WaitsForPerson() override {
    for (const ProcessInfo& process : app_.processes()) {
      if (process.role == (in_process_ ? "host" : "app") && HoldsUpByPerson(process.pid))
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
    if (event.state == AppState::kListening) parts_.timeline->Mark(Milestone::kAppListening);
  }

  // What the session comes to is written now, since the app's process may end in any way while its
  // interpreter does; on a thread of its own, since a disk may take its time.
  void OnSessionEnded() override {
    Verdict verdict = WithCrash(JudgeSession(life_));
    verdict.reason += "; the app had not ended yet";
    auto write = std::make_shared<std::packaged_task<void()>>(
        [this, report = Report(verdict), end = EndOf(verdict, 0)] {
          EndOnce(end);
          // A pipe or a terminal is written to but once, at the end.
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
    } catch (const std::exception&) {  // no thread can be had: it is written at the end
      writing_end_ = false;
      end_written_ = {};
    }
  }

  // ---- The main thread, which the app may have for itself.

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

  // Not a pipe, nor a terminal; where nothing is yet, a file will be.
  static bool IsFile(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
  }

  RunReport Report(const Verdict& verdict) {
    RunReport report = parts_.report;
    for (const ProcessInfo& process : app_.processes())
      report.processes.push_back({process.role, process.pid});
    report.SetTimeline(*parts_.timeline);
    if (app_.direct_address().empty()) {  // else none has passed through us
      report.packets.to_app = {to_app_.packets(), to_app_.bytes()};
      report.packets.to_ui = {to_ui_.packets(), to_ui_.bytes()};
    }
    if (parts_.accelerators) parts_.accelerators->AddTo(report);
    const LatencySamples latencies = ui_.latencies();
    report.latency = PercentilesOf(latencies);
    report.latency_unclear = latencies.unclear();
    report.generation = static_cast<int>(app_.generation());
    report.client_generation = static_cast<int>(ui_.client_generation());
    report.exit.code = verdict.code;
    report.exit.reason = verdict.reason;
    return report;
  }

  SessionEnd EndOf(const Verdict& verdict, int app_code) const {
    SessionEnd end;
    end.code = verdict.code;
    end.reason = verdict.reason;
    end.clicks_ns = ui_.latencies();
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

  // The app has ended, or was never started: waits for the UI, writes the report, says what the
  // person should know. On the main thread; on the loop's when the app does not heed; on another
  // thread when the app calls os._exit() there.
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
    if (parts_.tap) parts_.tap->Close(verdict.code, verdict.reason, kDiskDeadline);
    int result = verdict.code;
    if (!parts_.report_file.empty()) {
      if (Result<> written = WriteReport(parts_.report_file, Report(verdict)); !written) {
        Log(LogLevel::kError, written.error().Line());
        if (result == 0) result = kFailureCode;
      }
    }
    // With the app in this process, its other threads may still be calling into the transport.
    if (!life_.app_was_started() || !in_process_) parts_.app.reset();
    parts_.ui.reset();
    return result;
  }

  SessionParts parts_;
  EventLoop& loop_;
  AppTransport& app_;
  UiEndpoint& ui_;
  const bool in_process_;
  Relay to_app_;
  Relay to_ui_;
  AppSide app_side_;
  UiSide ui_side_;
  // loop's thread only, and after its end the finishing thread
  Life life_;
  std::array<std::unique_ptr<asio::steady_timer>, kLifeTimers> timers_;
  bool first_frame_ = false;
  std::string raised_;  // what the app raised first, where that is a failure
  bool writing_end_ = false;
  std::future<void> end_written_;
  asio::posix::stream_descriptor signals_;
  std::atomic<bool> end_told_{false};
  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> decision_;  // whether the app is started
  bool ui_closed_ = false;
};

}  // namespace

int RunSession(SessionParts parts) {
  // Never destroyed: in a hosted run the process ends inside of it, and other threads of the app
  // may still call into the transport.
  auto* session = new Session(std::move(parts));
  return session->Run();
}

}  // namespace fletbridge
