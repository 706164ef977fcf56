// The real Flet 1.0.5 over the library, with the headless client's protocol in Dart's place: cases
// 66 and 67.
#include <algorithm>
#include <span>

#include "common/wire/control_tree.h"
#include "src/ui/headless/client.h"
#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

using headless::Client;
using headless::Heard;
using wire::Map;
using wire::Value;

constexpr std::int64_t kPort = 886495714666675;  // as large as Dart's are
constexpr int kClicks = 1500 / BRIDGE_PATIENCE;

constexpr const char* kCounter = R"(
import flet as ft
runs = 0
def main(page):
    global runs
    runs += 1
    number = ft.Text("0", key="number")
    def plus(event):
        number.value = str(int(number.value) + 1)
    page.add(number, ft.Button("plus", on_click=plus))
    say('main', runs)
ft.run(main)
)";

// One session on one port: what the app posts there goes to the client, what the client has to say
// goes to the app.
class Session {
 public:
  Session(Rig& rig, std::int64_t port)
      : rig_(rig), port_(port), client_(800, 600, [this](const wire::Message& message) {
          rig_.Send(port_,
                    std::string(1, '\0') + std::string(wire::Newest().EncodeOne(message).text()));
        }) {}

  // Registers and waits until the counter is drawn.
  void Begin() {
    client_.SendRegister();
    while (Button() == nullptr || Number() == nullptr) Take();
  }
  void Click() { Require(client_.SendEvent(*Button(), "click", {}), "the button takes no click"); }
  void AwaitNumber(const std::string& number) {
    while (*Number() != number) Take();
  }

 private:
  void Take() {
    const Posted posted = rig_.vm().Await(port_, taken_++);
    Require(!posted.bytes.empty() && posted.bytes[0] == '\0', "a packet of another type");
    Result<wire::Message> message =
        wire::Newest().Decode(Sender::kApp, std::as_bytes(std::span(posted.bytes).subspan(1)));
    Require(message.has_value(), "Flet's message cannot be read");
    const auto heard = client_.Handle(*message);
    Require(heard.has_value(), "Flet's message cannot be read");
    Require(*heard != Heard::kCrashed, "the app crashed: " + client_.last_crash());
  }

  Map* Find(std::string_view type) {
    for (std::int64_t id = 0; id < 1000; ++id) {
      Map* control = client_.tree().Find(id);
      if (control != nullptr && wire::ControlType(*control) == type) return control;
    }
    return nullptr;
  }
  Map* Button() { return Find("Button"); }
  const std::string* Number() {
    const Map* text = Find("Text");
    return text == nullptr || text->Find("value") == nullptr ? nullptr
                                                             : text->Find("value")->AsText();
  }

  Rig& rig_;
  const std::int64_t port_;
  Client client_;
  std::size_t taken_ = 0;
};

void StartCounter(Rig& rig) {
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(kCounter);
  start.module_paths = {BRIDGE_FLET_PACKAGES};
  start.env_keys = {"FLET_PLATFORM", "FLET_DART_BRIDGE_PORT", "FLET_DART_BRIDGE_EXIT_PORT"};
  start.env_values = {"linux", std::to_string(kPort), std::to_string(kPort + 1)};
  Same("run", rig.Run(start), 0);
  // The first packet is refused until Flet listens: first there is no Python, then no handler.
  AwaitUntil("Python", [&] { return rig.bridge().is_initialized() == 1; });
  AwaitUntil("Flet's handler", [&] { return rig.Enqueue(kPort, "") == 0; });
}

void ClicksAreAnswered(Rig& rig) {
  StartCounter(rig);
  Session session(rig, kPort);
  session.Begin();
  rig.Expect("main 1");
  std::vector<std::chrono::microseconds> times;
  for (int click = 1; click <= kClicks; ++click) {
    const auto from = std::chrono::steady_clock::now();
    session.Click();
    session.AwaitNumber(std::to_string(click));
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - from));
  }
  std::sort(times.begin(), times.end());
  rig.Tell("click to patch: p50 " + std::to_string(times[times.size() / 2].count()) + " us");
}

void SessionMovesToANewPort(Rig& rig) {
  constexpr std::int64_t kNewPort = 3289170475021439;
  StartCounter(rig);
  Session first(rig, kPort);
  first.Begin();
  rig.Expect("main 1");
  first.Click();
  first.AwaitNumber("1");
  const auto from = std::chrono::steady_clock::now();
  rig.Signal({{"protocol", kNewPort}, {"exit", kNewPort + 1}});
  AwaitUntil("the new port", [&] { return rig.Enqueue(kNewPort, "") == 0; });
  AwaitUntil("the end of the old port", [&] { return rig.Enqueue(kPort, "") == -1; });
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - from);
  rig.Tell("moved in " + std::to_string(took.count()) + " ms");
  Session second(rig, kNewPort);
  second.Begin();
  rig.Expect("main 2");
  second.AwaitNumber("0");
  second.Click();
  second.AwaitNumber("1");
}

}  // namespace

std::vector<Case> FletCases() {
  return {{"66", ClicksAreAnswered}, {"67", SessionMovesToANewPort}};
}

}  // namespace fletbridge::bridge_test
