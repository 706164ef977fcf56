#include "src/host/session.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/base/unique_fd.h"
#include "src/host/relay.h"

namespace fletbridge {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// A person who presses Ctrl-C expects the end within two seconds.
constexpr StopDeadlines kAfterSignal{1000ms, 500ms, true};
constexpr StopDeadlines kAfterClose{3000ms, 1000ms, false};
// An app that has closed the session is mostly about to end by itself, with an exit code of its
// own.
constexpr auto kGraceAfterSessionLost = 3000ms;
constexpr auto kUiCloseDeadline = 2000ms;
// A disk that hangs does not keep the process.
constexpr auto kRecordingDeadline = 2000ms;
// Flet answers a registration before the app's main() runs; only before_main() may take its time.
constexpr auto kRegistrationDeadline = 60s;

std::string SignalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

class Session {
 public:
  explicit Session(SessionParts parts)
      : parts_(std::move(parts)),
        loop_(*parts_.loop),
        app_(*parts_.app),
        ui_(*parts_.ui),
        to_app_(ui_, app_, "to the app", parts_.max_packet),
        to_ui_(app_, ui_, "to the UI", parts_.max_packet),
        app_side_(*this),
        ui_side_(*this),
        grace_(loop_.io()),
        registration_(loop_.io()),
        signals_(loop_.io()) {}

  int Run() {
    if (!app_.capabilities().in_process) TakeSignals();
    loop_.Start();
    ui_.Start(ui_side_);
    if (!WaitForUi()) return Finish(70);
    app_started_ = true;
    app_.Start(app_side_);
    return app_.RunOnMainThread([this](int code) { return Finish(code); });
  }

 private:
  // The two sides call the same names; each of these says which side speaks.
  struct AppSide final : AppSink {
    explicit AppSide(Session& owner) : session(owner) {}
    void OnPacket(Packet&& packet) override {
      session.Record(recording::Direction::kToUi, packet);
      session.to_ui_.Pass(std::move(packet));
    }
    void OnWritable() override { session.to_app_.OnWritable(); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the app: " + why.Line());
    }
    void OnAppEvent(const AppEvent& event) override { session.OnAppEvent(event); }
    void OnPythonReady() override { session.parts_.timeline->Mark(Milestone::kPythonReady); }
    void OnSessionLost(const Error& why) override { session.OnSessionLost(why); }
    void OnSignal(int signal) override { session.OnSignal(signal, true); }
    Session& session;
  };
  struct UiSide final : UiSink {
    explicit UiSide(Session& owner) : session(owner) {}
    void OnPacket(Packet&& packet) override {
      session.Record(recording::Direction::kToApp, packet);
      session.to_app_.Pass(std::move(packet));
    }
    void OnWritable() override { session.to_ui_.OnWritable(); }
    void OnRefused(const Error& why) override {
      Log(LogLevel::kError, "from the UI: " + why.Line());
    }
    void OnUiEvent(const UiEvent& event) override { session.OnUiEvent(event); }
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

  void Record(recording::Direction direction, const Packet& packet) {
    if (parts_.recorder) parts_.recorder->Take(direction, packet);
  }

  void RecordGenerations() {
    if (!parts_.recorder) return;
    recording::Info info;
    info.generation = static_cast<int>(app_.generation());
    info.client_generation = static_cast<int>(ui_.client_generation());
    parts_.recorder->Tell(info);
  }

  // Stage 1: signals are read from a descriptor, with the word who sent them.
  void TakeSignals() {
    sigset_t taken;
    sigemptyset(&taken);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction now {};
      ::sigaction(signal, nullptr, &now);
      if (now.sa_handler != SIG_IGN) sigaddset(&taken, signal);  // as nohup wants it
    }
    ::pthread_sigmask(SIG_BLOCK, &taken, nullptr);
    signals_.assign(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
    ReadSignals();
  }

  void ReadSignals() {
    signals_.async_wait(
        asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
          if (error) return;
          signalfd_siginfo info{};
          while (::read(signals_.native_handle(), &info, sizeof info) == sizeof info) {
            // What the terminal sends, it sends to the app as well.
            OnSignal(static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL);
          }
          ReadSignals();
        });
  }

  void OnSignal(int signal, bool app_has_it) {
    if (signal_ != 0) return;
    signal_ = signal;
    Log(LogLevel::kDebug, SignalName(signal) + ": ending");
    if (!app_has_it) app_.Signal(signal);
    app_.Stop(kAfterSignal);
  }

