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

Value At(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr ? Value() : *value;
}

}  // namespace

Client::Client(double width, double height, std::function<void(Buffer)> out)
    : out_(std::move(out)), tree_(PageState(width, height)) {}

Client Client::Beside(std::function<void(Buffer)> out) {
  Client client(0, 0, std::move(out));
  client.beside_ = true;
  return client;
}

void Client::Follow(std::span<const std::byte> payload) {
  Result<Value> message = wire::Decode(payload);
  const wire::List* parts = message ? message->AsList() : nullptr;
  if (parts == nullptr || parts->items.size() != 2) return;
  const auto action = parts->items[0].AsInt();
  const Map* body = parts->items[1].AsMap();
  if (body == nullptr) return;
  if (action == 1 && At(*body, "page").AsMap() != nullptr) {
    tree_ = wire::ControlTree(At(*body, "page"));
    registered_ = false;
  }
  const Map* props = At(*body, "props").AsMap();
  Map* control = action == 4 ? tree_.Find(At(*body, "id").AsInt().value_or(0)) : nullptr;
  if (props == nullptr || control == nullptr) return;
  for (const auto& [name, value] : props->entries) {
    if (name.AsText() != nullptr) tree_.SetProperty(*control, *name.AsText(), value);
  }
}

void Client::SendRegister() {
  out_(
      wire::EncodeRegister("", Value(std::shared_ptr<Map>(std::shared_ptr<Map>(), &tree_.page()))));
}

Result<Heard> Client::Handle(std::span<const std::byte> payload) {
  Result<wire::AppMessage> message = wire::DecodeAppMessage(payload);
  if (!message) return message.error();
  return std::visit([this](auto& content) { return On(content); }, *message);
}

Result<Heard> Client::On(wire::RegisterAnswer& answer) {
  if (registered_) {
    return MakeError(Errc::kPeerMisbehaved, "the app answered the registration twice");
  }
  if (Result<> ok = tree_.Register(std::move(answer.page_patch)); !ok) return ok.error();
  registered_ = true;
  if (beside_) return Heard::kRegistered;
  // An error here also comes as a session_crashed message, which tells it to the person.
  SendFirstMessages();
  return Heard::kRegistered;
}

// What the real client has queued until the answer, in its order.
void Client::SendFirstMessages() {
  Map& page = tree_.page();
  const Value brightness = At(page, "platform_brightness");
  SendProps(page, {{"platform_brightness", brightness}});
  SendEventAlways(page, "platform_brightness_change", Value::MapOf({{"brightness", brightness}}));
  const Value width = At(page, "width");
  const Value height = At(page, "height");
  const double* w = std::get_if<double>(&width.content());
  const double* h = std::get_if<double>(&height.content());
  if (w == nullptr || h == nullptr) return;
  out_(wire::EncodeUpdateProps(wire::kPageId, Value::MapOf({{"media", Media(*w, *h)}})));
  SendProps(page, {{"width", width}, {"height", height}});
  if (Map* window = At(page, "window").AsMap();
      window != nullptr && wire::ControlId(*window) != 0) {
    out_(wire::EncodeUpdateProps(wire::ControlId(*window), WindowState(*w, *h)));
  }
}

Result<Heard> Client::On(wire::PatchControl& patch) {
  Result<bool> applied = tree_.Apply(patch.id, std::move(patch.patch));
  if (!applied) return applied.error();
  if (!*applied) return Heard::kNothing;
  if (!beside_) DismissClosedDialogs();
  return Heard::kPatched;
}

Result<Heard> Client::On(wire::InvokeMethod& call) {
  Map* control = tree_.Find(call.control_id);
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
  if (control == &tree_.page() && call.name == "push_route") {
    const Map* args = call.args.AsMap();
    const Value* route = args == nullptr ? nullptr : args->Find("route");
    if (route != nullptr && route->AsText() != nullptr) SendRoute(*route->AsText());
    out_(wire::EncodeMethodAnswer(call, {}, {}));
    return Heard::kNothing;
  }
  MethodAnswer answer = services_.Call(type, call.name, call.args);
  out_(wire::EncodeMethodAnswer(call, std::move(answer.result), answer.error));
  return Heard::kNothing;
}

