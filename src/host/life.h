// Room: src/host. The state machine of one run's life cycle, from the UI's start to the app's end.
// It makes all decisions: whether the app is started, when it is told that its UI has closed, what
// has a deadline, when a run counts as failed. Transports and UIs (common/transport) execute its
// orders and report events.
//
// Only an app that has not acknowledged ("heeded") a request to end has a deadline. One whose event
// loop has acknowledged that its UI has closed, or whose ft.run() has returned, may finish its
// work, unless the user sends a second signal or has set a limit.
//
// Contains no I/O, clock or thread: events are calls, orders go to LifeOrders, timers are the
// owner's.
//
// Threads: one. An order may be answered by events during its own call.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/transport/app_host.h"
#include "common/transport/ui_surface.h"

namespace fletbridge {

// The states of an app. Each is reported once, in this order; after a failure some are left out.
enum class AppState {
  kStarting,   // the interpreter is being started
  kListening,  // the app is ready for a client
  kConnected,  // the first session is connected
  kClosed,     // no further packets in either direction, for the reason `why`
  kExited,     // the app has ended; `exit_code` is its own
};

struct AppEvent {
  AppState state;
  Error why;          // kClosed: Errc::kClosed if we have ended it
  int exit_code = 0;  // kExited: as in a shell, 128 + signal if a signal has ended it
};

// Time limits. None: unlimited.
struct LifePatience {
  using Time = std::optional<std::chrono::milliseconds>;
  Time listening;     // from the app's start until it listens
  Time registration;  // from the first client until the app has answered it
  Time end;           // from acknowledging to the app's end
  // How long the sessions that there are may go on after SIGTERM, while the UI takes no others,
  // before the signal is passed on. None: it is passed on at once.
  Time drain;
  std::chrono::milliseconds told{3000};           // from Leave() until the app acknowledges
  std::chrono::milliseconds signalled{1000};      // from a signal until the app acknowledges
  std::chrono::milliseconds unreachable{500};     // as `told`, for an app that never listened
  std::chrono::milliseconds interrupted{1000};    // from Interrupt() until it acknowledges or ends
  std::chrono::milliseconds forced{500};          // as `interrupted`, after a signal
  std::chrono::milliseconds lost{3000};           // from a lost session until the app ends
  std::chrono::milliseconds before_notice{3000};  // from acknowledging until a line says we wait
  std::chrono::milliseconds start_notice{10000};  // from the start until a line says we wait
  std::chrono::milliseconds person_looked_for{500};  // poll interval of WaitsForPerson() in a start
};

enum class LifeTimer { kStart, kStartNotice, kEnd, kEndNotice, kEndLimit, kGrace, kDrain };
inline constexpr int kLifeTimers = 7;

class LifeOrders {
 public:
  virtual ~LifeOrders() = default;
  // Start the app, on any thread; answered by AppStarted().
  virtual void StartApp() = 0;
  // The app will not be started; no other order for it follows.
  virtual void StayUnstarted() = 0;
  // To the app: as in AppHost.
  virtual void Leave() = 0;
  virtual void PassSignal(int signal, bool app_has_it) = 0;
  virtual void Interrupt() = 0;
  virtual void Kill() = 0;
  // To the UI: as in UiSurface.
  virtual void CloseUi(const Error& why) = 0;
  virtual void DrainUi() = 0;  // answered by UiDrained()
  virtual bool EndUiSession(const Error& why) = 0;
  // Call Expired(timer) after `time`, unless the timer is armed again or disarmed.
  virtual void Arm(LifeTimer timer, std::chrono::milliseconds time) = 0;
  virtual void Disarm(LifeTimer timer) = 0;
  // Asks whether a debugger, or input() at a terminal, holds the app: then no deadline applies.
  virtual bool WaitsForPerson() = 0;
  virtual void Say(LogLevel level, const std::string& text) = 0;
  virtual void OnAppEvent(const AppEvent& event) = 0;
  // The session has ended. Once; later events, such as a crash during the interpreter's shutdown,
  // do not count as failures of the session or the stage.
  virtual void OnSessionEnded() = 0;
};

class Life {
 public:
  // `in_process`: the app runs in this process, so a signal's default action is left to us.
  // `orders` must outlive this object.
  Life(LifeOrders& orders, LifePatience patience, bool in_process)
      : orders_(orders), patience_(patience), in_process_(in_process) {}

