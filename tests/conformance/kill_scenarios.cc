#include <signal.h>
#include <unistd.h>

#include "tests/conformance/scenarios.h"

namespace fletbridge::conformance {
namespace {

constexpr int kKilled = 128 + SIGKILL;

// Kills the app, which is a process of its own here, and looks at what is told.
void KillApp(Rig& rig, const std::function<void(Rig&)>& reach) {
  reach(rig);
  rig.ExpectExit(rig.CodeTold(kKilled));
  ::kill(rig.app_pid(), SIGKILL);
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kPeerGone, "closed because of: " + why.code.message());
  Require(why.context == (rig.is_attached() ? "the app ended with exit code 0"
                                            : "the app was killed by signal 9"),
          "the cause is told as: " + why.context);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
}

void ReachStart(Rig& rig) { rig.AwaitTold("at", "started"); }

void ReachConnected(Rig& rig) {
  rig.Send(PacketType::kControl, Buffer(std::string_view("hello")));
  Require(rig.Next().payload.text() == "hello", "no echo");
}

void ReachTraffic(Rig& rig) {
  rig.Order({{"do", "produce"}, {"n", 0}, {"size", 10000}, {"forever", true}});
  for (std::uint32_t number = 0; number < 50; ++number) {
    Require(ReadLabel(rig.Next()).number == number, "packets are out of order");
  }
}

// In the middle of a large packet to the UI; without a socket, where packets are whole, among large
// ones.
void ReachHalfToUi(Rig& rig) {
  if (rig.has_sockets() || rig.is_stream()) {
    rig.Order({{"do", "half"}, {"size", 32 * kMiB}});
    rig.AwaitTold("at", "half");
  } else {
    rig.Order({{"do", "produce"}, {"n", 0}, {"size", 8 * kMiB}, {"forever", true}});
    (void)rig.Next();
  }
}

void ReachHalfToApp(Rig& rig) {
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  rig.Send(PacketType::kControl, Buffer(rig.is_legacy() ? 16 * kMiB - 1 : 64 * kMiB));
}

// The test kills this process at the step, or what must happen on its own comes to pass.
std::function<void(Rig&)> At(const std::function<void(Rig&)>& reach) {
  return [reach](Rig& rig) {
    reach(rig);
    rig.AtStep("killme " + std::to_string(::getpid()));
  };
}

// The address is told to the test, which listens there in the app's place.
void MeetsAStranger(Rig& rig) {
  const nlohmann::json told = rig.AwaitTold("at", "started");
  const std::string path = told["path"];
  rig.AtStep(path.empty() ? "port " + std::to_string(told["port"].get<int>()) : "path " + path);
  rig.ExpectExit(kKilled);  // the app waits for ever and heeds nothing softer
  const Error why = rig.AwaitClosed();
  Require(why.code == Errc::kUntrusted,
          "closed because of: " + why.code.message() + ", " + why.Line());
  Require(why.context.find("refused") != std::string::npos, "the cause is told as: " + why.context);
  rig.AwaitUntil("the app's end", [&] { return rig.exited(); });
  Require(rig.packets_received() == 0, "a packet of a stranger was delivered");
}

std::function<void(Rig&)> Killing(const std::function<void(Rig&)>& reach) {
  return [reach](Rig& rig) { KillApp(rig, reach); };
}

}  // namespace

std::vector<Scenario> KillScenarios() {
  const Plan hold{.start = "hold"};
  const Plan single{.single_session = true};
  return {
      {"kill_app_start", hold, Killing(ReachStart)},
      {"kill_app_connected", {}, Killing(ReachConnected)},
      {"kill_app_traffic", {}, Killing(ReachTraffic)},
      {"kill_app_half_to_ui", {}, Killing(ReachHalfToUi)},
      {"kill_app_half_to_app", {}, Killing(ReachHalfToApp)},
      {"at_start", hold, At(ReachStart)},
      {"at_connected", single, At(ReachConnected)},
      {"at_traffic", single, At(ReachTraffic)},
      {"at_half_to_ui", single, At(ReachHalfToUi)},
      {"at_half_to_app", single, At(ReachHalfToApp)},
      {"stranger", {.start = "deaf_hold", .patience = Plan::Impatient()}, MeetsAStranger},
  };
}

}  // namespace fletbridge::conformance
