#include <chrono>
#include <csignal>
#include <thread>

#include "tests/conformance/scenarios.h"

namespace fletbridge::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;

void AwaitEcho(Rig& rig) {
  rig.Send(PacketType::kControl, Buffer(std::string_view("hello")));
  Require(rig.Next().payload.text() == "hello", "no echo");
}

void StopAndAwaitEnd(Rig& rig, Errc expected = Errc::kClosed) {
  rig.Stop();
  const Error why = rig.AwaitClosed();
  Require(why.code == expected, "closed because of: " + why.code.message() + ", " + why.Line());
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

void Lives(Rig& rig) {
  AwaitEcho(rig);
  StopAndAwaitEnd(rig);
  Require(rig.session().Send({PacketType::kControl, Buffer(1)}) == SendResult::kClosed,
          "Send() after the end is not answered with kClosed");
}

std::function<void(Rig&)> ExitsWith(int code, json order) {
  order["do"] = "exit";
  return [code, order](Rig& rig) {
    AwaitEcho(rig);
    rig.ExpectExit(rig.CodeTold(code));
    rig.Order(order);
    const Error why = rig.AwaitClosed();
    Require(why.code == Errc::kPeerGone, "closed because of: " + why.Line());
    Require(why.context.find(std::to_string(rig.CodeTold(code))) != std::string::npos,
            "no exit code in: " + why.context);
  };
}

// Each of these ends one thread or one task of the app, not the app.
void ThreadExits(Rig& rig) {
  rig.Order({{"do", "exit"}, {"how", "thread"}, {"code", 4}});
  AwaitEcho(rig);
}

void ExitsInFlight(Rig& rig) {
  constexpr std::uint32_t kPackets = 300;
  constexpr std::size_t kBytes = 64 * kKiB;
  rig.ExpectExit(rig.CodeTold(5));
  rig.Order({{"do", "exit"}, {"how", "os"}, {"code", 5}, {"packets", kPackets}, {"size", kBytes}});
  for (std::uint32_t number = 0; number < kPackets; ++number) {
    Require(ReadLabel(rig.Next()).number == number, "packets before the end are out of order");
  }
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.packets_received() == kPackets, "more packets than were sent");
}

// A UI that takes nothing for a while gets all that was said before the end.
void ExitsWhilePaused(Rig& rig) {
  constexpr std::uint32_t kPackets = 40;
  rig.AwaitConnected();
  rig.ExpectExit(rig.CodeTold(5));
  rig.session().PauseReceiving();
  rig.Order({{"do", "exit"}, {"how", "os"}, {"code", 5}, {"packets", kPackets}, {"size", kKiB}});
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.packets_received() == kPackets, "of " + std::to_string(kPackets) + " packets " +
                                                  std::to_string(rig.packets_received()) +
                                                  " were delivered");
}

void ExitsBeforeListening(Rig& rig, int code) {
  rig.ExpectExit(code);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kPeerGone, "closed because of: " + why.Line());
}

void NeverListens(Rig& rig) {
  rig.ExpectExit(rig.only_leaves() ? 0 : 137);  // blocked for ever, it heeds nothing softer
  rig.AwaitUntil("the end", [&] { return rig.exited(); });
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kLimit, "closed because of: " + why.Line());
  Require(why.context.find("within") != std::string::npos, "no cause in: " + why.context);
}

void StopsFromManyThreads(Rig& rig) {
  AwaitEcho(rig);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&rig] { rig.Stop(); });
  for (std::thread& thread : threads) thread.join();
  StopAndAwaitEnd(rig);
}

void StopsBeforeConnect(Rig& rig) {
  rig.AwaitTold("at", "started");
  rig.Stop();
  // An app that has not yet taken its signals.
  rig.ExpectExit(rig.only_leaves() ? 0 : rig.in_process() ? 130 : 143);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
}

void StopsAfterExit(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(rig.CodeTold(3));
  rig.Order({{"do", "exit"}, {"how", "exit"}, {"code", 3}});
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  for (int i = 0; i < 3; ++i) rig.Stop();
  Require(rig.AwaitClosed().code == Errc::kPeerGone, "closed for another reason");
}

void StopsADeafApp(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(137);
  rig.Order({{"do", "stall"}});  // its event loop stands still
  rig.AwaitTold("at", "stalled");
  const auto begin = steady_clock::now();
  rig.Stop();
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  const auto took = steady_clock::now() - begin;
  Require(took >= 600ms, "the deadlines were not kept");
  Require(took < 5s, "it took too long");
}

void LeavesADeafApp(Rig& rig) {
  AwaitEcho(rig);
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  const auto begin = steady_clock::now();
  rig.Stop();
  rig.AwaitUntil("the end", [&] { return rig.exited(); });
  Require(steady_clock::now() - begin < 250ms, "it has waited for an app that it cannot ask");
}

void LeavesAtASignal(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(rig.CodeTold(128 + SIGTERM));
  rig.Signal(SIGTERM);
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
  rig.AwaitUntil("the end", [&] { return rig.exited(); });
}

void StopsInTraffic(Rig& rig) {
  rig.Order({{"do", "produce"}, {"n", 0}, {"size", kMiB}, {"forever", true}});
  (void)rig.Next();
  rig.session().PauseReceiving();  // and with a UI that reads no more
  StopAndAwaitEnd(rig);
}

