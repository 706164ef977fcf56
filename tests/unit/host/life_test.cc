#include "src/host/life.h"

#include <csignal>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/host/fake_world.h"

namespace fletbridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A run with its first page shown.
void Show(FakeWorld& world) {
  world.UiUp();
  world.Settle();
  world.life.ClientConnected();
  world.life.ClientRegistered();
}

int CodeOf(const FakeWorld& world) { return Judge(world.life, world.exit_code).code; }

TEST(Life, OfAPlainRunIsToldOnceAndInOrder) {
  FakeWorld world;
  Show(world);
  world.CloseWindow();
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_THAT(world.events,
              ElementsAre(AppState::kStarting, AppState::kListening, AppState::kConnected,
                          AppState::kClosed, AppState::kExited));
  EXPECT_EQ(CodeOf(world), 0);
  EXPECT_EQ(world.sessions_ended, 1);
  EXPECT_EQ(world.interrupts + world.kills, 0);
  EXPECT_FALSE(world.AnyTimer());
}

TEST(Life, DoesNotStartAnAppWhoseUiDidNotComeUp) {
  FakeWorld world;
  world.CloseWindow(70, MakeError(Errc::kSetup, "no GTK"));
  world.UiUp();
  EXPECT_TRUE(world.Over());
  EXPECT_FALSE(world.start_ordered);
  EXPECT_EQ(CodeOf(world), 70);
}

TEST(Life, AsksAnAppToEndThatIsJustBeingStarted) {
  FakeWorld world;
  world.UiUp();         // the start is ordered, and not done yet
  world.CloseWindow();  // "no GTK" comes late
  EXPECT_EQ(world.leaves, 0);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(world.leaves, 1);
  EXPECT_THAT(world.broken, IsEmpty());
}

TEST(Life, PassesASignalOnThatCameWhileTheAppWasBeingStarted) {
  FakeWorld world;
  world.UiUp();
  world.Person(SIGTERM, false);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
}

TEST(Life, DoesNotStartAnAppAfterASignal) {
  FakeWorld world;
  world.Person(SIGTERM, false);
  world.UiUp();
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_FALSE(world.start_ordered);
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
}

TEST(Life, HasNoDeadlineForWhatAnAppDoesOnceItHeeds) {
  FakeWorld world({.ends_by_itself = false});
  Show(world);
  world.CloseWindow();
  world.Advance(10h);
  EXPECT_FALSE(world.exited);
  EXPECT_EQ(world.interrupts + world.kills, 0);
  EXPECT_THAT(world.said, ElementsAre(HasSubstr("waiting for the app")));
  world.Exit(0);
  EXPECT_EQ(CodeOf(world), 0);
}

TEST(Life, HasNoDeadlineForWhatAnAppDoesAfterASignal) {
  FakeWorld world({.ends_by_itself = false});
  Show(world);
  world.Person(SIGINT);
  world.Advance(10h);
  EXPECT_FALSE(world.exited);
  world.Exit(0);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 130);
}

TEST(Life, EndsAnAppThatDoesNotHeedAndSaysSo) {
  FakeWorld world({.heeds_word = false, .heeds_interrupt = false});
  Show(world);
  world.CloseWindow();
  world.Advance(2999ms);
  EXPECT_EQ(world.interrupts, 0);
  world.Advance(1ms);
  EXPECT_EQ(world.interrupts, 1);
  world.Advance(1s);
  EXPECT_TRUE(world.exited);
  const Verdict verdict = Judge(world.life, world.exit_code);
  EXPECT_EQ(verdict.code, 137);
  EXPECT_THAT(verdict.line, HasSubstr("did not heed"));
}

TEST(Life, LetsAnAppFinishThatHeedsOnlyOnceItIsInterrupted) {
  FakeWorld world({.heeds_word = false, .heeds_interrupt = false});
  Show(world);
  world.CloseWindow();
  world.Advance(3s);
  ASSERT_EQ(world.interrupts, 1);
  world.life.AppSaid(AppWord::kReturned, 0);  // ft.run() unwinds, `finally` saves
  world.Advance(10min);
  EXPECT_EQ(world.kills, 0);
  world.Exit(0);
  EXPECT_TRUE(world.RunToEnd());
}

TEST(Life, EndsAnAppAtASecondSignalAndNeverWithZero) {
  FakeWorld world({.ends_by_itself = false, .heeds_interrupt = false});
  Show(world);
  world.Person(SIGINT);
  world.Advance(1min);
  ASSERT_FALSE(world.exited);
  world.Person(SIGINT);
  world.Advance(500ms);
  EXPECT_EQ(world.kills, 1);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 130);
}

