// Room: tests. The app's side of a HeadlessUi, scripted: records what the client sends, answers the
// registration with a page, and lets a test react to events. Its reactions run on the loop; a test
// thread waits for events with a deadline.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/answers.h"
#include "common/wire/value.h"
#include "src/ui/headless/headless_ui.h"
#include "tests/unit/support/session_meter.h"

namespace fletbridge {

class FakeApp : public UiSink, public ClientSessionSink {
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
    session.reset();
  }

  // Returns when the client has registered: before, it would ignore what a test sends it.
  void Start() {
    loop.Start();
    ui->Start(*this);
    WaitFor([this] { return std::count(told.begin(), told.end(), "registered") > 0 || !answers; });
    // The client reads what has been sent to it in turns of its own, behind its registration's.
    for (int turn = 0; turn < 2; ++turn) {
      std::promise<void> done;
      loop.Post([&done] { done.set_value(); });
      done.get_future().wait_for(std::chrono::seconds(10));
    }
  }

  // What the app's main() adds to its one view.
  std::vector<Value> controls;
  // Is told each event; its patches are the app's answers.
  std::function<void(const std::string& name, std::int64_t target, const Value& data)> on_event;
  // Whether to answer the registration and to draw.
  bool answers = true;
  bool draws = true;

  // `goes_on`: see Packet.
  void SendMessage(int action, Value body, bool goes_on = false) {
    Packet packet{PacketType::kControl,
                  wire::Encode(Value::ListOf({Value(action), std::move(body)})), goes_on};
    static_cast<void>(meter.Send(std::move(packet), [this](Packet&& given) {
      return session != nullptr ? session->Send(std::move(given)) : SendResult::kClosed;
    }));
  }
  // One property of one control.
  void Set(std::int64_t id, const char* name, Value value, bool goes_on = false) {
    SendMessage(
        2,
        Value::MapOf(
            {{"id", id},
             {"patch", Value::ListOf({Value::ListOf({0}), Value::ListOf({0, 0, name, value})})}}),
        goes_on);
  }
  void Call(std::int64_t id, const char* name, Value args = {}) {
    SendMessage(5, Value::MapOf({{"control_id", id},
                                 {"call_id", "call-" + std::to_string(id)},
                                 {"name", name},
                                 {"args", std::move(args)}}));
  }
  void Crash(const char* message) { SendMessage(6, Value::MapOf({{"message", message}})); }

  // The end, or a failed test after 10 s.
  UiEnd WaitClosed() {
    WaitFor([this] { return end.has_value(); });
    const std::lock_guard lock(mutex);
    return end.value_or(UiEnd{});
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
      // An answer that came sooner than Python can give it would count for none.
      std::this_thread::sleep_for(2 * Answers::kFastest);
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
  void OnReady() override { Tell("ready"); }
  void OnClient(std::unique_ptr<ClientSession> client) override {
    session = std::move(client);
    Tell("connected");
    meter.OnConnected();
    session->Start(*this);
  }
  void OnGone(const Error&) override {}
  void OnClosed(const UiEnd& how) override {
    {
      const std::lock_guard lock(mutex);
      end = how;
    }
    Tell("closed");
  }
  // As a host whose app has ended the session.
  void EndSession() {
    loop.Post([this] {
      Tell("disconnected");
      meter.OnSessionEnd();
      session.reset();
    });
  }

  EventLoop loop;
  SessionMeter meter{loop, [this](const std::string& what) { Tell(what); }};
  std::unique_ptr<HeadlessUi> ui;
  std::unique_ptr<ClientSession> session;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Value> sent;        // under mutex
  std::optional<UiEnd> end;       // under mutex
  std::vector<std::string> told;  // under mutex: the events, and what the packets tell
  int writable = 0;               // under mutex

 private:
  void Tell(const std::string& what) {
    {
      const std::lock_guard lock(mutex);
      told.push_back(what);
    }
    changed.notify_all();
  }

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
