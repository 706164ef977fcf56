// Room: src/host. The life of one run, as a machine: from the UI's start to the app's end. It alone
// decides what follows from what: whether the app is started, when it is told that its UI has gone,
// what has a deadline and what has none, when a run counts as failed. The transports and the UIs
// carry out and report (common/transport).
//
// A deadline is only ever for what has not heeded: an app whose event loop has heard that its UI
// has closed, or whose ft.run() has returned, does its own work to the end, however long that
// takes, unless the person sends a second signal or has set a limit.
//
// It does nothing by itself: events come in as calls, orders go out through LifeOrders, and the
// clock is the owner's. One thread; orders may be answered by events at once, from within.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/transport/app_transport.h"
#include "common/transport/ui_endpoint.h"

namespace fletbridge {

// Where the life of an app stands. Each is told once, in this order; a failure may leave some out.
enum class AppState {
  kStarting,   // the interpreter is being started
  kListening,  // the app is ready for a client
  kConnected,  // packets flow
  kClosed,     // no more packets in either direction; `why` tells the cause
  kExited,     // the app has ended; `exit_code` is its own
};

struct AppEvent {
  AppState state;
  Error why;          // kClosed; Errc::kClosed when this side asked for it
  int exit_code = 0;  // kExited: as a shell has it, 128 + signal for a killed app
};

// How long each thing may take. Nothing: as long as it likes.
struct LifePatience {
  using Time = std::optional<std::chrono::milliseconds>;
  Time listening;                             // from the app's start until it listens
  Time registration;                          // from the first client until the app has answered it
  Time end;                                   // from heeding to the app's end
  std::chrono::milliseconds told{3000};       // from Leave() until the app heeds
  std::chrono::milliseconds signalled{1000};  // from a signal until the app heeds
  std::chrono::milliseconds unreachable{500};     // as `told`, for an app that never listened
  std::chrono::milliseconds interrupted{1000};    // from Interrupt() until the app heeds or ends
  std::chrono::milliseconds forced{500};          // the same after a signal
  std::chrono::milliseconds lost{3000};           // from a lost session until the app ends
  std::chrono::milliseconds before_notice{3000};  // from heeding until that is waited for is said
  std::chrono::milliseconds start_notice{10000};  // the same for a start
};

enum class LifeTimer { kStart, kStartNotice, kEnd, kEndNotice, kEndLimit, kGrace };
inline constexpr int kLifeTimers = 6;

class LifeOrders {
 public:
  virtual ~LifeOrders() = default;
  // Start the app, on whatever thread; AppStarted() when that has been ordered.
  virtual void StartApp() = 0;
  // The app will not be started: nothing else will be told.
  virtual void StayUnstarted() = 0;
  // To the app, as AppTransport has them.
  virtual void Leave() = 0;
  virtual void PassSignal(int signal, bool app_has_it) = 0;
  virtual void Interrupt() = 0;
  virtual void Kill() = 0;
  // To the UI, as UiEndpoint has them.
  virtual void CloseUi(const Error& why) = 0;
  virtual bool EndUiSession(const Error& why) = 0;
  // Expired(timer) after `time`, unless it is set again or Disarm()ed.
  virtual void Arm(LifeTimer timer, std::chrono::milliseconds time) = 0;
  virtual void Disarm(LifeTimer timer) = 0;
  // A debugger, or input() at a terminal, holds up the app: a person, who has time.
  virtual bool WaitsForPerson() = 0;
  virtual void Say(LogLevel level, const std::string& text) = 0;
  virtual void OnAppEvent(const AppEvent& event) = 0;
  // Once: whatever comes now, such as a crash while the interpreter ends, says nothing about the
  // session, nor about the stage that it ran on.
  virtual void OnSessionEnded() = 0;
};

class Life {
 public:
  // `in_process`: the app's interpreter is in this process, so a signal's default action is ours.
  Life(LifeOrders& orders, LifePatience patience, bool in_process)
      : orders_(orders), patience_(patience), in_process_(in_process) {}

  // ---- What happens.
  void UiReady();
  void UiClosed(const UiEvent& event);
  void ClientConnected();
  void ClientRegistered();
  void ClientGone();  // the UI waits for another one
  void AppStarted();
  void AppListening();
  void AppConnected();
  void SessionLost(const Error& why);
  void AppUnreachable(const Error& why);
  void AppSaid(AppWord word, int number);
  void AppExited(int code, const Error& why);
  // `app_has_it`: AppTransport::PassSignal().
  void Signal(int signal, bool app_has_it);
  // Something of ours has failed: the session ends, the app goes its way.
  void Failure(const Error& why);
  void Expired(LifeTimer timer);

  // ---- What has come of it.
  [[nodiscard]] bool app_was_started() const { return app_ > App::kOrdered; }
  [[nodiscard]] bool app_has_exited() const { return app_ == App::kExited; }
  [[nodiscard]] bool ui_came_up() const { return ui_came_up_; }
  [[nodiscard]] const std::optional<UiEvent>& ui_end() const { return ui_end_; }
  [[nodiscard]] const std::optional<Error>& app_closed() const { return app_closed_; }
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }
  [[nodiscard]] int signal() const { return signal_; }  // the first; 0: none
  // The app handles that signal by itself, so its exit code is its own.
  [[nodiscard]] bool signal_is_apps() const { return signal_is_apps_; }
  // The app's UI had closed, and it was not asked twice.
  [[nodiscard]] bool session_ended() const { return session_ended_; }
  enum class Force { kNone, kNotHeeded, kSecondSignal, kLimit };
  [[nodiscard]] Force force() const { return force_; }
  [[nodiscard]] LifePatience patience() const { return patience_; }

 private:
  enum class App { kNone, kOrdered, kStarted, kListening, kConnected, kExited };
  enum class End { kNot, kAsked, kInterrupted, kKilled };

  [[nodiscard]] bool Running() const { return app_ > App::kOrdered && app_ != App::kExited; }
  void Reach(App state, AppState told);
  void AskToEnd(std::chrono::milliseconds patience);
  void Heed();
  void AwaitEnd(std::chrono::milliseconds patience);
  void Press(Force why, std::chrono::milliseconds patience);
  void GiveUp(const Error& why);
  void AwaitRegistration();
  void StopStartTimers();
  void StartIsLate();
  void NoteSessionEnd();
  void StayUnstarted();

  LifeOrders& orders_;
  const LifePatience patience_;
  const bool in_process_;

  App app_ = App::kNone;
  End end_ = End::kNot;
  bool ui_came_up_ = false;
  std::optional<UiEvent> ui_end_;
  bool client_connected_ = false;
  bool client_registered_ = false;
  bool unstarted_told_ = false;
  bool asked_ = false;     // Leave() is or will be ordered
  bool heeds_ = false;     // what the app does now is its own work, without a deadline
  bool returned_ = false;  // ft.run() has
  std::chrono::milliseconds asked_patience_{};
  std::optional<Error> cause_;  // why we ended the app
  Error session_lost_;          // by the app, that perhaps ends
  std::optional<Error> lost_;
  std::optional<Error> app_closed_;
  int signal_ = 0;
  int signals_ = 0;
  bool signal_had_ = false;  // the app had the first one by itself
  bool signal_is_apps_ = false;
  bool session_ended_ = false;
  Force force_ = Force::kNone;
};

}  // namespace fletbridge
