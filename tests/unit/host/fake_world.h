// Room: tests/unit/host. A run without a process: an app and a UI that behave as told, and a clock
// that is moved by hand. Carries out what a Life orders, as the session does, and watches that no
// order comes that must not.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/host/life.h"
#include "src/host/verdict.h"

namespace fletbridge {

struct FakeApp {
  bool listens = true;
  bool heeds_word = true;      // its event loop turns
  bool heeds_signal = true;    // our handler has it; else it owns it
  bool ends_by_itself = true;  // once it heeds
  bool heeds_interrupt = true;
  int code = 0;  // what it ends with by itself
};

class FakeWorld final : public LifeOrders {
 public:
  using Time = std::chrono::milliseconds;

  explicit FakeWorld(FakeApp app = {}, LifePatience patience = {}, bool in_process = false)
      : behaviour(app), life(*this, patience, in_process) {}

  // ---- What happens by itself: answers to orders, in their order, then the clock.
  bool Step() {
    if (!answers_.empty()) {
      const std::function<void()> answer = std::move(answers_.front());
      answers_.pop_front();
      answer();
      return true;
    }
    std::optional<std::size_t> next;
    for (std::size_t i = 0; i < timers_.size(); ++i) {
      if (timers_[i] && (!next || *timers_[i] < *timers_[*next])) next = i;
    }
    if (!next) return false;
    now = *timers_[*next];
    timers_[*next].reset();
    life.Expired(static_cast<LifeTimer>(*next));
    return true;
  }
  // To the end; false if it has none.
  bool RunToEnd(int most = 1000) {
    while (!Over() && most-- > 0) {
      if (!Step()) return false;
    }
    return Over();
  }
  void Settle() {
    while (!answers_.empty()) Step();
  }
  void Advance(Time time) {
    const Time until = now + time;
    for (;;) {
      Settle();
      bool due = false;
      for (const auto& timer : timers_) due = due || (timer && *timer <= until);
      if (!due) break;
      Step();
    }
    now = until;
  }
  // As the session: the app has ended, or is never started, and the UI has closed.
  bool Over() const { return (exited || unstarted) && ui_closed; }

  // ---- What the app and the UI do of their own accord.
  void UiUp() { life.UiReady(); }
  void CloseWindow(int code = 0, Error why = {}) {
    if (std::exchange(ui_closed, true)) return;
    life.UiClosed({std::move(why), code});
  }
  void Exit(int code) {
    if (!started || std::exchange(exited, true)) return;
    exit_code = code;
    life.AppExited(code, {});
  }
  void Person(int signal, bool app_has_it = true) { life.Signal(signal, app_has_it); }

  // ---- LifeOrders
  void StartApp() override {
    if (started || unstarted) Break("the app is started a second time, or after all");
    start_ordered = true;
    answers_.push_back([this] {
      started = true;
      life.AppStarted();
      if (!behaviour.listens) return;
      answers_.push_back([this] {
        if (exited) return;
        life.AppSaid(AppWord::kRuns, 0);
        life.AppListening();
        life.AppConnected();
      });
    });
  }
  void StayUnstarted() override {
    if (start_ordered || unstarted) Break("an app that was started is told as never started");
    unstarted = true;
  }
  void Leave() override {
    Order("leave");
    if (++leaves > 1) Break("the app is left twice");
    answers_.push_back([this] {
      if (exited || !behaviour.heeds_word) return;
      life.AppSaid(AppWord::kHeeds, 0);
      EndByItself();
    });
  }
  void PassSignal(int signal, bool) override {
    Order("pass");
    answers_.push_back([this, signal] {
      if (exited || !behaviour.heeds_word) return;
      life.AppSaid(behaviour.heeds_signal ? AppWord::kHeeds : AppWord::kOwnsSignal, signal);
      if (behaviour.heeds_signal) EndByItself();
    });
  }
  void Interrupt() override {
    Order("interrupt");
    ++interrupts;
    answers_.push_back([this] {
      if (behaviour.heeds_interrupt) Exit(130);
    });
  }
  void Kill() override {
    Order("kill");
    ++kills;
    answers_.push_back([this] { Exit(137); });
  }
  void CloseUi(const Error& why) override {
    answers_.push_back([this, why] { CloseWindow(closed_by_us, why); });
  }
  void DrainUi() override {
    if (++drains > 1) Break("the UI drains twice");
    if (drains_at_once) answers_.push_back([this] { life.UiDrained(); });
  }
  bool EndUiSession(const Error&) override { return ui_takes_another; }
  void Arm(LifeTimer timer, Time time) override {
    if (exited) Break("a timer is set after the app's end");
    timers_[static_cast<std::size_t>(timer)] = now + time;
  }
  void Disarm(LifeTimer timer) override { timers_[static_cast<std::size_t>(timer)].reset(); }
  bool WaitsForPerson() override { return person; }
  void Say(LogLevel level, const std::string& text) override {
    if (level <= LogLevel::kInfo) said.push_back(text);
  }
  void OnAppEvent(const AppEvent& event) override {
    if (!events.empty() && events.back() >= event.state) Break("the life is told out of order");
    events.push_back(event.state);
  }
  void OnSessionEnded() override {
    if (++sessions_ended > 1) Break("the session ends twice");
  }

  [[nodiscard]] bool Armed(LifeTimer timer) const {
    return timers_[static_cast<std::size_t>(timer)].has_value();
  }
  [[nodiscard]] bool AnyTimer() const {
    for (const auto& timer : timers_) {
      if (timer) return true;
    }
    return false;
  }

  FakeApp behaviour;
  bool person = false;
  bool ui_takes_another = false;
  bool drains_at_once = false;  // the UI has no clients
  int closed_by_us = 0;         // what a UI ends with that we close: 1 if steps were waiting
  Time now{0};
  bool start_ordered = false, started = false, unstarted = false, exited = false;
  bool ui_closed = false;
  int exit_code = 0;
  int leaves = 0, interrupts = 0, kills = 0, sessions_ended = 0, drains = 0;
  std::vector<AppState> events;
  std::vector<std::string> said;
  std::vector<std::string> broken;

  Life life;

 private:
  void EndByItself() {
    if (!behaviour.ends_by_itself) return;
    answers_.push_back([this] {
      if (!exited) life.AppSaid(AppWord::kReturned, 0);
      answers_.push_back([this] { Exit(behaviour.code); });
    });
  }
  void Order(const std::string& what) {
    if (!started) Break("order to an app that is not started: " + what);
    if (exited) Break("order to an app that has ended: " + what);
  }
  void Break(const std::string& what) { broken.push_back(what); }

  std::deque<std::function<void()>> answers_;
  std::array<std::optional<Time>, kLifeTimers> timers_;
};

}  // namespace fletbridge
