// Room: src/ui/headless. The protocol of a Flet client, without a screen: holds the control tree,
// reads what the app sends and answers what a client must answer. What a person does comes through
// Send...(). Knows nothing of steps, threads or back-pressure. Loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/codec.h"
#include "common/wire/session.h"
#include "src/ui/headless/services.h"

namespace fletbridge::headless {

enum class Heard {
  kNothing,       // nothing that anybody waits for
  kRegistered,    // the app has answered the registration
  kPatched,       // the tree has changed
  kCrashed,       // main() or a handler raised: last_crash()
  kWindowClosed,  // the app has closed the window
  kTaken,         // a call that somebody else answers: the steps
};

class Client {
 public:
  // `out` is given each message for the app; it may be called inside every method that sends.
  using Out = std::function<void(const wire::Message&)>;
  Client(double width, double height, Out out);
  // One that acts beside another client, which leads the session: what that says comes by Follow(),
  // and nothing is registered or answered.
  [[nodiscard]] static Client Beside(Out out);
  void Follow(wire::Message& message);

  void SendRegister();

  // Takes up one message of the app and answers it where it wants an answer. kPeerMisbehaved if it
  // makes no sense.
  [[nodiscard]] Result<Heard> Handle(wire::Message& message);

  // The client's own change of a control: into the tree and to the app.
  void SendProps(wire::Map& control, std::initializer_list<wire::Value::Pair> props);
  // An event if the app handles it; true if so.
  bool SendEvent(const wire::Map& control, std::string_view name, wire::Value data);
  // An event that Flet wants whether or not the app handles it.
  void SendEventAlways(const wire::Map& control, std::string_view name, wire::Value data);

  void SendRoute(const std::string& route);
  void SendSize(double width, double height);
  // A data channel of the control's, if the app wants to hear of it; its number, or 0.
  std::uint32_t OpenChannel(const wire::Map& control);
  // The person closes the window: true if it closes, false if the app has asked to be asked.
  bool CloseWindow();
  // What a button does by itself, in the client (Flet's ClientAction): the app is not asked.
  void RunAction(const wire::Map& control);

  // Whoever answers calls of the app in place of us: true if it does, at once or later, by
  // Answer(). A button's own call (ClientAction) has no call id.
  using TakesCall = std::function<bool(std::string_view type, const wire::InvokeMethod& call)>;
  void set_takes_call(TakesCall takes) { takes_call_ = std::move(takes); }
  void Answer(const wire::InvokeMethod& call, MethodAnswer answer);

  // The controls that the pointer is over, the innermost first.
  [[nodiscard]] std::vector<std::int64_t>& pointer_over() noexcept { return pointer_over_; }
  [[nodiscard]] std::optional<std::string>& clipboard() noexcept { return services_.clipboard(); }

  [[nodiscard]] const wire::ControlTree& tree() const noexcept { return *session_.tree(); }
  [[nodiscard]] const std::string& last_crash() const noexcept { return last_crash_; }

 private:
  Heard OnCall(const wire::InvokeMethod& call);
  [[nodiscard]] wire::ControlTree& own_tree() noexcept { return *session_.tree(); }

  void SendFirstMessages();
  Heard CallWindow(const wire::InvokeMethod& call);
  [[nodiscard]] static std::vector<std::int64_t> AskedByState(const wire::Patch& patch);
  void OpenPicker(std::int64_t id);
  void ClosePicker(wire::Map& picker, const wire::Value& chosen);
  bool WindowIsClosed();
  void DismissClosedDialogs();

  Out out_;
  wire::Session session_;
  Services services_;
  std::set<std::int64_t> open_dialogs_;
  wire::Value close_asked_;  // by the app, last
  bool beside_ = false;
  std::uint32_t channels_ = 0;  // opened so far
  std::string last_crash_;
  TakesCall takes_call_;
  std::vector<std::int64_t> pointer_over_;
};

}  // namespace fletbridge::headless