  void OnAppEvent(const AppEvent& event) {
    static constexpr const char* kNames[] = {"starting", "listening", "connected", "closed",
                                             "exited"};
    Log(LogLevel::kDebug,
        std::string("app ") + kNames[static_cast<int>(event.state)] +
            (event.state == AppState::kExited ? " with " + std::to_string(event.exit_code) : ""));
    switch (event.state) {
      case AppState::kStarting:
        break;
      case AppState::kListening:
        parts_.timeline->Mark(Milestone::kAppListening);
        break;
      case AppState::kConnected:
        app_connected_ = true;
        AwaitRegistration();
        break;
      case AppState::kClosed:
        app_closed_ = event.why;
        grace_.cancel();
        registration_.cancel();
        ui_.Close(event.why);
        break;
      case AppState::kExited:
        break;
    }
  }

  void OnSessionLost(const Error& why) {
    Log(LogLevel::kDebug, "the app ended the session: " + why.Line());
    if (ui_.EndSession(why) || ui_closed_) return;
    if (why.code == Errc::kPeerMisbehaved) {
      GiveUp(why);
      return;
    }
    grace_.expires_after(kGraceAfterSessionLost);
    grace_.async_wait([this, why](boost::system::error_code error) {
      if (!error) GiveUp(why);
    });
  }

