#include "src/host/life.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "src/host/words.h"

namespace fletbridge {
using namespace std::chrono_literals;

// ---- The UI

void Life::UiReady() {
  if (ui_came_up_ || ui_end_) return;
  ui_came_up_ = true;
  if (app_ != App::kNone || signal_ != 0 || unstarted_told_) return;
  app_ = App::kOrdered;
  orders_.StartApp();
}

void Life::UiClosed(const UiEnd& event) {
  if (ui_end_) return;
  ui_end_ = event;
  StopDraining();
  if (app_ == App::kNone) {
    StayUnstarted();
  } else {
    AskToEnd(patience_.told);
    NoteSessionEnd();
  }
}

void Life::UiDrained() {
  if (StopDraining()) Signal(SIGTERM, false);
}

void Life::StayUnstarted() {
  if (!std::exchange(unstarted_told_, true)) orders_.StayUnstarted();
}

void Life::ClientConnected() {
  client_connected_ = true;
  client_registered_ = false;
  AwaitRegistration();
}

void Life::ClientRegistered() {
  client_registered_ = true;
  if (app_ == App::kConnected) StopStartTimers();
}

void Life::ClientGone() {
  client_connected_ = false;
  if (app_ == App::kConnected) StopStartTimers();
}

// ---- The app

void Life::AppStarted() {
  if (app_ != App::kOrdered) return;
  app_ = App::kStarted;
  orders_.OnAppEvent({AppState::kStarting, {}, 0});
  if (asked_ || signal_ != 0) {  // a request came during the start
    if (asked_) orders_.Leave();
    if (signal_ != 0) orders_.PassSignal(signal_, signal_had_);
    AwaitEnd(signal_ != 0 ? patience_.signalled : asked_patience_);
    return;
  }
  if (patience_.listening) AwaitStart(*patience_.listening);
  orders_.Arm(LifeTimer::kStartNotice, patience_.start_notice);
}

// Events come from another thread than the one that starts the app, so one may come before it has
// reported the start.
void Life::Reach(App state, AppState told) {
  AppStarted();
  if (!Running() || app_ >= state) return;
  app_ = state;
  orders_.OnAppEvent({told, {}, 0});
}

void Life::AppListening() {
  Reach(App::kListening, AppState::kListening);
  if (Running()) StopStartTimers();
}

void Life::AppConnected() {
  AppListening();
  Reach(App::kConnected, AppState::kConnected);
  AwaitRegistration();
}

// Flet answers a registration before it calls main(), so this limit does not cover main(); it does
// cover before_main().
void Life::AwaitRegistration() {
  if (app_ != App::kConnected || !client_connected_ || client_registered_ || asked_) return;
  if (patience_.registration) AwaitStart(*patience_.registration);
  orders_.Arm(LifeTimer::kStartNotice, patience_.start_notice);
}

void Life::StopStartTimers() {
  orders_.Disarm(LifeTimer::kStart);
  orders_.Disarm(LifeTimer::kStartNotice);
}

// Time during which a debugger or input() holds the app does not count, so this is polled.
void Life::AwaitStart(std::chrono::milliseconds left) {
  start_left_ = left;
  orders_.Arm(LifeTimer::kStart, std::min(left, patience_.person_looked_for));
}

void Life::LookAtStart() {
  if (asked_ || !Running()) return;
  const bool listens = app_ >= App::kListening;
  const auto& patience = listens ? patience_.registration : patience_.listening;
  if (orders_.WaitsForPerson()) return AwaitStart(*patience);
  if (start_left_ > patience_.person_looked_for)
    return AwaitStart(start_left_ - patience_.person_looked_for);
  StopStartTimers();
  if (listens) {
    const Error why =
        MakeError(Errc::kLimit, "the app did not answer the client within " + Words(*patience) +
                                    "; is its event loop blocked? --start-deadline SECONDS sets "
                                    "another limit, 0 none");
    if (!orders_.EndUiSession(why)) GiveUp(why);
    return;
  }
  AppUnreachable(MakeError(Errc::kLimit,
                           "the app did not listen within " + Words(*patience) +
                               "; does it call ft.run(main)? --start-deadline SECONDS sets another "
                               "limit, 0 none"));
}

void Life::AppUnreachable(const Error& why) {
  AppStarted();
  if (asked_ || !Running()) return;
  cause_ = why;
  AskToEnd(patience_.unreachable);
}

void Life::SessionLost(const Error& why) {
  if (asked_ || !Running()) return;
  orders_.Say(LogLevel::kDebug, "the app ended the session: " + why.Line());
  if (signal_ != 0 && !signal_is_apps_) return orders_.CloseUi(MakeError(Errc::kClosed, ""));
  const bool misbehaved = why.code == Errc::kPeerMisbehaved;
  if (orders_.EndUiSession(why)) {  // and the run goes on
    if (misbehaved) orders_.Say(LogLevel::kError, "ended a session of the app: " + why.Line());
    return;
  }
  if (ui_end_) return;
  if (misbehaved) return GiveUp(why);
  orders_.Disarm(LifeTimer::kStart);
  // Usually the app is about to exit, with its own exit code.
  orders_.Arm(LifeTimer::kGrace, patience_.lost);
}

void Life::AppSaid(AppWord word, int number) {
  AppStarted();
  if (!Running()) return;
  switch (word) {
    case AppWord::kRuns:
      if (asked_) break;
      returned_ = false;
      if (signal_ == 0) heeds_ = false;
      break;
    case AppWord::kReturned:
      returned_ = true;
      Heed();
      break;
    case AppWord::kHeeds:
      if (asked_ || signal_ != 0) Heed();
      break;
    case AppWord::kOwnsSignal:
      if (signal_ == 0) break;
      if (number == signal_ && !asked_) signal_is_apps_ = true;
      Heed();
      break;
    default:
      break;
  }
}

void Life::Heed() {
  const bool news = !std::exchange(heeds_, true);
  if (force_ == Force::kNone || force_ == Force::kNotHeeded) {
    // A late acknowledgement counts: an app that was interrupted and now cleans up has no deadline.
    if (end_ == End::kAsked || end_ == End::kInterrupted) {
      orders_.Disarm(LifeTimer::kEnd);
      end_ = End::kAsked;
    }
  }
  if (news && end_ != End::kNot) AwaitEnd({});
  NoteSessionEnd();
}

void Life::AppExited(int code, const Error& why) {
  AppStarted();
  if (!Running()) return;
  app_ = App::kExited;
  StopDraining();
  for (int i = 0; i < kLifeTimers; ++i) orders_.Disarm(static_cast<LifeTimer>(i));
  if (why.code) {
    app_closed_ = why;
  } else if (cause_) {
    app_closed_ = cause_;
  } else if (asked_ || (signal_ != 0 && !signal_is_apps_)) {
    app_closed_ = MakeError(Errc::kClosed, "");
  } else {
    app_closed_ = MakeError(
        Errc::kPeerGone, code > 128 ? "the app was killed by signal " + std::to_string(code - 128)
                                    : "the app ended with exit code " + std::to_string(code));
  }
  orders_.OnAppEvent({AppState::kClosed, *app_closed_, 0});
  orders_.CloseUi(*app_closed_);
  orders_.OnAppEvent({AppState::kExited, {}, code});
}

// ---- The end

void Life::AskToEnd(std::chrono::milliseconds patience) {
  if (asked_ || app_ == App::kExited) return;
  asked_ = true;
  asked_patience_ = patience;
  StopDraining();
  StopStartTimers();
  orders_.Disarm(LifeTimer::kGrace);
  if (app_ == App::kOrdered) return;  // AppStarted() continues
  orders_.Leave();
  if (app_ != App::kExited && end_ == End::kNot) AwaitEnd(patience);
}

// The app has been asked to end, and must acknowledge within `patience`.
void Life::AwaitEnd(std::chrono::milliseconds patience) {
  if (end_ == End::kNot) end_ = End::kAsked;
  if (!heeds_) {
    orders_.Arm(LifeTimer::kEnd, patience);
    return;
  }
  orders_.Arm(LifeTimer::kEndNotice, patience_.before_notice);
  if (patience_.end) orders_.Arm(LifeTimer::kEndLimit, *patience_.end);
}

// From now on the app is ended by force.
void Life::Press(Force why, std::chrono::milliseconds patience) {
  force_ = why;
  end_ = End::kInterrupted;
  orders_.Disarm(LifeTimer::kEndNotice);
  orders_.Arm(LifeTimer::kEnd, patience);
}

void Life::Signal(int signal, bool app_has_it) {
  if (app_ == App::kExited) return;
  if (MayDrain(signal, app_has_it)) {
    drain_ = Drain::kUnderWay;
    orders_.Say(LogLevel::kInfo, "no new sessions from here on; those that there are have " +
                                     Words(*patience_.drain) + " (--drain); " + SignalName(signal) +
                                     " again ends them at once");
    orders_.Arm(LifeTimer::kDrain, *patience_.drain);
    return orders_.DrainUi();
  }
  StopDraining();
  ++signals_;
  if (signal_ == 0) {
    signal_ = signal;
    signal_had_ = app_has_it;
    orders_.Say(LogLevel::kDebug, SignalName(signal) + ": passed on");
  }
  StopStartTimers();
  if (app_ == App::kNone) {
    orders_.CloseUi(MakeError(Errc::kClosed, ""));
    return StayUnstarted();
  }
  if (app_ == App::kOrdered) return;  // AppStarted() passes it on
  orders_.PassSignal(signal, app_has_it);
  if (!Running()) return;
  if (signals_ > 2) {
    force_ = Force::kSecondSignal;
    end_ = End::kKilled;
    orders_.Kill();
  } else if (signals_ == 2) {
    Press(Force::kSecondSignal, patience_.forced);
  } else if (heeds_ && in_process_ && !app_has_it) {
    // In a process of its own the signal's default action would end the app here.
    Press(Force::kNone, patience_.interrupted);
    orders_.Interrupt();
  } else if (!heeds_ && end_ == End::kNot) {
    AwaitEnd(patience_.signalled);
  } else if (!heeds_ && end_ == End::kAsked) {
    orders_.Arm(LifeTimer::kEnd, patience_.signalled);
  }
}

// A handler of the app's own has the signal already, and what it does is the app's affair.
bool Life::MayDrain(int signal, bool app_has_it) const {
  return patience_.drain && signal == SIGTERM && !app_has_it && drain_ == Drain::kNot &&
         signal_ == 0 && Running() && ui_came_up_ && !ui_end_ && !asked_;
}

bool Life::StopDraining() {
  if (drain_ != Drain::kUnderWay) return false;
  drain_ = Drain::kOver;
  orders_.Disarm(LifeTimer::kDrain);
  return true;
}

void Life::GiveUp(const Error& why) {
  lost_ = why;
  orders_.CloseUi(why);
  AskToEnd(patience_.told);
}

void Life::Failure(const Error& why) {
  if (!lost_) {
    orders_.Say(LogLevel::kError, why.Line());
    lost_is_told_ = true;
  }
  if (app_ == App::kNone) {
    lost_ = why;
    orders_.CloseUi(why);
    return StayUnstarted();
  }
  if (!lost_ && app_ != App::kExited) GiveUp(why);
}

void Life::Expired(LifeTimer timer) {
  if (!Running()) return;
  switch (timer) {
    case LifeTimer::kStart:
      LookAtStart();
      break;
    case LifeTimer::kStartNotice:
      orders_.Say(LogLevel::kInfo, app_ >= App::kListening
                                       ? "still waiting for the app to answer its client: "
                                         "before_main() runs, or the event loop is blocked"
                                       : "still waiting for the app to listen: it has not come to "
                                         "ft.run(main) yet");
      break;
    case LifeTimer::kDrain:
      UiDrained();
      break;
    case LifeTimer::kGrace:
      if (returned_) {  // it has left its UI, and does other work
        orders_.CloseUi(MakeError(Errc::kPeerGone, "the app has ended the session"));
        AskToEnd(patience_.told);
      } else {
        GiveUp(MakeError(Errc::kPeerGone, "the app ended the session but not itself"));
      }
      break;
    case LifeTimer::kEnd:
      if (end_ == End::kInterrupted) {
        orders_.Say(LogLevel::kDebug, "the app does not heed that: ended by force");
        end_ = End::kKilled;
        orders_.Kill();
      } else if (end_ == End::kAsked) {
        orders_.Say(LogLevel::kDebug, "the app does not end by itself: interrupted");
        Press(Force::kNotHeeded, signal_ != 0 ? patience_.forced : patience_.interrupted);
        orders_.Interrupt();
      }
      break;
    case LifeTimer::kEndNotice:
      orders_.Say(LogLevel::kInfo,
                  signal_is_apps_ ? "the app handles " + SignalName(signal_) +
                                        " by itself; the same again ends it"
                                  : "waiting for the app to finish its own work; Ctrl-C " +
                                        std::string(signal_ != 0 ? "again" : "twice") + " ends it");
      break;
    case LifeTimer::kEndLimit:
      orders_.Say(LogLevel::kWarning, "the app did not end within " + Words(*patience_.end) +
                                          " (--end-deadline): ended by force");
      Press(Force::kLimit, patience_.interrupted);
      orders_.Interrupt();
      break;
  }
}

// The session has ended once the UI has closed and the app has acknowledged it, or ft.run() has
// returned.
void Life::NoteSessionEnd() {
  if (session_ended_ || !heeds_ || !(returned_ || (asked_ && ui_end_))) return;
  session_ended_ = true;
  orders_.OnSessionEnded();
}

}  // namespace fletbridge