void StopsWithAFullQueue(Rig& rig) {
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  Packet packet;
  do packet = {PacketType::kControl, Buffer(kMiB)};
  while (rig.session().Send(std::move(packet)) == SendResult::kAccepted);
  rig.ExpectExit(rig.only_leaves() ? 0 : 137);  // stalled for ever
  rig.Stop();
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

void EndsADeafAppAtASecondSignal(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(137);
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  for (int i = 0; i < 2; ++i) rig.Signal(SIGTERM);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

// What the app does behind ft.run() takes longer than all deadlines together.
void LetsTheAppFinish(Rig& rig) {
  AwaitEcho(rig);
  rig.Stop();
  rig.AwaitTold("at", "cleaning");
  std::this_thread::sleep_for(1500ms);  // that nothing happens has no event
  Require(!rig.exited(), "the app was ended in its own work");
  rig.Go();
  rig.AwaitTold("at", "clean", true);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
}

void NeverStarts(Rig&) {}

// Asked to end while it is being started: at no moment is it left behind, or started for good.
void StopsInTheStart(Rig& rig) {
  rig.Stop();
  rig.ExpectExit(kAnyExit);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
}

void BeginsANewSession(Rig& rig) {
  AwaitEcho(rig);
  rig.AwaitTold("session", 1);
  for (int session = 2; session <= 4; ++session) {
    rig.NewSession();
    rig.AwaitTold("session", session);
    rig.AwaitTold("ended", session - 1);
    AwaitEcho(rig);
  }
  const json report = rig.Report();
  Require(report["sessions"] == 4, "the app has seen " + report.dump());
  Require(rig.lost_calls() == 0, "a session that this side ended is told as lost");
}

// What is sent after NewSession() has returned belongs to the new session, from any thread.
void SendsAtOnceInANewSession(Rig& rig) {
  AwaitEcho(rig);
  for (int session = 2; session <= 20; ++session) {
    rig.NewSession();
    AwaitEcho(rig);
  }
}

void KeepsSessionsApart(Rig& rig) {
  constexpr int kSessions = 5;
  for (std::uint32_t session = 1; session <= kSessions; ++session) {
    rig.Order({{"do", "produce"}, {"n", 0}, {"size", 10000}, {"forever", true}});
    // Of the session before nothing comes once the new one has begun to speak.
    std::uint32_t now = 0;
    do {
      now = ReadLabel(rig.Next()).session;
      Require(now <= session, "a packet of a session to come");
    } while (now != session);
    for (int i = 0; i < 100; ++i)
      Require(ReadLabel(rig.Next()).session == session, "a packet of an old session");
    if (session != kSessions) rig.NewSession();
  }
}

// A session that begins behind a full queue loses nothing of what is sent in it.
void BeginsANewSessionWithAFullQueue(Rig& rig) {
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  Packet packet;
  do packet = {PacketType::kControl, Buffer(kMiB)};
  while (rig.session().Send(std::move(packet)) == SendResult::kAccepted);
  rig.NewSession();
  rig.Go();
  rig.AwaitTold("session", 2);
  rig.Order({{"do", "report"}});
  for (;;) {  // a library may have taken some of the old ones, and the app echoes them
    const Packet next = rig.Next();
    if (next.payload.size() != kMiB) break;
  }
}

LifePatience Within(std::chrono::milliseconds listening) {
  LifePatience patience = Plan::Impatient();
  patience.listening = listening;
  return patience;
}

}  // namespace

std::vector<Scenario> LifeScenarios() {
  return {
      {"lives", {}, Lives},
      {"exit_return", {}, ExitsWith(0, {{"how", "return"}})},
      {"exit_3", {}, ExitsWith(3, {{"how", "exit"}, {"code", 3}})},
      {"exit_raise", {}, ExitsWith(1, {{"how", "raise"}})},
      {"exit_os", {}, ExitsWith(5, {{"how", "os"}, {"code", 5}})},
      {"exit_os_thread", {}, ExitsWith(6, {{"how", "os in a thread"}, {"code", 6}})},
      {"exit_handler", {}, ExitsWith(4, {{"how", "handler"}, {"code", 4}})},
      {"exit_thread", {}, ThreadExits},
      {"exit_in_flight", {}, ExitsInFlight},
      {"exit_paused", {}, ExitsWhilePaused},
      {"exit_early", {.start = "exit"}, [](Rig& rig) { ExitsBeforeListening(rig, 3); }},
      {"raise_early", {.start = "raise"}, [](Rig& rig) { ExitsBeforeListening(rig, 1); }},
      {"never_listens", {.start = "deaf_hold", .patience = Within(700ms)}, NeverListens},
      {"stop_threads", {}, StopsFromManyThreads},
      {"stop_first", {.stop_first = true}, NeverStarts},
      {"stop_start", {.start = "hold", .patience = Plan::Impatient()}, StopsInTheStart},
      {"stop_early", {.start = "hold", .patience = Plan::Impatient()}, StopsBeforeConnect},
      {"stop_late", {}, StopsAfterExit},
      {"stop_deaf", {.patience = Plan::Impatient()}, StopsADeafApp},
      {"stop_signals", {.patience = Plan::Impatient()}, EndsADeafAppAtASecondSignal},
      {"slow_end", {.start = "slow_end", .patience = Plan::Impatient()}, LetsTheAppFinish},
      {"stop_traffic", {}, StopsInTraffic},
      {"stop_full", {.patience = Plan::Impatient()}, StopsWithAFullQueue},
      {"new_session", {}, BeginsANewSession},
      {"new_session_send", {}, SendsAtOnceInANewSession},
      {"leaves_deaf", {}, LeavesADeafApp},
      {"leaves_signal", {}, LeavesAtASignal},
      {"new_session_full", {}, BeginsANewSessionWithAFullQueue},
      {"new_session_traffic", {}, KeepsSessionsApart},
  };
}

}  // namespace fletbridge::conformance