TEST(Life, EndsAnAppByItsLimitAndNeverWithZero) {
  LifePatience patience;
  patience.end = 60s;
  FakeWorld world({.ends_by_itself = false, .heeds_interrupt = false}, patience);
  Show(world);
  world.CloseWindow();
  world.Advance(60s);
  EXPECT_EQ(world.interrupts, 1);
  world.Exit(0);
  EXPECT_NE(CodeOf(world), 0);
  EXPECT_THAT(world.said.back(), HasSubstr("--end-deadline"));
  EXPECT_EQ(Judge(world.life, 0).line, "") << "it has been said";
}

TEST(Life, LeavesASignalToTheAppThatOwnsIt) {
  FakeWorld world({.heeds_signal = false});
  world.closed_by_us = 1;
  Show(world);
  world.Person(SIGTERM);
  world.Advance(1h);
  EXPECT_FALSE(world.exited);
  EXPECT_FALSE(world.ui_closed);
  EXPECT_EQ(world.interrupts + world.kills, 0);
  world.Exit(3);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 3);
}

TEST(Life, OfAnAppInThisProcessEndsByASignalsDefaultActionInItsCleanUp) {
  FakeWorld world({.ends_by_itself = false}, {}, true);
  Show(world);
  world.CloseWindow();
  world.Advance(1s);
  world.Person(SIGTERM, false);
  EXPECT_EQ(world.interrupts, 1);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
}

TEST(Life, WaitsAsLongForAStartAsItLikesAndSaysSoOnce) {
  FakeWorld world({.listens = false});
  world.UiUp();
  world.Advance(5h);
  EXPECT_FALSE(world.exited);
  EXPECT_THAT(world.said, ElementsAre(HasSubstr("still waiting")));
}

TEST(Life, EndsAnAppThatDoesNotListenInTheTimeThatItIsGiven) {
  LifePatience patience;
  patience.listening = 2min;
  FakeWorld world({.listens = false}, patience);
  world.UiUp();
  ASSERT_TRUE(world.RunToEnd());
  const Verdict verdict = Judge(world.life, world.exit_code);
  EXPECT_EQ(verdict.code, 70);
  EXPECT_THAT(verdict.line, HasSubstr("did not listen within 120 s"));
}

TEST(Life, IsNotHeldLateByAPerson) {
  LifePatience patience;
  patience.listening = 1min;
  FakeWorld world({.listens = false}, patience);
  world.person = true;  // input() waits
  world.UiUp();
  world.Advance(1h + 59s);  // it is answered just before the next minute is over
  EXPECT_FALSE(world.exited);
  world.person = false;
  world.Advance(59s);
  EXPECT_FALSE(world.exited);
  world.Advance(2s);
  EXPECT_TRUE(world.RunToEnd());
}

TEST(Life, GivesUpAnAppThatDoesNotAnswerItsClientInTime) {
  LifePatience patience;
  patience.registration = 1min;
  FakeWorld world({}, patience);
  world.UiUp();
  world.Settle();
  world.life.ClientConnected();
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 70);
}

TEST(Life, CountsASessionThatHasEndedBeforeACrash) {
  FakeWorld world({.ends_by_itself = false});
  Show(world);
  world.CloseWindow();
  world.Settle();
  EXPECT_EQ(world.sessions_ended, 1);
  EXPECT_EQ(JudgeSession(world.life).code, 0);
  world.Exit(134);
  const Verdict verdict = Judge(world.life, 134);
  EXPECT_EQ(verdict.code, 134);
  EXPECT_THAT(verdict.line, HasSubstr("SIGABRT after its session"));
}

TEST(Life, EndsTheSessionAndNotTheAppWhenSomethingOfOursFails) {
  FakeWorld world;
  Show(world);
  world.life.Failure(MakeError(Errc::kLimit, "no memory"));
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(world.kills, 0);
  EXPECT_EQ(CodeOf(world), 70);
}

TEST(Life, GoesOnWithAnAppThatRunsASecondTime) {
  FakeWorld world;
  Show(world);
  world.life.AppSaid(AppWord::kReturned, 0);
  world.life.AppSaid(AppWord::kRuns, 0);
  world.behaviour.heeds_word = false;  // the second one is deaf
  world.CloseWindow();
  world.Advance(3s);
  EXPECT_EQ(world.interrupts, 1);
}

// ---- SIGTERM to a UI whose clients may go on for a while

LifePatience Draining() {
  LifePatience patience;
  patience.drain = 20s;
  return patience;
}

TEST(Life, PassesSigtermOnWhenTheLastClientHasGone) {
  FakeWorld world({}, Draining());
  Show(world);
  world.Person(SIGTERM, false);
  world.Advance(19s);
  EXPECT_EQ(world.drains, 1);
  EXPECT_FALSE(world.exited);
  EXPECT_EQ(world.life.signal(), 0);
  world.life.UiDrained();
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
  EXPECT_EQ(world.interrupts + world.kills, 0);
}