  void AwaitRegistration() {
    if (!app_connected_ || !client_connected_) return;
    registration_.expires_after(kRegistrationDeadline);
    registration_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      const Error why =
          MakeError(Errc::kLimit,
                    "the app did not answer the client within 60 s; is its event loop blocked?");
      if (!ui_.EndSession(why)) GiveUp(why);
    });
  }

  void GiveUp(const Error& why) {
    lost_ = why;
    ui_.Close(why);
    app_.Stop(kAfterClose);
  }

  void OnUiEvent(const UiEvent& event) {
    static constexpr const char* kNames[] = {"ready",       "connected",    "registered",
                                             "first frame", "disconnected", "closed"};
    Log(LogLevel::kDebug, std::string("ui ") + kNames[static_cast<int>(event.state)]);
    switch (event.state) {
      case UiState::kReady:
        TellUi(true);
        break;
      case UiState::kConnected:
        client_connected_ = true;
        AwaitRegistration();
        break;
      case UiState::kRegistered:
        registration_.cancel();
        RecordGenerations();
        parts_.timeline->Mark(Milestone::kRegistered);
        break;
      case UiState::kFirstFrame:
        parts_.timeline->Mark(Milestone::kFirstFrame);
        TellFirstFrame();
        break;
      case UiState::kDisconnected:
        if (event.why.code == Errc::kPeerMisbehaved) {
          Log(LogLevel::kError, "the client's session ended: " + event.why.Line());
        } else {
          // What `flet run` shows in a watched folder would start the app anew.
          Log(event.why.code == Errc::kClosed ? LogLevel::kDebug : LogLevel::kInfo,
              "the client has gone; waiting for the next");
        }
        if (parts_.recorder) parts_.recorder->NewSession();
        client_connected_ = false;
        registration_.cancel();
        to_app_.Drop();
        to_ui_.Drop();
        app_.NewSession();
        break;
      case UiState::kClosed: {
        std::lock_guard lock(mutex_);
        ui_closed_ = event;
        ui_changed_.notify_all();
      }
        TellUi(false);
        app_.Stop(kAfterClose);
        break;
    }
  }

  void TellFirstFrame() {
    if (!std::exchange(first_frame_, true)) parts_.first_frame();
  }

  void TellUi(bool ready) {
    std::lock_guard lock(mutex_);
    if (!ui_ready_) ui_ready_ = ready;
    ui_changed_.notify_all();
  }

  bool WaitForUi() {
    std::unique_lock lock(mutex_);
    ui_changed_.wait(lock, [this] { return ui_ready_.has_value(); });
    return *ui_ready_;
  }

  // The app has ended, or was never started: waits for the UI, writes the report, says what the
  // person should know. On the main thread; on the loop's when the app does not heed; on another
  // thread when the app calls os._exit() there.
  int Finish(int app_code) {
    if (!loop_.InLoop()) {
      std::unique_lock lock(mutex_);
      ui_changed_.wait_for(lock, kUiCloseDeadline, [this] { return ui_closed_.has_value(); });
      lock.unlock();
      loop_.Stop();
      loop_.Join();
    }
    const auto [code, reason] = Verdict(app_code);
    RunReport& report = parts_.report;
    for (const ProcessInfo& process : app_.processes())
      report.processes.push_back({process.role, process.pid});
    report.SetTimeline(*parts_.timeline);
    if (app_.direct_address().empty()) {  // else none has passed through us
      report.packets.to_app = {to_app_.packets(), to_app_.bytes()};
      report.packets.to_ui = {to_ui_.packets(), to_ui_.bytes()};
    }
    SessionEnd end;
    end.clicks_ns = ui_.latencies();
    report.latency = PercentilesOf(end.clicks_ns);
    report.generation = static_cast<int>(app_.generation());
    report.client_generation = static_cast<int>(ui_.client_generation());
    report.exit.code = code;
    report.exit.reason = reason;
    end.code = code;
    end.reason = reason;
    const bool closed_by_ui = !lost_ && app_closed_ && app_closed_->code == Errc::kClosed;
    end.by_person = signal_ != 0 || closed_by_ui || !ui_ready_.value_or(false);
    end.app_killed = !end.by_person && app_closed_ && app_code > 128 && app_code != 128 + SIGTERM &&
                     app_code != 128 + SIGINT && app_code != 128 + SIGHUP;
    end.first_frame = first_frame_;
    parts_.ended(end);
    if (parts_.recorder) parts_.recorder->Close({code, reason}, kRecordingDeadline);
    int result = code;
    if (!parts_.report_file.empty()) {
      if (Result<> written = WriteReport(parts_.report_file, report); !written) {
        Log(LogLevel::kError, written.error().Line());
        if (result == 0) result = 70;
      }
    }
    // With the app in this process, its other threads may still be calling into the transport.
    if (!app_started_ || !app_.capabilities().in_process) parts_.app.reset();
    parts_.ui.reset();
    return result;
  }

  struct Outcome {
    int code;
    std::string reason;
  };

  // Something is wrong, not just at its end.
  static bool IsCause(const Error& why) {
    return why.code && why.code != Errc::kPeerGone && why.code != Errc::kClosed;
  }

  bool AppWentFirst() const { return !app_closed_ || app_closed_->code == Errc::kPeerGone; }

  Outcome Verdict(int app_code) const {
    if (signal_ != 0) return {128 + signal_, "ended by " + SignalName(signal_)};
    if (ui_closed_ && !ui_ready_.value_or(false)) {
      Log(LogLevel::kError, ui_closed_->why.Line());
      return {70, ui_closed_->why.Line()};
    }
    if (lost_) {
      const std::string text = lost_->code == Errc::kPeerGone
                                   ? "the app ended the session but not itself"
                                   : lost_->Line();
      Log(LogLevel::kError, text);
      return {70, text};
    }
    if (ui_closed_ && IsCause(ui_closed_->why)) {
      Log(LogLevel::kError, ui_closed_->why.Line());
      return {ui_closed_->exit_code, ui_closed_->why.Line()};
    }
    if (app_closed_ && IsCause(*app_closed_)) {
      Log(LogLevel::kError, app_closed_->Line());
      return {70, app_closed_->Line()};
    }
    if (AppWentFirst() && app_closed_) {
      if (app_code > 128) {
        const std::string text = "the app was killed by " + SignalName(app_code - 128);
        Log(LogLevel::kError, text);
        return {app_code, text};
      }
      if (app_code == 0 && ui_closed_ && ui_closed_->exit_code != 0) {
        return {ui_closed_->exit_code,
                "the UI ended with exit code " + std::to_string(ui_closed_->exit_code)};
      }
      return {app_code, "the app ended with exit code " + std::to_string(app_code)};
    }
    if (ui_closed_ && ui_closed_->exit_code != 0) return {ui_closed_->exit_code, "a step failed"};
    if (app_code == 128 + SIGKILL) {
      Log(LogLevel::kWarning, "the app did not end after its UI had closed, and was killed");
      return {app_code, "the app did not end after its UI had closed"};
    }
    // Ended by the signal that asked it to, or by our KeyboardInterrupt: that is what they were
    // for.
    if (app_code == 128 + SIGTERM || app_code == 128 + SIGINT) return {0, "the UI closed"};
    return {app_code, "the UI closed"};
  }

  SessionParts parts_;
  bool app_started_ = false;
  EventLoop& loop_;
  AppTransport& app_;
  UiEndpoint& ui_;
  Relay to_app_;
  Relay to_ui_;
  AppSide app_side_;
  UiSide ui_side_;
  // loop's thread only, and after its end the finishing thread
  asio::steady_timer grace_;
  asio::steady_timer registration_;
  bool app_connected_ = false;
  bool client_connected_ = false;
  bool first_frame_ = false;
  asio::posix::stream_descriptor signals_;
  std::optional<Error> app_closed_;
  std::optional<Error> lost_;
  int signal_ = 0;
  // under mutex_
  std::mutex mutex_;
  std::condition_variable ui_changed_;
  std::optional<bool> ui_ready_;
  std::optional<UiEvent> ui_closed_;
};

}  // namespace

int RunSession(SessionParts parts) {
  // Never destroyed: in a hosted run the process ends inside of it, and other threads of the app
  // may still call into the transport.
  auto* session = new Session(std::move(parts));
  return session->Run();
}

}  // namespace fletbridge
