#include <chrono>

#include "tests/conformance/scenarios.h"

namespace fletbridge::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;

constexpr StopDeadlines kPatient{10000ms, 5000ms, false};

void AwaitEcho(Rig& rig) {
  rig.Send(PacketType::kControl, Buffer(std::string_view("hello")));
  Require(rig.Next().payload.text() == "hello", "no echo");
}

void StopAndAwaitEnd(Rig& rig, Errc expected = Errc::kClosed) {
  rig.transport().Stop(kPatient);
  const Error why = rig.AwaitClosed();
  Require(why.code == expected, "closed because of: " + why.code.message() + ", " + why.Line());
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

void Lives(Rig& rig) {
  AwaitEcho(rig);
  StopAndAwaitEnd(rig);
  Require(rig.transport().Send({PacketType::kControl, Buffer(1)}) == SendResult::kClosed,
          "Send() after the end is not answered with kClosed");
}

std::function<void(Rig&)> ExitsWith(int code, json order) {
  order["do"] = "exit";
  return [code, order](Rig& rig) {
    AwaitEcho(rig);
    rig.ExpectExit(code);
    rig.Order(order);
    const Error why = rig.AwaitClosed();
    Require(why.code == Errc::kPeerGone, "closed because of: " + why.Line());
    Require(why.context.find(std::to_string(code)) != std::string::npos,
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
  rig.ExpectExit(5);
  rig.Order({{"do", "exit"}, {"how", "os"}, {"code", 5}, {"packets", kPackets}, {"size", kBytes}});
  for (std::uint32_t number = 0; number < kPackets; ++number) {
    Require(ReadLabel(rig.Next()).number == number, "packets before the end are out of order");
  }
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.packets_received() == kPackets, "more packets than were sent");
}

void ExitsBeforeListening(Rig& rig, int code) {
  rig.ExpectExit(code);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kPeerGone, "closed because of: " + why.Line());
}

void NeverListens(Rig& rig) {
  rig.ExpectExit(137);  // blocked for ever, it heeds nothing softer
  rig.AwaitUntil("the end", [&] { return rig.exited(); });
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kLimit, "closed because of: " + why.Line());
  Require(why.context.find("in time") != std::string::npos, "no cause in: " + why.context);
}

void StopsFromManyThreads(Rig& rig) {
  AwaitEcho(rig);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&rig] { rig.transport().Stop(kPatient); });
  for (std::thread& thread : threads) thread.join();
  StopAndAwaitEnd(rig);
}

void StopsBeforeConnect(Rig& rig) {
  rig.AwaitTold("at", "started");
  rig.transport().Stop({500ms, 500ms, false});
  rig.ExpectExit(rig.in_process() ? 130 : 143);  // an app that has not yet taken its signals
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
}

void StopsAfterExit(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(3);
  rig.Order({{"do", "exit"}, {"how", "exit"}, {"code", 3}});
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  for (int i = 0; i < 3; ++i) rig.transport().Stop({0ms, 0ms, false});
  Require(rig.AwaitClosed().code == Errc::kPeerGone, "closed for another reason");
}

void StopsADeafApp(Rig& rig) {
  AwaitEcho(rig);
  rig.ExpectExit(137);
  const auto begin = steady_clock::now();
  rig.transport().Stop({300ms, 300ms, false});
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  const auto took = steady_clock::now() - begin;
  Require(took >= 600ms, "the deadlines were not kept");
  Require(took < 5s, "it took too long");
}

void StopsInTraffic(Rig& rig) {
  rig.Order({{"do", "produce"}, {"n", 0}, {"size", kMiB}, {"forever", true}});
  (void)rig.Next();
  rig.transport().PauseReceiving();  // and with a UI that reads no more
  StopAndAwaitEnd(rig);
}

void StopsWithAFullQueue(Rig& rig) {
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  Packet packet;
  do packet = {PacketType::kControl, Buffer(kMiB)};
  while (rig.transport().Send(std::move(packet)) == SendResult::kAccepted);
  rig.ExpectExit(137);  // stalled for ever
  rig.transport().Stop({300ms, 300ms, false});
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

void BeginsANewSession(Rig& rig) {
  AwaitEcho(rig);
  rig.AwaitTold("session", 1);
  for (int session = 2; session <= 4; ++session) {
    rig.transport().NewSession();
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
    rig.transport().NewSession();
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
    if (session != kSessions) rig.transport().NewSession();
  }
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
      {"exit_early", {.start = "exit"}, [](Rig& rig) { ExitsBeforeListening(rig, 3); }},
      {"raise_early", {.start = "raise"}, [](Rig& rig) { ExitsBeforeListening(rig, 1); }},
      {"never_listens", {.start = "deaf_hold", .connect_deadline = 700ms}, NeverListens},
      {"stop_threads", {}, StopsFromManyThreads},
      {"stop_early", {.start = "hold"}, StopsBeforeConnect},
      {"stop_late", {}, StopsAfterExit},
      {"stop_deaf", {.start = "deaf"}, StopsADeafApp},
      {"stop_traffic", {}, StopsInTraffic},
      {"stop_full", {.start = "deaf"}, StopsWithAFullQueue},
      {"new_session", {}, BeginsANewSession},
      {"new_session_send", {}, SendsAtOnceInANewSession},
      {"new_session_traffic", {}, KeepsSessionsApart},
  };
}

}  // namespace fletbridge::conformance