TEST(Life, PassesSigtermOnWhenTheTimeOfTheClientsIsOver) {
  FakeWorld world({}, Draining());
  Show(world);
  world.Person(SIGTERM, false);
  world.Advance(20s);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
  EXPECT_FALSE(world.AnyTimer());
}

TEST(Life, EndsADrainAtTheNextSignalAndAsTheFirstOne) {
  FakeWorld world({.ends_by_itself = false}, Draining());
  Show(world);
  world.Person(SIGTERM, false);
  world.Person(SIGTERM, false);
  world.Settle();
  EXPECT_EQ(world.life.signal(), SIGTERM);
  world.Advance(1min);
  EXPECT_FALSE(world.exited) << "it heeds, and its own work has no deadline";
  world.Person(SIGTERM, false);
  ASSERT_TRUE(world.RunToEnd());
  EXPECT_EQ(CodeOf(world), 128 + SIGTERM);
}

TEST(Life, DrainsNothingForAnAppThatHasTheSignalAlreadyAndNothingForCtrlC) {
  for (const int signal : {SIGTERM, SIGINT}) {
    FakeWorld world({}, Draining());
    Show(world);
    world.Person(signal, signal == SIGTERM);
    ASSERT_TRUE(world.RunToEnd());
    EXPECT_EQ(world.drains, 0);
    EXPECT_EQ(CodeOf(world), 128 + signal);
  }
}

// ---- Every event in every state, and every order of two

struct Event {
  const char* name;
  std::function<void(FakeWorld&)> happen;
};

const std::vector<Event>& Events() {
  static const std::vector<Event> events = {
      {"ui ready", [](FakeWorld& w) { w.UiUp(); }},
      {"ui closed", [](FakeWorld& w) { w.CloseWindow(); }},
      {"ui failed", [](FakeWorld& w) { w.CloseWindow(1); }},
      {"client connected", [](FakeWorld& w) { w.life.ClientConnected(); }},
      {"client registered", [](FakeWorld& w) { w.life.ClientRegistered(); }},
      {"client gone", [](FakeWorld& w) { w.life.ClientGone(); }},
      {"app started",
       [](FakeWorld& w) {
         if (w.started) w.life.AppStarted();
       }},
      {"listening",
       [](FakeWorld& w) {
         if (w.started) w.life.AppListening();
       }},
      {"connected",
       [](FakeWorld& w) {
         if (w.started) w.life.AppConnected();
       }},
      {"session lost",
       [](FakeWorld& w) { w.life.SessionLost(MakeError(Errc::kPeerGone, "gone")); }},
      {"session broken",
       [](FakeWorld& w) { w.life.SessionLost(MakeError(Errc::kPeerMisbehaved, "bad")); }},
      {"unreachable",
       [](FakeWorld& w) {
         if (w.started) w.life.AppUnreachable(MakeError(Errc::kUntrusted, "no"));
       }},
      {"runs",
       [](FakeWorld& w) {
         if (w.started) w.life.AppSaid(AppWord::kRuns, 0);
       }},
      {"heeds",
       [](FakeWorld& w) {
         if (w.started) w.life.AppSaid(AppWord::kHeeds, 0);
       }},
      {"owns",
       [](FakeWorld& w) {
         if (w.started) w.life.AppSaid(AppWord::kOwnsSignal, SIGTERM);
       }},
      {"returned",
       [](FakeWorld& w) {
         if (w.started) w.life.AppSaid(AppWord::kReturned, 0);
       }},
      {"exits 0", [](FakeWorld& w) { w.Exit(0); }},
      {"crashes", [](FakeWorld& w) { w.Exit(139); }},
      {"SIGTERM", [](FakeWorld& w) { w.Person(SIGTERM, false); }},
      {"SIGINT at the terminal", [](FakeWorld& w) { w.Person(SIGINT, true); }},
      {"drained", [](FakeWorld& w) { w.life.UiDrained(); }},
      {"failure", [](FakeWorld& w) { w.life.Failure(MakeError(Errc::kLimit, "no memory")); }},
      {"an answer or the clock", [](FakeWorld& w) { (void)w.Step(); }},
      {"the clock", [](FakeWorld& w) { w.Advance(1s); }},
      {"a minute", [](FakeWorld& w) { w.Advance(1min); }},
  };
  return events;
}