  // ---- Events.
  void UiReady();
  void UiClosed(const UiEnd& event);
  void UiDrained();  // its last client has gone
  void ClientConnected();
  void ClientRegistered();
  void ClientGone();  // and the UI waits for another one
  void AppStarted();
  void AppListening();
  void AppConnected();
  void SessionLost(const Error& why);
  void AppUnreachable(const Error& why);
  void AppSaid(AppWord word, int number);
  void AppExited(int code, const Error& why);
  // `app_has_it`: AppHost::PassSignal().
  void Signal(int signal, bool app_has_it);
  // Our own code has failed: the session ends, the app continues.
  void Failure(const Error& why);
  void Expired(LifeTimer timer);

  // ---- The state, for the verdict.
  [[nodiscard]] bool app_was_started() const { return app_ > App::kOrdered; }
  [[nodiscard]] bool app_has_exited() const { return app_ == App::kExited; }
  [[nodiscard]] bool ui_came_up() const { return ui_came_up_; }
  [[nodiscard]] const std::optional<UiEnd>& ui_end() const { return ui_end_; }
  [[nodiscard]] const std::optional<Error>& app_closed() const { return app_closed_; }
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }
  // A person has been told of it when it happened.
  [[nodiscard]] bool lost_is_told() const { return lost_is_told_; }
  [[nodiscard]] int signal() const { return signal_; }  // the first; 0: none
  // The app has its own handler for that signal, so its exit code counts.
  [[nodiscard]] bool signal_is_apps() const { return signal_is_apps_; }
  // LifeOrders::OnSessionEnded() has been called.
  [[nodiscard]] bool session_ended() const { return session_ended_; }
  enum class Force { kNone, kNotHeeded, kSecondSignal, kLimit };
  [[nodiscard]] Force force() const { return force_; }
  [[nodiscard]] LifePatience patience() const { return patience_; }

 private:
  enum class App { kNone, kOrdered, kStarted, kListening, kConnected, kExited };
  enum class End { kNot, kAsked, kInterrupted, kKilled };
  enum class Drain { kNot, kUnderWay, kOver };

  [[nodiscard]] bool Running() const { return app_ > App::kOrdered && app_ != App::kExited; }
  void Reach(App state, AppState told);
  [[nodiscard]] bool MayDrain(int signal, bool app_has_it) const;
  bool StopDraining();
  void AskToEnd(std::chrono::milliseconds patience);
  void Heed();
  void AwaitEnd(std::chrono::milliseconds patience);
  void Press(Force why, std::chrono::milliseconds patience);
  void GiveUp(const Error& why);
  void AwaitRegistration();
  void StopStartTimers();
  void AwaitStart(std::chrono::milliseconds left);
  void LookAtStart();
  void NoteSessionEnd();
  void StayUnstarted();

  LifeOrders& orders_;
  const LifePatience patience_;
  const bool in_process_;

  App app_ = App::kNone;
  End end_ = End::kNot;
  Drain drain_ = Drain::kNot;
  bool ui_came_up_ = false;
  std::optional<UiEnd> ui_end_;
  bool client_connected_ = false;
  bool client_registered_ = false;
  bool unstarted_told_ = false;
  bool asked_ = false;     // Leave() has been ordered, or will be
  bool heeds_ = false;     // the app has acknowledged: its own work has no deadline
  bool returned_ = false;  // ft.run() has returned
  std::chrono::milliseconds start_left_{};  // until the start's deadline
  std::chrono::milliseconds asked_patience_{};
  std::optional<Error> cause_;  // why we have ended the app
  Error session_lost_;          // the app has ended the session, and may be about to exit
  std::optional<Error> lost_;
  bool lost_is_told_ = false;
  std::optional<Error> app_closed_;
  int signal_ = 0;
  int signals_ = 0;
  bool signal_had_ = false;  // the app has received the first one itself
  bool signal_is_apps_ = false;
  bool session_ended_ = false;
  Force force_ = Force::kNone;
};

}  // namespace fletbridge
