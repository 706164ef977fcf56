#include "common/wire/msgpack_codec.h"

#include <unordered_map>
#include <utility>

#include "common/base/counted.h"
#include "common/wire/bare_framing.h"
#include "common/wire/value_scanner.h"

namespace fletbridge::wire {
namespace {

constexpr std::byte kArrayOfTwo{0x92};
constexpr std::size_t kBodyAt = 2;  // behind 92 and the action
constexpr std::size_t kUsualPlaces = 8;
// A text begins with a byte from here on (fixstr): the first key of a body.
constexpr std::byte kSmallestText{0xa0};

// A text of less than 64 KiB at the beginning of `in`; nothing if it is none.
std::optional<std::string_view> ShortText(std::span<const std::byte> in) {
  if (in.empty()) return std::nullopt;
  const auto head = std::to_integer<unsigned>(in[0]);
  std::size_t at = 1;
  std::size_t size = head & 0x1f;
  if (head == 0xd9 && in.size() > 1) {
    at = 2;
    size = std::to_integer<std::size_t>(in[1]);
  } else if (head == 0xda && in.size() > 2) {
    at = 3;
    size = std::to_integer<std::size_t>(in[1]) << 8 | std::to_integer<std::size_t>(in[2]);
  } else if ((head & 0xe0) != 0xa0) {
    return std::nullopt;
  }
  if (in.size() < at + size) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(in.data()) + at, size);
}

// Takes the fields out of one body and remembers the first that is wrong.
class Body {
 public:
  Body(const char* name, Map& map) : name_(name), map_(map) {}

  std::string Text(std::string_view key, bool required = true) {
    return OptionalText(key, required).value_or(std::string());
  }
  std::optional<std::string> OptionalText(std::string_view key, bool required = false) {
    Value* value =
        Field(key, "text", required, [](const Value& v) { return v.AsText() != nullptr; });
    return value == nullptr ? std::nullopt : std::optional(std::move(*value->AsText()));
  }
  std::int64_t Int(std::string_view key) {
    Value* value = Field(key, "an integer", true, [](const Value& v) { return bool(v.AsInt()); });
    return value == nullptr ? 0 : *value->AsInt();
  }
  Value MapValue(std::string_view key, bool required = true) {
    return TakenFrom(
        Field(key, "a map", required, [](const Value& v) { return v.AsMap() != nullptr; }));
  }
  Value ListValue(std::string_view key) {
    return TakenFrom(
        Field(key, "a list", true, [](const Value& v) { return v.AsList() != nullptr; }));
  }
  Value Any(std::string_view key) { return TakenFrom(map_.Find(key)); }

  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

 private:
  static Value TakenFrom(Value* value) { return value == nullptr ? Value() : std::move(*value); }
  Value* Field(std::string_view key, const char* wanted, bool required,
               bool (*fits)(const Value&)) {
    Value* value = map_.Find(key);
    if (value != nullptr && fits(*value)) return value;
    if (wrong_.empty() && (required || (value != nullptr && !value->is_nil()))) {
      wrong_ = std::string(name_) + ": '" + std::string(key) + "' is " +
               (value == nullptr ? "missing" : value->kind()) + ", not " + wanted;
    }
    return nullptr;
  }

  const char* const name_;
  Map& map_;
  std::string wrong_;
};

class PatchReader {
 public:
  explicit PatchReader(std::int64_t control) : control_(control) {}

  Result<Patch> Read(std::vector<Value>& list) {
    if (list.empty()) return Wrong("it is empty");
    patch_.places.reserve(kUsualPlaces);
    if (Result<> ok = ReadPlaces(list[0], Place::kControl, {}); !ok) return ok.error();
    patch_.changes.reserve(list.size() - 1);
    for (operation_ = 1; operation_ < list.size(); ++operation_) {
      List* op = list[operation_].AsList();
      if (op == nullptr || op->items.empty() || !op->items[0].AsInt())
        return Wrong("it is not a list that begins with a number");
      if (Result<> ok = ReadOperation(*op->items[0].AsInt(), op->items); !ok) return ok.error();
      list[operation_] = {};  // what is left of it
    }
    return std::move(patch_);
  }

 private:
  Result<> ReadPlaces(const Value& value, std::size_t above, Value step) {
    const List* node = value.AsList();
    if (node == nullptr || node->items.empty() || node->items.size() > 2 || !node->items[0].AsInt())
      return Wrong("its tree of paths holds something that is not [index] or [index, {...}]");
    const std::int64_t index = *node->items[0].AsInt();
    const std::size_t place = patch_.places.size();
    if (!IsFresh(index, place))
      return Wrong("its tree of paths holds the index " + std::to_string(index) + " twice");
    patch_.places.push_back({above, above == Place::kControl ? control_ : 0, std::move(step)});
    if (node->items.size() == 1) return {};
    const Map* below = node->items[1].AsMap();
    if (below == nullptr) return Wrong("its tree of paths holds no map below an index");
    for (const auto& [key, child] : below->entries) {
      if (Result<> ok = ReadPlaces(child, place, key); !ok) return ok;
    }
    return {};
  }

