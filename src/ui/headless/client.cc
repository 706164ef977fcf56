#include "src/ui/headless/client.h"

#include <algorithm>
#include <vector>

#include "src/ui/headless/screen.h"

namespace fletbridge::headless {
namespace {

using wire::Map;
using wire::Value;

// What Flet's Linux client says of the page when it registers.
Value Insets() {
  return Value::MapOf({{"left", 0.0}, {"top", 0.0}, {"right", 0.0}, {"bottom", 0.0}});
}

Value Media(double width, double height) {
  return Value::MapOf({{"padding", Insets()},
                       {"view_padding", Insets()},
                       {"view_insets", Insets()},
                       {"device_pixel_ratio", 1.0},
                       {"orientation", width > height ? "landscape" : "portrait"},
                       {"always_use_24_hour_format", false}});
}

Value WindowState(double width, double height) {
  return Value::MapOf({{"maximized", false},
                       {"minimized", false},
                       {"full_screen", false},
                       {"always_on_top", false},
                       {"focused", true},
                       {"visible", true},
                       {"width", width},
                       {"height", height},
                       {"top", 0.0},
                       {"left", 0.0},
                       {"opacity", 1.0}});
}

Value PageState(double width, double height) {
  return Value::MapOf({{"route", "/"},
                       {"pwa", false},
                       {"web", false},
                       {"debug", false},
                       {"wasm", false},
                       {"test", false},
                       {"multi_view", false},
                       {"pyodide", false},
                       {"platform_brightness", "light"},
                       {"width", width},
                       {"height", height},
                       {"platform", "linux"},
                       {"window", WindowState(width, height)},
                       {"media", Media(width, height)}});
}

}  // namespace

Client::Client(double width, double height, Out out) : out_(std::move(out)) {
  session_.Restore(PageState(width, height));
}

Client Client::Beside(Out out) {
  Client client(0, 0, std::move(out));
  client.beside_ = true;
  return client;
}

void Client::Follow(wire::Message& message) {
  const auto* registration = std::get_if<wire::Register>(&message);
  if (registration != nullptr && registration->page.AsMap() == nullptr) return;
  static_cast<void>(session_.Apply(message));
}

void Client::SendRegister() { out_(wire::Register{{}, {}, session_.page()}); }

Result<Heard> Client::Handle(wire::Message& message) {
  const bool answers = std::holds_alternative<wire::RegisterAnswer>(message);
  if (answers && session_.registered())
    return MakeError(Errc::kPeerMisbehaved, "the app answered the registration twice");
  if (auto* crash = std::get_if<wire::SessionCrashed>(&message)) {
    last_crash_ = std::move(crash->message);
    return Heard::kCrashed;
  }
  std::vector<std::int64_t> pickers;
  if (const auto* patch = std::get_if<wire::Patch>(&message); patch != nullptr && !beside_)
    pickers = AskedByState(*patch);
  Result<bool> changed = session_.Apply(message);
  if (!changed) return changed.error();
  for (const std::int64_t id : pickers) OpenPicker(id);
  if (const auto* call = std::get_if<wire::InvokeMethod>(&message)) return OnCall(*call);
  if (answers) {
    // An error here also comes as a session_crashed message, which tells it to the person.
    if (!beside_) SendFirstMessages();
    return Heard::kRegistered;
  }
  if (!*changed) return Heard::kNothing;
  if (!beside_) DismissClosedDialogs();
  return WindowIsClosed() ? Heard::kWindowClosed : Heard::kPatched;
}

// Before Flet 0.70 an app opens a FilePicker by its property `state`: "pickFiles".
std::vector<std::int64_t> Client::AskedByState(const wire::Patch& patch) {
  std::vector<std::int64_t> ids;
  for (const wire::Change& change : patch.changes) {
    if (change.kind == wire::Change::Kind::kSet && change.key == Value("state") &&
        change.value.AsText() != nullptr)
      ids.push_back(wire::RootOf(patch, change.at));
  }
  return ids;
}

void Client::OpenPicker(std::int64_t id) {
  const Map* picker = session_.Find(id);
  if (picker == nullptr || wire::ControlType(*picker) != "FilePicker" || !takes_call_) return;
  const std::string state = wire::TextIn(*picker, "state");
  const char* method = state == "pickFiles"          ? "pick_files"
                       : state == "saveFile"         ? "save_file"
                       : state == "getDirectoryPath" ? "get_directory_path"
                                                     : nullptr;
  if (method == nullptr) return;
  const Value args = Value::MapOf({{"allow_multiple", wire::In(*picker, "allow_multiple")}});
  static_cast<void>(takes_call_("FilePicker", {id, {}, method, args}));
}

void Client::ClosePicker(Map& picker, const Value& chosen) {
  Value files;
  if (const wire::List* list = chosen.AsList(); list != nullptr && !list->items.empty()) {
    files = Value::ListOf({});
    for (const Value& item : list->items) {
      const Map& file = *item.AsMap();
      files.AsList()->items.push_back(Value::MapOf({{"id", wire::In(file, "id")},
                                                    {"name", wire::In(file, "name")},
                                                    {"path", wire::In(file, "path")},
                                                    {"size", wire::In(file, "size")}}));
    }
  }
  const Value path = chosen.AsText() == nullptr ? Value() : chosen;
  SendProps(picker, {{"state", ""}});
  SendEventAlways(picker, "result", Value::MapOf({{"path", path}, {"files", files}}));
}

// Before Flet 0.70 an app closes its window by a property of the page.
bool Client::WindowIsClosed() {
  const Map* window = MapIn(own_tree().page(), "window");
  if (window == nullptr) return false;
  if (wire::In(*window, "destroy").is_true()) return true;
  const Value asked = wire::In(*window, "close");
  if (asked.is_nil() || asked == close_asked_) return false;
  close_asked_ = asked;
  return CloseWindow();
}

// The messages that the real client queues until the answer, in its order. A client before Flet
// 0.70 has no services and sends none.
void Client::SendFirstMessages() {
  Map& page = own_tree().page();
  if (page.Find("_services") == nullptr) return;
  const Value brightness = wire::In(page, "platform_brightness");
  SendProps(page, {{"platform_brightness", brightness}});
  SendEventAlways(page, "platform_brightness_change", Value::MapOf({{"brightness", brightness}}));
  const Value width = wire::In(page, "width");
  const Value height = wire::In(page, "height");
  const double* w = std::get_if<double>(&width.content());
  const double* h = std::get_if<double>(&height.content());
  if (w == nullptr || h == nullptr) return;
  out_(wire::UpdateProps{wire::kPageId, Value::MapOf({{"media", Media(*w, *h)}})});
  SendProps(page, {{"width", width}, {"height", height}});
  if (Map* window = wire::In(page, "window").AsMap();
      window != nullptr && wire::ControlId(*window) != 0) {
    out_(wire::UpdateProps{wire::ControlId(*window), WindowState(*w, *h)});
  }
}

Heard Client::OnCall(const wire::InvokeMethod& call) {
  Map* control = session_.Find(call.control_id);
  // An answer for a control that is gone would make Flet close the connection.
  if (control == nullptr) return Heard::kNothing;
  const std::string_view type = wire::ControlType(*control);
  if (takes_call_ && takes_call_(type, call)) return Heard::kTaken;
  if (beside_) {
    // What the app copies goes to the desktop's clipboard as well; what a step has put on ours does
    // not, so that is what the app pastes.
    if (type == "Clipboard" && call.name == "set")
      static_cast<void>(services_.Call(type, call.name, call.args));
    if (type != "Clipboard" || call.name != "get" || !clipboard()) return Heard::kNothing;
    Answer(call, services_.Call(type, call.name, call.args));
    return Heard::kTaken;
  }
  if (type == "Window") return CallWindow(call);
  if (control == &own_tree().page() && call.name == "push_route") {
    const Map* args = call.args.AsMap();
    const Value* route = args == nullptr ? nullptr : args->Find("route");
    if (route != nullptr && route->AsText() != nullptr) SendRoute(*route->AsText());
    Answer(call, {});
    return Heard::kNothing;
  }
  MethodAnswer answer = services_.Call(type, call.name, call.args);
  Answer(call, std::move(answer));
  return Heard::kNothing;
}

void Client::Answer(const wire::InvokeMethod& call, MethodAnswer answer) {
  Map* control = session_.Find(call.control_id);
  if (control == nullptr) return;
  if (call.call_id.empty() && !wire::TextIn(*control, "state").empty())
    return ClosePicker(*control, answer.result);
  if (!call.call_id.empty()) {
    wire::Message result = wire::MethodResult{call.control_id, call.call_id,
                                              std::move(answer.result), std::move(answer.error)};
    static_cast<void>(session_.Apply(result));  // the call waits no longer
    return out_(result);
  }
  if (call.name == "pick_files")
    SendEvent(*control, "result", Value::MapOf({{"files", std::move(answer.result)}}));
}

Heard Client::CallWindow(const wire::InvokeMethod& call) {
  if (call.name == "destroy")
    return Heard::kWindowClosed;  // the real client does not answer either
  if (call.name == "close" && CloseWindow()) return Heard::kWindowClosed;
  Answer(call, {});
  return Heard::kNothing;
}

// An app closes a dialog by open=false; the client tells when it is gone from the screen, and Flet
// removes it only then.
void Client::DismissClosedDialogs() {
  const Map* dialogs = wire::In(own_tree().page(), "_dialogs").AsMap();
  const wire::List* list = dialogs == nullptr ? nullptr : wire::In(*dialogs, "controls").AsList();
  if (list == nullptr || (list->items.empty() && open_dialogs_.empty())) {
    open_dialogs_.clear();
    return;
  }
  std::set<std::int64_t> open;
  std::vector<Map*> closed;
  for (const Value& item : list->items) {
    Map* dialog = item.AsMap();
    if (dialog == nullptr) continue;
    const std::int64_t id = wire::ControlId(*dialog);
    if (wire::In(*dialog, "open").is_true()) {
      open.insert(id);
    } else if (open_dialogs_.contains(id)) {
      closed.push_back(dialog);
    }
  }
  open_dialogs_ = std::move(open);
  for (Map* dialog : closed) {
    SendProps(*dialog, {{"open", false}});
    SendEvent(*dialog, "dismiss", {});
  }
}

void Client::SendProps(Map& control, std::initializer_list<Value::Pair> props) {
  for (const auto& [name, value] : props) {
    own_tree().SetProperty(control, name, value);
    // The person has closed it, not the app.
    if (name == "open" && value.is_false()) open_dialogs_.erase(wire::ControlId(control));
  }
  out_(wire::UpdateProps{wire::ControlId(control), Value::MapOf(props)});
}

bool Client::SendEvent(const Map& control, std::string_view name, Value data) {
  if (!Handles(control, name)) return false;
  SendEventAlways(control, name, std::move(data));
  return true;
}

void Client::SendEventAlways(const Map& control, std::string_view name, Value data) {
  out_(wire::ControlEvent{wire::ControlId(control), std::string(name), std::move(data)});
}

std::uint32_t Client::OpenChannel(const Map& control) {
  const std::uint32_t id = channels_ + 1;
  if (!SendEvent(control, "data_channel_open",
                 Value::MapOf({{"channel_name", "fletbridge"},
                               {"channel_id", static_cast<std::int64_t>(id)}}))) {
    return 0;
  }
  channels_ = id;
  return id;
}

void Client::SendRoute(const std::string& route) {
  SendProps(own_tree().page(), {{"route", route}});
  SendEventAlways(own_tree().page(), "route_change", Value::MapOf({{"route", route}}));
}

void Client::SendSize(double width, double height) {
  Map& page = own_tree().page();
  SendProps(page, {{"width", width}, {"height", height}});
  SendEventAlways(page, "resize", Value::MapOf({{"width", width}, {"height", height}}));
  if (Map* window = wire::In(page, "window").AsMap();
      window != nullptr && wire::ControlId(*window) != 0) {
    SendProps(*window, {{"width", width}, {"height", height}});
    SendEvent(*window, "event", Value::MapOf({{"type", "resized"}}));
  }
}

bool Client::CloseWindow() {
  const Map* window = wire::In(own_tree().page(), "window").AsMap();
  if (window == nullptr || !wire::In(*window, "prevent_close").is_true()) return true;
  SendEvent(*window, "event", Value::MapOf({{"type", "close"}}));
  return false;
}

void Client::RunAction(const Map& control) {
  const auto run = [this](const Value& action) {
    const Map* map = action.AsMap();
    if (map == nullptr) return;
    const auto service = wire::In(*map, "service_id").AsInt();
    const Map* target = service ? session_.Find(*service) : nullptr;
    const Value method = wire::In(*map, "method");
    if (target == nullptr || method.AsText() == nullptr) return;
    const std::string_view type = wire::ControlType(*target);
    const Value args = wire::In(*map, "args");
    if (takes_call_ && takes_call_(type, {*service, {}, *method.AsText(), args})) return;
    static_cast<void>(services_.Call(type, *method.AsText(), args));
  };
  const Value action = wire::In(control, "action");
  if (const wire::List* list = action.AsList(); list != nullptr) {
    for (const Value& item : list->items) run(item);
  } else {
    run(action);
  }
}

}  // namespace fletbridge::headless
