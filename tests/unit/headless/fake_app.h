// Room: tests. The app's side of a HeadlessUi, scripted: records what the client sends, answers the
// registration with a page, and lets a test react to events. Its reactions run on the loop; a test
// thread waits for events with a deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/wire/value.h"
#include "src/ui/headless/headless_ui.h"

namespace fletbridge {

class FakeApp : public UiSink {
 public:
  using Value = wire::Value;

  explicit FakeApp(std::string_view steps = {}, FlowLimits limits = {}) {
    HeadlessOptions options;
    options.limits = limits;
    if (!steps.empty()) {
      Result<Steps> parsed = ParseSteps(steps);
      if (!parsed) throw_exception_from_error(parsed.error(), BOOST_CURRENT_LOCATION);
      options.steps = std::move(*parsed);
    }
    Make(std::move(options));
  }
  explicit FakeApp(HeadlessOptions options) { Make(std::move(options)); }
  ~FakeApp() override {
    loop.Stop();
    loop.Join();
  }

  // Returns when the client has registered: before, it would ignore what a test sends it.
  void Start() {
    loop.Start();
    ui->Start(*this);
    WaitFor([this] { return events.size() >= 3; });
  }

  // What the app's main() adds to its one view.
  std::vector<Value> controls;
  // Is told each event; its patches are the app's answers.
  std::function<void(const std::string& name, std::int64_t target, const Value& data)> on_event;
  // Whether to answer the registration and to draw.
  bool answers = true;
  bool draws = true;

  void SendMessage(int action, Value body) {
    Packet packet{PacketType::kControl,
                  wire::Encode(Value::ListOf({Value(action), std::move(body)}))};
    static_cast<void>(ui->Send(std::move(packet)));
  }
  // One property of one control.
  void Set(std::int64_t id, const char* name, Value value) {
    SendMessage(2, Value::MapOf({{"id", id},
                                 {"patch", Value::ListOf({Value::ListOf({0}),
                                                          Value::ListOf({0, 0, name, value})})}}));
  }
  void Call(std::int64_t id, const char* name, Value args = {}) {
    SendMessage(5, Value::MapOf({{"control_id", id},
                                 {"call_id", "call-" + std::to_string(id)},
                                 {"name", name},
                                 {"args", std::move(args)}}));
  }
  void Crash(const char* message) { SendMessage(6, Value::MapOf({{"message", message}})); }

  // The end, or a failed test after 10 s.
  UiEvent WaitClosed() {
    WaitFor([this] { return !events.empty() && events.back().state == UiState::kClosed; });
    const std::lock_guard lock(mutex);
    return events.empty() ? UiEvent{} : events.back();
  }
  bool WaitFor(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), holds);
  }
  // Waits until the client has sent a message like this one; `body` is compared whole.
  bool WaitSent(int action, const Value& body) {
    return WaitFor([&] {
      for (const Value& message : sent) {
        if (message == Value::ListOf({Value(action), body})) return true;
      }
      return false;
    });
  }
  std::vector<Value> Sent() {
    const std::lock_guard lock(mutex);
    return sent;
  }

  // UiSink
  void OnPacket(Packet&& packet) override {
    Result<Value> message = wire::Decode(packet.payload.span());
    if (!message) throw_exception_from_error(message.error(), BOOST_CURRENT_LOCATION);
    const std::int64_t action = *message->AsList()->items[0].AsInt();
    const Value body = message->AsList()->items[1];
    {
      const std::lock_guard lock(mutex);
      sent.push_back(std::move(*message));
    }
    changed.notify_all();
    if (action == 1 && answers) Answer();
    if (action == 3 && on_event) {
      on_event(*body.AsMap()->Find("name")->AsText(), *body.AsMap()->Find("target")->AsInt(),
               *body.AsMap()->Find("data"));
    }
  }
  void OnWritable() override {
    {
      const std::lock_guard lock(mutex);
      ++writable;
    }
    changed.notify_all();
  }
  void OnRefused(const Error&) override {}
  void OnUiEvent(const UiEvent& event) override {
    {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    }
    changed.notify_all();
  }

  EventLoop loop;
  std::unique_ptr<HeadlessUi> ui;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Value> sent;      // under mutex
  std::vector<UiEvent> events;  // under mutex
  int writable = 0;             // under mutex

 private:
  void Make(HeadlessOptions options) {
    ui = std::make_unique<HeadlessUi>(loop, std::move(options));
  }

  void Answer() {
    const Value view = Value::MapOf({{"_i", 3}, {"_c", "View"}, {"route", "/"}});
    SendMessage(
        1, Value::MapOf({{"session_id", "s"},
                         {"error", ""},
                         {"page_patch",
                          Value::MapOf({{"_i", 1},
                                        {"_c", "Page"},
                                        {"views", Value::ListOf({view})},
                                        {"window", Value::MapOf({{"_i", 2}, {"_c", "Window"}})},
                                        {"_overlay", Value::MapOf({{"_i", 4}, {"_c", "Overlay"}})},
                                        {"_dialogs", Value::MapOf({{"_i", 5}, {"_c", "Dialogs"}})},
                                        {"_services",
                                         Value::MapOf({{"_i", 7},
                                                       {"_c", "ServiceRegistry"},
                                                       {"_internals",
                                                        Value::MapOf({{"uid", "random"}})}})}})}}));
    if (!draws) return;
    auto list = std::make_shared<wire::List>();
    list->items = controls;
    Set(3, "controls", Value(list));
  }
};

}  // namespace fletbridge