  // Mostly the indices count the places as they come, and need no table.
  bool IsFresh(std::int64_t index, std::size_t place) {
    if (counted_ && index == static_cast<std::int64_t>(place)) return true;
    for (std::size_t i = 0; counted_ && i < place; ++i)
      numbers_.emplace(static_cast<std::int64_t>(i), i);
    counted_ = false;
    return numbers_.emplace(index, place).second;
  }

  Result<> ReadOperation(std::int64_t kind, std::vector<Value>& op) {
    static constexpr std::size_t kSizes[] = {4, 4, 3, 5};  // set, insert, remove, move
    if (kind < 0 || kind > 3) return Wrong("its kind " + std::to_string(kind) + " is unknown");
    if (op.size() != kSizes[kind])
      return Wrong("it has " + Counted(op.size(), "part") + ", not " +
                   std::to_string(kSizes[kind]));
    Change& change = patch_.changes.emplace_back();
    change.kind = static_cast<Change::Kind>(kind);
    change.key = std::move(op[2]);
    if (Result<> ok = ReadPlace(op[1], change.at); !ok) return ok;
    if (change.kind == Change::Kind::kMove) {
      change.to_key = std::move(op[4]);
      return ReadPlace(op[3], change.to);
    }
    if (change.kind != Change::Kind::kRemove) change.value = std::move(op[3]);
    return {};
  }

  Result<> ReadPlace(const Value& index, std::size_t& place) const {
    if (!index.AsInt()) return Wrong("its node is " + std::string(index.kind()));
    const auto at = static_cast<std::uint64_t>(*index.AsInt());
    const auto known = counted_ ? numbers_.end() : numbers_.find(*index.AsInt());
    if (counted_ ? at >= patch_.places.size() : known == numbers_.end())
      return Wrong("node " + std::to_string(*index.AsInt()) + " is not in the tree of paths");
    place = counted_ ? at : known->second;
    return {};
  }

  Error Wrong(const std::string& what) const { return MalformedPatch(control_, operation_, what); }

  const std::int64_t control_;
  Patch patch_;
  bool counted_ = true;                                    // indices are places
  std::unordered_map<std::int64_t, std::size_t> numbers_;  // else: which place an index is
  std::size_t operation_ = 0;                              // 0: none yet
};

// One message for each run of changes below the same control. Those whose position nobody has found
// (ControlTree::Apply) cannot be written: the tree does not hold their control.
class PatchWriter {
 public:
  explicit PatchWriter(const Patch& patch) : patch_(patch) {}

  template <class Say>
  void Write(Say&& say) {
    std::int64_t control = 0;
    const auto finish = [&] {
      if (root_ == nullptr) return;
      operations_.insert(operations_.begin(), std::move(root_));
      auto list = std::make_shared<List>();
      list->items = std::move(operations_);
      say(2, {{"id", control}, {"patch", Value(std::move(list))}});
      root_ = nullptr;
      operations_.clear();
      nodes_.clear();
    };
    for (const Change& change : patch_.changes) {
      if (change.kind > Change::Kind::kMove) continue;
      const std::int64_t below = RootOf(patch_, change.at);
      if (below != control) finish();
      control = below;
      operations_.push_back(Operation(change));
    }
    finish();
  }

 private:
  Value Operation(const Change& change) {
    auto op = std::make_shared<List>();
    op->items = {Value(static_cast<int>(change.kind)), NumberOf(change.at), change.key};
    if (change.kind == Change::Kind::kMove) {
      op->items.push_back(NumberOf(change.to));
      op->items.push_back(change.to_key);
    } else if (change.kind != Change::Kind::kRemove) {
      op->items.push_back(change.value);
    }
    return op;
  }

  Value NumberOf(std::size_t place) { return NodeOf(place).items[0]; }

  // The place in the tree of paths, where it is entered when it is first needed.
  List& NodeOf(std::size_t at) {
    const Place& place = patch_.places[at];
    const bool root = place.above == Place::kControl;
    List* above = root ? nullptr : &NodeOf(place.above);
    std::shared_ptr<List>& node = nodes_[root ? Place::kControl : at];
    if (node != nullptr) return *node;
    node = std::make_shared<List>();
    node->items.emplace_back(nodes_.size() - 1);
    if (root) {
      root_ = node;
      return *node;
    }
    if (above->items.size() == 1) above->items.emplace_back(std::make_shared<Map>());
    above->items[1].AsMap()->entries.emplace_back(place.step, node);
    return *node;
  }