// What must hold of every run, whatever has happened in it. The person loses patience in the end.
std::string Flaw(FakeWorld& world) {
  for (int patience = 0; !world.Over() && patience < 5; ++patience) {
    if (!world.RunToEnd()) world.Person(SIGINT);
  }
  if (!world.RunToEnd()) return "it has no end";
  if (!world.broken.empty()) return world.broken.front();
  if (world.exited && world.AnyTimer()) return "a timer outlives the app";
  if (world.start_ordered && !world.exited) return "a started app is left behind";
  if (!world.events.empty() && world.events.back() != AppState::kExited)
    return "the end is not told";
  const Verdict verdict = Judge(world.life, world.exit_code);
  if (world.kills + world.interrupts > 0 && world.exit_code > 128 && verdict.code == 0)
    return "an end by force is reported as 0";
  if (world.life.signal() != 0 && !world.life.signal_is_apps() &&
      verdict.code != 128 + world.life.signal())
    return "a signal is reported as " + std::to_string(verdict.code);
  return {};
}

const std::vector<FakeApp>& Apps() {
  static const std::vector<FakeApp> apps = {
      {},
      {.listens = false},
      {.ends_by_itself = false},
      {.heeds_word = false},
      {.heeds_signal = false},
      {.heeds_word = false, .heeds_interrupt = false},
      {.listens = false, .heeds_word = false, .heeds_interrupt = false},
  };
  return apps;
}

// Ways into every state.
const std::vector<std::vector<const char*>>& Paths() {
  static const std::vector<std::vector<const char*>> paths = {
      {},
      {"ui ready"},
      {"ui ready", "an answer or the clock"},
      {"ui ready", "an answer or the clock", "listening"},
      {"ui ready", "an answer or the clock", "connected"},
      {"ui ready", "an answer or the clock", "connected", "client connected"},
      {"ui ready", "an answer or the clock", "connected", "client connected", "client registered"},
      {"ui ready", "an answer or the clock", "connected", "session lost"},
      {"ui ready", "an answer or the clock", "connected", "returned"},
      {"ui ready", "an answer or the clock", "connected", "ui closed"},
      {"ui ready", "an answer or the clock", "connected", "ui closed", "heeds"},
      {"ui ready", "an answer or the clock", "connected", "SIGTERM"},
      {"ui ready", "an answer or the clock", "connected", "SIGTERM", "owns"},
      {"ui ready", "an answer or the clock", "connected", "SIGTERM", "SIGTERM"},
      {"ui ready", "an answer or the clock", "connected", "ui closed", "the clock", "the clock",
       "the clock"},
      {"ui ready", "an answer or the clock", "connected", "client connected", "SIGTERM", "drained"},
      {"ui ready", "an answer or the clock", "unreachable"},
      {"ui ready", "an answer or the clock", "exits 0"},
      {"ui closed"},
      {"SIGTERM"},
      {"failure"},
  };
  return paths;
}

const Event& Named(const std::string& name) {
  for (const Event& event : Events()) {
    if (name == event.name) return event;
  }
  throw std::logic_error("no event " + name);
}

LifePatience WithLimits(bool limits) {
  LifePatience patience;
  if (limits) {
    patience.listening = 2min;
    patience.registration = 2min;
    patience.end = 1min;
    patience.drain = 20s;
  }
  return patience;
}

TEST(Life, HoldsForEveryEventInEveryStateAndEveryOrderOfTwo) {
  std::size_t runs = 0;
  for (const FakeApp& app : Apps()) {
    for (const bool in_process : {false, true}) {
      for (const auto& path : Paths()) {
        for (const Event& first : Events()) {
          for (const Event& second : Events()) {
            FakeWorld world(app, WithLimits(runs % 2 == 0), in_process);
            world.ui_takes_another = runs % 3 == 0;
            world.drains_at_once = runs % 5 == 0;
            std::string told;
            for (const char* name : path) {
              Named(name).happen(world);
              told += std::string(name) + ", ";
            }
            first.happen(world);
            second.happen(world);
            ++runs;
            const std::string flaw = Flaw(world);
            ASSERT_EQ(flaw, "") << told << first.name << ", " << second.name << " (run " << runs
                                << ")";
          }
        }
      }
    }
  }
  EXPECT_GT(runs, 100'000U);
}

TEST(Life, HoldsForAHundredThousandRandomSchedules) {
  std::mt19937 random(20261129);
  const auto any = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  for (int run = 0; run < 100'000; ++run) {
    FakeWorld world(Apps()[any(Apps().size())], WithLimits(any(2) == 0), any(2) == 0);
    world.ui_takes_another = any(3) == 0;
    world.drains_at_once = any(3) == 0;
    std::string told;
    if (any(8) != 0) world.UiUp();
    for (std::size_t left = any(14); left > 0; --left) {
      const Event& event = Events()[any(Events().size())];
      told += std::string(event.name) + ", ";
      event.happen(world);
    }
    const std::string flaw = Flaw(world);
    ASSERT_EQ(flaw, "") << "schedule " << run << ": " << told;
  }
}

}  // namespace
}  // namespace fletbridge
