#include "common/wire/json_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "common/wire/control_tree.h"
#include "common/wire/json.h"
#include "common/wire/json_names.h"

namespace fletbridge::wire {
namespace {

using json_names::IdOf;
using json_names::TextOfId;

constexpr std::string_view kWindow = "window";
constexpr std::string_view kResult = "invoke_method_result";
constexpr std::size_t kMostChanges = std::size_t{1} << 20;  // in one message

std::string_view TextIn(std::span<const std::byte> in) {
  return {reinterpret_cast<const char*>(in.data()), in.size()};
}

// The text of the first field of this name; empty if it has none, or one with escapes. Where it is
// looked for, texts of the app come later.
std::string_view FieldIn(std::string_view text, std::string_view name) {
  constexpr std::size_t kFirst = 1024;
  text = text.substr(0, kFirst);
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string_view::npos; ++at) {
    if (at == 0 || text[at - 1] != '"') continue;
    std::string_view rest = text.substr(at + name.size());
    if (!rest.starts_with('"')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (!rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (!rest.starts_with('"')) return {};
    rest.remove_prefix(1);
    const std::size_t end = rest.find_first_of("\"\\");
    return end == std::string_view::npos || rest[end] == '\\' ? std::string_view()
                                                              : rest.substr(0, end);
  }
  return {};
}

// ---- What the page knows of itself

// The 15 fields of a registration: the first ones are not the page's.
struct PageField {
  const char* field;     // of the registration
  const char* property;  // of the page, or with `window` of that
  bool window = false;
};
constexpr PageField kPageFields[] = {{"pageRoute", "route"},
                                     {"pageWidth", "width"},
                                     {"pageHeight", "height"},
                                     {"windowWidth", "width", true},
                                     {"windowHeight", "height", true},
                                     {"windowTop", "top", true},
                                     {"windowLeft", "left", true},
                                     {"isPWA", "pwa"},
                                     {"isWeb", "web"},
                                     {"isDebug", "debug"},
                                     {"platform", "platform"},
                                     {"platformBrightness", "platform_brightness"},
                                     {"media", "media"}};

Value PageOf(const Map& body) {
  Value page = Value::MapOf({});
  Value window = Value::MapOf({});
  for (const PageField& field : kPageFields) {
    const std::string text = TextIn(body, field.field);
    if (text.empty()) continue;
    (field.window ? window : page)
        .AsMap()
        ->Set(field.property, json_names::ValueOf("page", field.property, text));
  }
  page.AsMap()->Set("window", window);
  return page;
}

// The page as the app has it, with the parts that the others have; null: it has not said it.
Value KnownPage(const Map* page) {
  Value known = Value::MapOf({{"_c", "Page"}, {"_i", kPageId}});
  Value window = Value::MapOf({{"_c", "Window"}, {"_i", json_names::kWindowId}});
  for (std::size_t i = 0; page != nullptr && i < page->entries.size(); ++i) {
    const auto& [name, text] = page->entries[i];
    std::string said = json_names::TextOfProperty(*name.AsText());
    if (text.AsText() == nullptr || text.AsText()->empty() || said.size() < 2) continue;  // "i"
    const bool of_window = said.starts_with(kWindow);
    if (of_window) said.erase(0, kWindow.size());
    const std::string property = json_names::PropertyOf(said);
    (of_window ? window : known)
        .AsMap()
        ->Set(property, json_names::ValueOf("page", property, *text.AsText()));
  }
  Map& map = *known.AsMap();
  map.Set("window", window);
  map.Set("views", Value::ListOf({}));
  map.Set("_dialogs", Value::MapOf({{"_c", "Dialogs"},
                                    {"_i", json_names::kDialogsId},
                                    {"controls", Value::ListOf({})}}));
  return known;
}

// ---- Events, whose data the others write as values

struct EventName {
  const char* here;
  const char* elsewhere;
  const char* member = "";  // elsewhere the text is a member of a map
};
constexpr std::string_view kResize = "resize";
constexpr EventName kPageEvents[] = {
    {"route_change", "route_change", "route"},
    {"platformBrightnessChange", "platform_brightness_change", "brightness"},
    {"mediaChange", "media_change"},
    {"app_lifecycle_state_change", "app_lifecycle_state_change", "state"},
    {"view_pop", "view_pop", "route"}};

// {"l": {"x", "y"}, "k": "mouse"} is {"lx", "ly", "kind"} here.
struct Member {
  const char* elsewhere;
  const char* here;
};
constexpr Member kPoints[] = {{"l", "l"}, {"g", "g"}, {"v", "v"}, {"ld", "d"}};
constexpr Member kMembers[] = {
    {"k", "kind"},          {"pd", "pd"},     {"pv", "pv"},     {"dev", "dev"},
    {"ps", "ps"},           {"pMin", "pMin"}, {"pMax", "pMax"}, {"dist", "dist"},
    {"distMax", "distMax"}, {"size", "size"}, {"rMj", "rMj"},   {"rMn", "rMn"},
    {"rMin", "rMin"},       {"rMax", "rMax"}, {"or", "or"},     {"tilt", "tilt"}};

// What a pointer did: the one kind of events whose data have another form here.
bool IsPointer(const Map& data) { return MapIn(data, "l") != nullptr; }

Value PointerData(const Map& data) {
  Value out = Value::MapOf({});
  for (const Member& point : kPoints) {
    const Map* map = MapIn(data, point.elsewhere);
    if (map == nullptr) continue;
    for (const char* axis : {"x", "y"}) {
      out.AsMap()->Set(std::string(point.here) + axis, In(*map, axis));
    }
  }
  for (const Member& member : kMembers) {
    if (const Value* value = data.Find(member.elsewhere)) out.AsMap()->Set(member.here, *value);
  }
  const Value time = In(data, "ts");
  if (const auto* ext = std::get_if<std::shared_ptr<Ext>>(&time.content())) {
    const std::string& micros = (*ext)->data;
    std::int64_t number = 0;
    std::from_chars(micros.data(), micros.data() + micros.size(), number);
    out.AsMap()->Set("ts", number / 1000);
  }
  return out;
}

// Nil if it is not what a pointer did.
Value PointerFrom(const std::string& text) {
  if (!text.starts_with('{')) return {};
  const Result<Value> read = FromJson(text);
  const Map* data = read ? read->AsMap() : nullptr;
  if (data == nullptr || data->Find("lx") == nullptr) return {};
  Value out = Value::MapOf({});
  for (const Member& point : kPoints) {
    const Value x = In(*data, std::string(point.here) + "x");
    const Value y = In(*data, std::string(point.here) + "y");
    if (!x.is_nil()) out.AsMap()->Set(point.elsewhere, Value::MapOf({{"x", x}, {"y", y}}));
  }
  for (const Member& member : kMembers) {
    if (const Value* value = data->Find(member.here)) out.AsMap()->Set(member.elsewhere, *value);
  }
  if (const auto millis = In(*data, "ts").AsInt();
      millis && *millis >= 0 && *millis < INT64_MAX / 1000)
    out.AsMap()->Set("ts", Value(Ext{3, std::to_string(*millis * 1000)}));
  return out;
}

std::string EventData(const ControlEvent& event) {
  const Map* map = event.data.AsMap();
  if (map != nullptr && IsPointer(*map)) return ToJson(PointerData(*map));
  return json_names::TextOf(event.data);
}

Value Wrapped(const char* action, std::initializer_list<Value::Pair> payload) {
  return Value::MapOf({{"action", action}, {"payload", Value::MapOf(payload)}});
}

Value EventValue(const std::string& target, const std::string& name, const std::string& data) {
  return Wrapped("pageEventFromWeb",
                 {{"eventTarget", target}, {"eventName", name}, {"eventData", data}});
}

// `resize`: what the generation calls that event.
Value Written(const ControlEvent& event, const char* resize) {
  const Map* map = event.data.AsMap();
  if (event.target == json_names::kWindowId) {
    return EventValue("page", "window_event",
                      map == nullptr ? EventData(event) : TextIn(*map, "type"));
  }
  if (event.target == kPageId) {
    if (event.name == kResize) return EventValue("page", resize, EventData(event));
    for (const EventName& name : kPageEvents) {
      if (event.name != name.elsewhere) continue;
      const bool member = *name.member != '\0' && map != nullptr;
      return EventValue("page", name.here, member ? TextIn(*map, name.member) : EventData(event));
    }
  }
  return EventValue(TextOfId(event.target), event.name, EventData(event));
}

Message ReadEvent(std::int64_t target, std::string name, std::string data, const char* resize) {
  if (target == kPageId && name == "window_event")
    return ControlEvent{json_names::kWindowId, "event", Value::MapOf({{"type", data}})};
  if (target == kPageId) {
    if (name == resize) {
      Result<Value> value = FromJson(data);
      return ControlEvent{target, std::string(kResize), value ? std::move(*value) : Value(data)};
    }
    for (const EventName& known : kPageEvents) {
      if (name != known.here) continue;
      if (*known.member != '\0')
        return ControlEvent{target, known.elsewhere, Value::MapOf({{known.member, data}})};
      Result<Value> value = FromJson(data);
      return ControlEvent{target, known.elsewhere, value ? std::move(*value) : Value(data)};
    }
  }
  if (Value pointer = PointerFrom(data); !pointer.is_nil())
    return ControlEvent{target, std::move(name), std::move(pointer)};
  return ControlEvent{target, std::move(name), data.empty() ? Value() : Value(std::move(data))};
}

// ---- Properties

// A client's own change. The window's are the page's here.
Value Written(std::int64_t id, const Value& props) {
  const bool window = id == json_names::kWindowId;
  Value entry = Value::MapOf({{"i", TextOfId(id)}});
  if (const Map* map = props.AsMap(); map != nullptr) {
    for (const auto& [name, value] : map->entries) {
      if (name.AsText() == nullptr) continue;
      entry.AsMap()->Set(
          (window ? std::string(kWindow) : "") + json_names::TextOfProperty(*name.AsText()),
          json_names::TextOf(value));
    }
  }
  return Wrapped("updateControlProps", {{"props", Value::ListOf({std::move(entry)})}});
}

// What a client says of the page and of the window at once is the page's.
UpdateProps ReadProps(std::int64_t id, const Map& entry) {
  UpdateProps update{id, Value::MapOf({}), true};
  bool window = id == kPageId && entry.entries.size() > 1;
  for (const auto& [name, value] : entry.entries)
    window = window && (*name.AsText() == "i" || name.AsText()->starts_with(kWindow));
  if (window) update.id = json_names::kWindowId;
  for (const auto& [name, value] : entry.entries) {
    if (*name.AsText() == "i") continue;
    std::string_view said = *name.AsText();
    if (window) said.remove_prefix(kWindow.size());
    update.props.AsMap()->Set(json_names::PropertyOf(said), value);
  }
  return update;
}

// ---- Changes of the app

class FlatReader {
 public:
  // False if the action is none that changes the tree.
  Result<bool> Read(const std::string& action, const Map& payload) {
    using Kind = FlatChange::Kind;
    if (action == "addPageControls") return ReadAll(payload, "controls", &FlatReader::Add);
    if (action == "updateControlProps") return ReadAll(payload, "props", &FlatReader::Set);
    if (action == "cleanControl" || action == "removeControl") {
      kind_ = action == "cleanControl" ? Kind::kClean : Kind::kTakeOut;
      return ReadAll(payload, "ids", &FlatReader::Ids);
    }
    return false;
  }
  FlatPatch Take() { return std::move(patch_); }

  // What a session has already: all that is below `id`, by the children that each control names.
  Result<> ReadBelow(const Map& controls, const std::string& id) {
    std::vector<std::string> left{id};
    std::set<std::string, std::less<>> seen;
    while (!left.empty()) {
      const std::string at = std::move(left.back());
      left.pop_back();
      const Map* control = MapIn(controls, at);
      if (control == nullptr || !seen.insert(at).second) continue;
      if (at != id) {
        if (Result<> added = Add(*controls.Find(at)); !added) return added;
        patch_.changes.back().at.reset();  // those before it come first
      }
      const Value children = In(*control, "c");
      const List* list = children.AsList();
      if (list == nullptr) continue;
      for (auto child = list->items.rbegin(); child != list->items.rend(); ++child) {
        if (left.size() >= kMostChanges) return Wrong("a control holds too many");
        if (child->AsText() != nullptr) left.push_back(*child->AsText());
      }
    }
    return {};
  }

 private:
  Result<bool> ReadAll(const Map& payload, const char* field,
                       Result<> (FlatReader::*read)(const Value&)) {
    const Value value = In(payload, field);
    const List* list = value.AsList();
    if (list == nullptr) return Wrong(std::string("'") + field + "' is no list");
    for (const Value& item : list->items) {
      if (patch_.changes.size() >= kMostChanges) return Wrong("it changes too many controls");
      if (Result<> ok = (this->*read)(item); !ok) return ok.error();
    }
    // What is to go behind an addition.
    if (std::string_view(field) == "controls") {
      const Value trimmed = In(payload, "trimIDs");
      kind_ = FlatChange::Kind::kTakeOut;
      if (const List* more = trimmed.AsList(); more != nullptr) {
        for (const Value& item : more->items) {
          if (Result<> ok = Ids(item); !ok) return ok.error();
        }
      }
    }
    return true;
  }

  Result<> Add(const Value& value) {
    const Map* map = value.AsMap();
    if (map == nullptr) return Wrong("a control is no map");
    FlatChange change{.kind = FlatChange::Kind::kAdd, .type = TextIn(*map, "t")};
    if (Result<> ok = Id(In(*map, "i"), change.control); !ok) return ok;
    if (Result<> ok = Id(In(*map, "p"), change.parent); !ok) return ok;
    if (change.type.empty()) return Wrong("a control has no type");
    const std::string at = TextIn(*map, "at");
    if (!at.empty()) {
      std::size_t position = 0;
      const auto read = std::from_chars(at.data(), at.data() + at.size(), position);
      if (read.ec != std::errc() || read.ptr != at.data() + at.size())
        return Wrong("a control's place '" + at.substr(0, 20) + "' is no number");
      change.at = position;
    }
    const Value children = In(*map, "c");
    if (const List* list = children.AsList(); list != nullptr) {
      for (const Value& child : list->items) {
        std::int64_t id = 0;
        if (Result<> ok = Id(child, id); !ok) return ok;
        change.children.push_back(id);
      }
    }
    change.props = Texts(*map, true);
    patch_.changes.push_back(std::move(change));
    return {};
  }

  Result<> Set(const Value& value) {
    const Map* map = value.AsMap();
    if (map == nullptr) return Wrong("a control's properties are no map");
    FlatChange change{.kind = FlatChange::Kind::kSet};
    if (Result<> ok = Id(In(*map, "i"), change.control); !ok) return ok;
    change.props = Texts(*map, false);
    patch_.changes.push_back(std::move(change));
    return {};
  }

  Result<> Ids(const Value& value) {
    FlatChange change{.kind = kind_};
    if (Result<> ok = Id(value, change.control); !ok) return ok;
    patch_.changes.push_back(std::move(change));
    return {};
  }

  Result<> Id(const Value& value, std::int64_t& id) {
    const std::string* text = value.AsText();
    const auto known = text == nullptr ? std::nullopt : IdOf(*text);
    if (!known) {
      return Wrong("the id of a control is " +
                   (text == nullptr ? std::string(value.kind())
                                    : "'" + text->substr(0, 40) + "', not as '_7'"));
    }
    id = *known;
    return {};
  }

  // The control's own properties.
  static Value Texts(const Map& map, bool adds) {
    Value texts = Value::MapOf({});
    for (const auto& [name, value] : map.entries) {
      const std::string& said = *name.AsText();
      const bool own =
          said == "i" || (adds && (said == "t" || said == "p" || said == "c" || said == "at"));
      if (!own)
        texts.AsMap()->entries.emplace_back(name, value.AsText() != nullptr || value.is_nil()
                                                      ? Value(json_names::TextOf(value))
                                                      : Value(ToJson(value)));
    }
    return texts;
  }

  static Error Wrong(const std::string& what) { return MalformedMessage(Sender::kApp, what); }

  FlatPatch patch_;
  FlatChange::Kind kind_ = FlatChange::Kind::kTakeOut;
};

Value Written(const FlatChange& change) {
  const Value id(TextOfId(change.control));
  switch (change.kind) {
    case FlatChange::Kind::kClean:
      return Wrapped("cleanControl", {{"ids", Value::ListOf({id})}});
    case FlatChange::Kind::kTakeOut:
      return Wrapped("removeControl", {{"ids", Value::ListOf({id})}});
    default:
      break;
  }
  const bool adds = change.kind == FlatChange::Kind::kAdd;
  Value entry = Value::MapOf({});
  Map& map = *entry.AsMap();
  if (adds) map.Set("t", change.type);
  map.Set("i", id);
  if (adds) {
    map.Set("p", TextOfId(change.parent));
    Value children = Value::ListOf({});
    for (const std::int64_t child : change.children)
      children.AsList()->items.emplace_back(TextOfId(child));
    map.Set("c", children);
    if (change.at) map.Set("at", std::to_string(*change.at));
  }
  if (const Map* props = change.props.AsMap(); props != nullptr) {
    for (const auto& [name, value] : props->entries) map.Set(name, value);
  }
  if (!adds) return Wrapped("updateControlProps", {{"props", Value::ListOf({entry})}});
  return Wrapped("addPageControls",
                 {{"controls", Value::ListOf({entry})}, {"trimIDs", Value::ListOf({})}});
}

Value Written(const FlatPatch& patch) {
  Value batch = Value::ListOf({});
  std::vector<Value>& actions = batch.AsList()->items;
  bool adds = false;
  for (const FlatChange& change : patch.changes) {
    Value action = Written(change);
    const bool more = std::exchange(adds, change.kind == FlatChange::Kind::kAdd && !change.at);
    // Controls that hold one another come in one addition.
    if (more && adds) {
      MapIn(*actions.back().AsMap(), "payload")
          ->Find("controls")
          ->AsList()
          ->items.push_back(
              MapIn(*action.AsMap(), "payload")->Find("controls")->AsList()->items[0]);
      continue;
    }
    adds = change.kind == FlatChange::Kind::kAdd;
    actions.push_back(std::move(action));
  }
  return Value::MapOf({{"action", "pageControlsBatch"}, {"payload", batch}});
}

// What a session has, as an answer to a registration lists it.
void AddTo(Value& controls, const FlatPatch& patch) {
  for (const FlatChange& change : patch.changes) {
    const Value action = Written(change);
    const Map* payload = MapIn(*action.AsMap(), "payload");
    const bool adds = change.kind == FlatChange::Kind::kAdd;
    const Value* list = payload->Find(adds ? "controls" : "props");
    if (list == nullptr || list->AsList() == nullptr) continue;
    const Value& entry = list->AsList()->items[0];
    const std::string id = TextOfId(change.control);
    if (adds) {
      controls.AsMap()->Set(id, entry);
      if (change.parent != kPageId) continue;
      // The others' children are listed with them.
      MapIn(*controls.AsMap(), "page")->Find("c")->AsList()->items.emplace_back(id);
    } else if (Map* known = MapIn(*controls.AsMap(), id); known != nullptr) {
      for (const auto& [name, value] : entry.AsMap()->entries) {
        if (*name.AsText() != "i") known->Set(*name.AsText(), value);
      }
    }
  }
}

Value ResultValue(const MethodResult& result) {
  const Value data = Value::MapOf(
      {{"method_id", result.call_id},
       {"result", result.result.is_nil() ? Value() : Value(json_names::TextOf(result.result))},
       {"error", result.error ? Value(*result.error) : Value()}});
  return EventValue("page", std::string(kResult), ToJson(data));
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;  // for Clang before 17

}  // namespace

Codec::Match Generation1::Recognize(std::span<const std::byte> first) const noexcept {
  // A registration has less than 64 KiB; a frame of generation 3 that begins alike would have a
  // multiple of that.
  for (std::size_t i = 0; i < 2; ++i) {
    if (first.size() <= i) return Match::kPerhaps;
    if (first[i] != std::byte{0}) return Match::kNo;
  }
  return Match::kYes;
}

std::unique_ptr<FrameReader> JsonCodec::MakeReader(std::size_t max_payload) const {
  return std::make_unique<FrameDecoder>(max_payload, FrameLayout::kPlain);
}

std::optional<std::size_t> JsonCodec::Frame(PacketType type, std::size_t payload_bytes,
                                            FrameHeader& header) const noexcept {
  if (type != PacketType::kControl) return std::nullopt;
  header = MakePlainHeader(payload_bytes);
  return kPlainHeaderBytes;
}

Action JsonCodec::Peek(std::span<const std::byte> control) const noexcept {
  const std::string_view text = TextIn(control);
  const std::string_view action = FieldIn(text, "action");
  if (action == "pageEventFromWeb")
    return FieldIn(text, "eventName") == kResult ? Action::kInvokeMethod : Action::kControlEvent;
  if (action == "pageControlsBatch" || action == "addPageControls" || action == "removeControl" ||
      action == "cleanControl")
    return Action::kPatchControl;
  if (action == "updateControlProps") return Action::kUpdateControlProps;
  if (action == "registerWebClient") return Action::kRegisterClient;
  if (action == "invokeMethod") return Action::kInvokeMethod;
  if (action == "sessionCrashed") return Action::kSessionCrashed;
  return Action::kNone;
}

Outline JsonCodec::Skim(const Packet& packet) const noexcept {
  Outline outline;
  outline.action = Peek(packet);
  const std::string_view text = TextIn(packet.payload.span());
  if (outline.action == Action::kControlEvent) outline.name = FieldIn(text, "eventName");
  if (outline.action == Action::kInvokeMethod) {
    outline.name = FieldIn(text, "methodName");
    outline.call_id = FieldIn(text, "methodId");
  }
  return outline;
}

Result<> JsonCodec::Check(std::span<const std::byte> payload) const {
  Result<Value> value = Show(payload);
  if (!value) return value.error();
  const Map* map = value->AsMap();
  if (map == nullptr || map->Find("action") == nullptr || map->Find("payload") == nullptr)
    return MakeError(Errc::kPeerMisbehaved, "it is not {action, payload}");
  return {};
}

Result<Message> JsonCodec::Decode(Sender sender, std::span<const std::byte> payload,
                                  Reading reading, const DecodeLimits& limits) const {
  Result<Value> value = FromJson(TextIn(payload), limits);
  if (!value) return MalformedMessage(sender, value.error().context);
  const Map* message = value->AsMap();
  const std::string action = message == nullptr ? "" : TextIn(*message, "action");
  if (action.empty()) return MalformedMessage(sender, "it has no action");
  const Value content = In(*message, "payload");
  const bool strict = reading == Reading::kStrict;
  if (sender == Sender::kApp && action == "pageControlsBatch") {
    const List* list = content.AsList();
    if (list == nullptr) return MalformedMessage(sender, action + ": its payload is no list");
    FlatReader reader;
    for (const Value& item : list->items) {
      const Map* one = item.AsMap();
      const Map* of = one == nullptr ? nullptr : MapIn(*one, "payload");
      const std::string kind = one == nullptr ? "" : TextIn(*one, "action");
      if (of == nullptr) return MalformedMessage(sender, action + ": one of it has no payload");
      Result<bool> read = reader.Read(kind, *of);
      if (!read) return read.error();
      if (!*read && strict)
        return MalformedMessage(sender, action + ": '" + kind.substr(0, 40) + "' changes no page");
    }
    return Message(reader.Take());
  }
  const Map* body = content.AsMap();
  if (body == nullptr) return MalformedMessage(sender, action + ": its payload is no map");
  const auto text = [&](const char* field) { return TextIn(*body, field); };
  const auto has = [&](const char* field) {
    const Value* there = body->Find(field);
    return there != nullptr && there->AsText() != nullptr;
  };
  const auto lacks = [&](const char* field) {
    return MalformedMessage(sender, action + ": '" + field + "' is missing or no text");
  };
  if (sender == Sender::kApp) {
    if (action == "registerWebClient") {
      RegisterAnswer answer{{}, {}, text("error")};
      const Map* session = MapIn(*body, "session");
      const Map* controls = session == nullptr ? nullptr : MapIn(*session, "controls");
      const Map* page = controls == nullptr ? nullptr : MapIn(*controls, "page");
      if (page == nullptr && answer.error.empty() && strict)
        return MalformedMessage(sender, action + ": it has no page");
      if (session != nullptr) answer.session_id = TextIn(*session, "id");
      answer.page_patch = KnownPage(page);
      if (controls != nullptr) {
        FlatReader reader;
        if (Result<> read = reader.ReadBelow(*controls, "page"); !read) return read.error();
        answer.flat = reader.Take();
      }
      return Message(std::move(answer));
    }
    if (action == "invokeMethod") {
      if (strict && !has("methodId")) return lacks("methodId");
      if (strict && !has("methodName")) return lacks("methodName");
      const std::string control = text("controlId");
      const auto id = control.empty() ? std::optional(kPageId) : IdOf(control);
      if (!id)
        return MalformedMessage(sender, action + ": '" + control.substr(0, 40) + "' is no id");
      const Value arguments = In(*body, "arguments");
      return Message(InvokeMethod{*id, text("methodId"), text("methodName"),
                                  arguments.AsMap() == nullptr ? Value() : arguments});
    }
    if (action == "sessionCrashed") {
      if (strict && !has("message")) return lacks("message");
      return Message(SessionCrashed{text("message")});
    }
    FlatReader reader;
    Result<bool> read = reader.Read(action, *body);
    if (!read) return read.error();
    if (*read) return Message(reader.Take());
  } else {
    if (action == "registerWebClient") {
      if (strict) {
        for (const PageField& field : kPageFields) {
          if (!has(field.field)) return lacks(field.field);
        }
      }
      return Message(Register{text("sessionId"), text("pageName"), PageOf(*body)});
    }
    if (action == "pageEventFromWeb") {
      const auto id = IdOf(text("eventTarget"));
      if (!id)
        return MalformedMessage(
            sender, action + ": '" + text("eventTarget").substr(0, 40) + "' is no id of a control");
      if (strict && !has("eventName")) return lacks("eventName");
      if (*id != kPageId || text("eventName") != kResult)
        return ReadEvent(*id, text("eventName"), text("eventData"), dialect_.resize);
      Result<Value> data = FromJson(text("eventData"), limits);
      const Map* result = data ? data->AsMap() : nullptr;
      if (result == nullptr) return MalformedMessage(sender, action + ": its result is no map");
      const Value error = In(*result, "error");
      return Message(
          MethodResult{0, TextIn(*result, "method_id"), In(*result, "result"),
                       error.AsText() == nullptr ? std::nullopt : std::optional(*error.AsText())});
    }
    if (action == "updateControlProps") {
      const Value props = In(*body, "props");
      const List* list = props.AsList();
      const Map* entry =
          list == nullptr || list->items.size() != 1 ? nullptr : list->items[0].AsMap();
      const auto id = entry == nullptr ? std::nullopt : IdOf(TextIn(*entry, "i"));
      if (!id) return MalformedMessage(sender, action + ": 'props' are not those of one control");
      return Message(ReadProps(*id, *entry));
    }
  }
  return Message(Other{0, std::move(*value)});
}

std::vector<Packet> JsonCodec::Encode(const Message& message) const {
  std::vector<Packet> packets;
  const auto say = [&](Value value) {
    if (dialect_.has_ids) {
      if (Map* map = value.AsMap(); map != nullptr && map->Find("id") == nullptr)
        map->Set("id", "");
    }
    packets.push_back({PacketType::kControl, Buffer(std::string_view(ToJson(value)))});
  };
  std::visit(
      Overloaded{
          [&](const Register& m) {
            Value payload = Value::MapOf({{"pageName", m.page_name}});
            const Map* page = m.page.AsMap();
            const Map* window = page == nullptr ? nullptr : MapIn(*page, "window");
            for (const PageField& field : kPageFields) {
              const Map* of = field.window ? window : page;
              payload.AsMap()->Set(field.field, of == nullptr
                                                    ? std::string()
                                                    : json_names::TextOf(In(*of, field.property)));
            }
            payload.AsMap()->Set("sessionId", m.session_id);
            say(Value::MapOf({{"action", "registerWebClient"}, {"payload", payload}}));
          },
          [&](const RegisterAnswer& m) {
            Value page =
                Value::MapOf({{"i", "page"}, {"t", "page"}, {"p", ""}, {"c", Value::ListOf({})}});
            const Map* known = m.page_patch.AsMap();
            const Map* window = known == nullptr ? nullptr : MapIn(*known, "window");
            for (const PageField& field : kPageFields) {
              const Map* of = field.window ? window : known;
              if (of == nullptr) continue;
              page.AsMap()->Set(
                  (field.window ? "window" : "") + json_names::TextOfProperty(field.property),
                  json_names::TextOf(In(*of, field.property)));
            }
            Value controls = Value::MapOf({{"page", page}});
            AddTo(controls, m.flat);
            say(Wrapped("registerWebClient",
                        {{"session", Value::MapOf({{"id", m.session_id}, {"controls", controls}})},
                         {"error", m.error},
                         {"appInactive", false}}));
          },
          [&](const FlatPatch& m) { say(Written(m)); },
          // Of the others' changes those of properties alone have a form here.
          [&](const Patch& m) {
            for (const Change& change : m.changes) {
              const Place& place = m.places[change.at];
              if (change.kind == Change::Kind::kSet && place.above == Place::kControl &&
                  change.key.AsText() != nullptr)
                say(Written(place.control, Value::MapOf({{*change.key.AsText(), change.value}})));
            }
          },
          [&](const ControlEvent& m) { say(Written(m, dialect_.resize)); },
          [&](const UpdateProps& m) { say(Written(m.id, m.props)); },
          [&](const InvokeMethod& m) {
            Value arguments = Value::MapOf({});
            if (const Map* args = m.args.AsMap(); args != nullptr) {
              for (const auto& [name, value] : args->entries)
                arguments.AsMap()->Set(name, json_names::TextOf(value));
            }
            say(Wrapped("invokeMethod",
                        {{"methodId", m.call_id},
                         {"methodName", m.name},
                         {"controlId", m.control_id == kPageId ? "" : TextOfId(m.control_id)},
                         {"arguments", arguments}}));
          },
          [&](const MethodResult& m) { say(ResultValue(m)); },
          [&](const SessionCrashed& m) {
            say(Wrapped("sessionCrashed", {{"message", m.message}}));
          },
          [&](const PythonOutput&) {}, [&](const Other& m) { say(m.body); }},
      message);
  return packets;
}

Result<Value> JsonCodec::Show(std::span<const std::byte> payload) const {
  return FromJson(TextIn(payload));
}

std::string JsonCodec::Lacks(PacketType type, const Outline& message) const {
  if (type == PacketType::kData || message.name == "data_channel_open") return "data channels";
  if (type != PacketType::kControl)
    return "packets of type " + std::to_string(static_cast<unsigned>(type));
  if (message.action == Action::kPythonOutput) return "lines of output (python_output)";
  return {};
}

}  // namespace fletbridge::wire