  const Patch& patch_;
  std::unordered_map<std::size_t, std::shared_ptr<List>> nodes_;  // by place, the root apart
  std::shared_ptr<List> root_;  // the tree; null while nothing is written
  std::vector<Value> operations_;
};

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;  // for Clang before 17

}  // namespace

Result<Patch> ReadPatch(std::int64_t control, Value list) {
  List* items = list.AsList();
  if (items == nullptr)
    return MakeError(Errc::kPeerMisbehaved, "the app sent a patch without a list");
  return PatchReader(control).Read(items->items);
}

Action MsgpackCodec::Peek(std::span<const std::byte> in) const noexcept {
  if (in.size() < 2 || in[0] != kArrayOfTwo) return Action::kNone;
  const auto action = std::to_integer<std::uint8_t>(in[1]);
  return action <= 7 ? static_cast<Action>(action) : Action::kNone;
}

Outline MsgpackCodec::Skim(const Packet& packet) const noexcept {
  Outline outline;
  outline.action = Peek(packet);
  if (outline.action == Action::kNone) return outline;
  std::span<const std::byte> in = packet.payload.span().subspan(kBodyAt);
  if (in.empty() || (in[0] & std::byte{0xf0}) != std::byte{0x80}) return outline;
  const std::size_t entries = std::to_integer<std::size_t>(in[0] & std::byte{0x0f});
  in = in.subspan(1);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::string_view key = ShortText(in).value_or(std::string_view());
    std::string_view* const wanted = key == "name"      ? &outline.name
                                     : key == "call_id" ? &outline.call_id
                                     : key == "error"   ? &outline.error
                                                        : nullptr;
    for (const bool is_value : {false, true}) {
      if (is_value && wanted != nullptr) *wanted = ShortText(in).value_or(std::string_view());
      const Result<std::size_t> length = ValueLength(in);
      if (!length) return outline;
      in = in.subspan(*length);
    }
    // Its data may be large.
    if (outline.action == Action::kControlEvent && !outline.name.empty()) return outline;
  }
  return outline;
}

Result<> MsgpackCodec::Check(std::span<const std::byte> payload) const {
  const Result<std::size_t> length = ValueLength(payload);
  if (!length) return length.error();
  if (*length != payload.size()) {
    return MakeError(Errc::kPeerMisbehaved,
                     Counted(payload.size() - *length, "byte follows", "bytes follow") + " it");
  }
  if (payload[0] != kArrayOfTwo)
    return MakeError(Errc::kPeerMisbehaved, "it is not [action, body]");
  return {};
}

Result<Message> MsgpackCodec::Decode(Sender sender, std::span<const std::byte> payload,
                                     Reading reading, const DecodeLimits& limits) const {
  Result<Value> value = wire::Decode(payload, limits);
  if (!value) return MalformedMessage(sender, value.error().context);
  List* parts = value->AsList();
  if (parts == nullptr || parts->items.size() != 2 || !parts->items[0].AsInt())
    return MalformedMessage(sender, "it is not [action, body]");
  const std::int64_t action = *parts->items[0].AsInt();
  Map* map = parts->items[1].AsMap();
  if (map == nullptr) {
    return MalformedMessage(sender, "the body of action " + std::to_string(action) + " is " +
                                        parts->items[1].kind() + ", not a map");
  }
  const bool from_app = sender == Sender::kApp;
  const bool strict = reading == Reading::kStrict;
  static constexpr const char* kNames[] = {"",
                                           "register_client",
                                           "patch_control",
                                           "control_event",
                                           "update_control_props",
                                           "invoke_method",
                                           "session_crashed",
                                           "python_output"};
  Body body(action > 0 && action <= 7 ? kNames[action] : "", *map);
  Message message;
  if (action == 1 && from_app) {
    message = RegisterAnswer{body.Text("session_id", false), body.MapValue("page_patch"),
                             body.Text("error", false)};
  } else if (action == 1) {
    message = Register{body.Text("session_id", false), body.Text("page_name", false),
                       body.MapValue("page")};
  } else if (action == 2 && from_app) {
    const std::int64_t id = body.Int("id");
    Value list = body.ListValue("patch");
    if (body.wrong().empty() || !strict) {
      Result<Patch> patch = ReadPatch(id, std::move(list));
      if (!patch) return patch.error();
      message = std::move(*patch);
    }
  } else if (action == 3 && !from_app) {
    message = ControlEvent{body.Int("target"), body.Text("name"), body.Any("data")};
  } else if (action == 4 && !from_app) {
    message = UpdateProps{body.Int("id"), body.MapValue("props")};
  } else if (action == 5 && from_app) {
    message = InvokeMethod{body.Int("control_id"), body.Text("call_id"), body.Text("name"),
                           body.MapValue("args", false)};
  } else if (action == 5) {
    message = MethodResult{body.Int("control_id"), body.Text("call_id"), body.Any("result"),
                           body.OptionalText("error")};
  } else if (action == 6 && from_app) {
    message = SessionCrashed{body.Text("message")};
  } else if (action == 7 && from_app) {
    message = PythonOutput{body.Text("text"), body.Any("is_stderr").is_true()};
  } else if (strict) {
    return MalformedMessage(sender, "action " + std::to_string(action) + " is unknown");
  } else {
    message = Other{action, parts->items[1]};
  }
  if (strict && !body.wrong().empty()) return MalformedMessage(sender, body.wrong());
  return message;
}