void Client::Answer(const wire::InvokeMethod& call, MethodAnswer answer) {
  const Map* control = tree_.Find(call.control_id);
  if (control == nullptr) return;
  if (!call.call_id.empty())
    return out_(wire::EncodeMethodAnswer(call, std::move(answer.result), answer.error));
  if (call.name == "pick_files")
    SendEvent(*control, "result", Value::MapOf({{"files", std::move(answer.result)}}));
}

Heard Client::CallWindow(const wire::InvokeMethod& call) {
  if (call.name == "destroy")
    return Heard::kWindowClosed;  // the real client does not answer either
  if (call.name == "close" && CloseWindow()) return Heard::kWindowClosed;
  out_(wire::EncodeMethodAnswer(call, {}, {}));
  return Heard::kNothing;
}

Result<Heard> Client::On(wire::SessionCrashed& crash) {
  last_crash_ = std::move(crash.message);
  return Heard::kCrashed;
}

Result<Heard> Client::On(wire::PythonOutput&) { return Heard::kNothing; }

// An app closes a dialog by open=false; the client tells when it is gone from the screen, and Flet
// removes it only then.
void Client::DismissClosedDialogs() {
  const Map* dialogs = At(tree_.page(), "_dialogs").AsMap();
  const wire::List* list = dialogs == nullptr ? nullptr : At(*dialogs, "controls").AsList();
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
    if (At(*dialog, "open").is_true()) {
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
    tree_.SetProperty(control, name, value);
    // The person has closed it, not the app.
    if (name == "open" && value.is_false()) open_dialogs_.erase(wire::ControlId(control));
  }
  out_(wire::EncodeUpdateProps(wire::ControlId(control), Value::MapOf(props)));
}

bool Client::SendEvent(const Map& control, std::string_view name, Value data) {
  if (!Handles(control, name)) return false;
  SendEventAlways(control, name, std::move(data));
  return true;
}

void Client::SendEventAlways(const Map& control, std::string_view name, Value data) {
  out_(wire::EncodeEvent(wire::ControlId(control), name, std::move(data)));
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
  SendProps(tree_.page(), {{"route", route}});
  SendEventAlways(tree_.page(), "route_change", Value::MapOf({{"route", route}}));
}

void Client::SendSize(double width, double height) {
  Map& page = tree_.page();
  SendProps(page, {{"width", width}, {"height", height}});
  SendEventAlways(page, "resize", Value::MapOf({{"width", width}, {"height", height}}));
  if (Map* window = At(page, "window").AsMap();
      window != nullptr && wire::ControlId(*window) != 0) {
    SendProps(*window, {{"width", width}, {"height", height}});
    SendEvent(*window, "event", Value::MapOf({{"type", "resized"}}));
  }
}

bool Client::CloseWindow() {
  const Map* window = At(tree_.page(), "window").AsMap();
  if (window == nullptr || !At(*window, "prevent_close").is_true()) return true;
  SendEvent(*window, "event", Value::MapOf({{"type", "close"}}));
  return false;
}

void Client::RunAction(const Map& control) {
  const auto run = [this](const Value& action) {
    const Map* map = action.AsMap();
    if (map == nullptr) return;
    const auto service = At(*map, "service_id").AsInt();
    const Map* target = service ? tree_.Find(*service) : nullptr;
    const Value method = At(*map, "method");
    if (target == nullptr || method.AsText() == nullptr) return;
    const std::string_view type = wire::ControlType(*target);
    const Value args = At(*map, "args");
    if (takes_call_ && takes_call_(type, {*service, {}, *method.AsText(), args})) return;
    static_cast<void>(services_.Call(type, *method.AsText(), args));
  };
  const Value action = At(control, "action");
  if (const wire::List* list = action.AsList(); list != nullptr) {
    for (const Value& item : list->items) run(item);
  } else {
    run(action);
  }
}

}  // namespace fletbridge::headless