// Flet reads these strictly: no key more or less than here.
std::vector<Packet> MsgpackCodec::Encode(const Message& message) const {
  std::vector<Packet> packets;
  const auto put = [&packets](std::int64_t action, Value body) {
    packets.push_back(
        {PacketType::kControl, wire::Encode(Value::ListOf({Value(action), std::move(body)}))});
  };
  const auto say = [&put](int action, std::initializer_list<Value::Pair> body) {
    put(action, Value::MapOf(body));
  };
  std::visit(
      Overloaded{
          [&](const Register& m) {
            say(1, {{"session_id", m.session_id.empty() ? Value() : Value(m.session_id)},
                    {"page_name", m.page_name},
                    {"page", m.page}});
          },
          [&](const RegisterAnswer& m) {
            say(1,
                {{"session_id", m.session_id}, {"page_patch", m.page_patch}, {"error", m.error}});
          },
          [&](const Patch& m) { PatchWriter(m).Write(say); },
          [](const FlatPatch&) {},  // a session makes a Patch of it first
          [&](const ControlEvent& m) {
            say(3, {{"target", m.target}, {"name", m.name}, {"data", m.data}});
          },
          [&](const UpdateProps& m) {
            say(4, {{"id", m.id}, {"props", m.props}});
          },
          [&](const InvokeMethod& m) {
            Value body = Value::MapOf(
                {{"control_id", m.control_id}, {"call_id", m.call_id}, {"name", m.name}});
            if (!m.args.is_nil()) body.AsMap()->Set("args", m.args);
            put(5, std::move(body));
          },
          [&](const MethodResult& m) {
            say(5, {{"control_id", m.control_id},
                    {"call_id", m.call_id},
                    {"result", m.result},
                    {"error", m.error ? Value(*m.error) : Value()}});
          },
          [&](const SessionCrashed& m) {
            say(6, {{"message", m.message}});
          },
          [&](const PythonOutput& m) {
            say(7, {{"text", m.text}, {"is_stderr", m.is_stderr}});
          },
          [&](const Other& m) { put(m.action, m.body); }},
      message);
  return packets;
}

Result<Value> MsgpackCodec::Show(std::span<const std::byte> payload) const {
  return wire::Decode(payload);
}

bool MsgpackCodec::WritesAs(const Codec& other) const noexcept {
  return dynamic_cast<const MsgpackCodec*>(&other) != nullptr;
}

Codec::Match Generation2::Recognize(std::span<const std::byte> first) const noexcept {
  if (first.empty()) return Match::kPerhaps;
  if (first[0] != kArrayOfTwo) return Match::kNo;
  if (first.size() < 4) return Match::kPerhaps;
  // As a length of generation 3 these would be 2 GiB and more.
  return first[3] >= kSmallestText ? Match::kYes : Match::kNo;
}

std::unique_ptr<FrameReader> Generation2::MakeReader(std::size_t max_payload) const {
  return std::make_unique<BareDecoder>(max_payload);
}

std::optional<std::size_t> Generation2::Frame(PacketType type, std::size_t,
                                              FrameHeader&) const noexcept {
  if (type != PacketType::kControl) return std::nullopt;
  return 0;
}

std::string Generation2::Lacks(PacketType type, const Outline& message) const {
  constexpr const char* kDataChannels = "data channels";
  if (type == PacketType::kData) return kDataChannels;
  if (type != PacketType::kControl)
    return "packets of type " + std::to_string(static_cast<unsigned>(type));
  if (message.action == Action::kPythonOutput) return "lines of output (python_output)";
  if (message.action == Action::kControlEvent && message.name == "data_channel_open")
    return kDataChannels;
  return {};
}

// Whatever no generation before recognizes.
Codec::Match Generation3::Recognize(std::span<const std::byte> first) const noexcept {
  return first.empty() ? Match::kPerhaps : Match::kYes;
}

std::unique_ptr<FrameReader> Generation3::MakeReader(std::size_t max_payload) const {
  return std::make_unique<FrameDecoder>(max_payload);
}

std::optional<std::size_t> Generation3::Frame(PacketType type, std::size_t payload_bytes,
                                              FrameHeader& header) const noexcept {
  header = MakeFrameHeader(type, payload_bytes);
  return header.size();
}

}  // namespace fletbridge::wire
