#include "common/wire/msgpack_codec.h"

#include <algorithm>
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
constexpr std::size_t kMostReserved = 4096;  // operations, on a peer's word
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

// Reads a patch: its operations while the message is decoded, or those that are left in its list.
class PatchReader final : public ItemTaker {
 public:
  bool Begins(const Value& root, std::size_t count) override {
    const List* parts = root.AsList();
    if (parts == nullptr || parts->items.size() != 2) return false;
    const Map* body = parts->items[1].AsMap();
    if (body == nullptr || body->entries.empty()) return false;
    const std::string* key = body->entries.back().first.AsText();
    if (parts->items[0].AsInt() != static_cast<std::int64_t>(Action::kPatchControl) ||
        key == nullptr || *key != "patch")
      return false;
    patch_.changes.reserve(std::min(count, kMostReserved));
    return true;
  }

  void Take(const Value& first, std::vector<Value>& item) override {
    if (!wrong_.empty() || (patch_.places.empty() && !ReadTree(first))) return;
    ++operation_;
    ReadOperation(item);
  }

  Result<Patch> Finish(std::int64_t control, std::vector<Value>& list) {
    if (list.empty()) return MalformedPatch(control, 0, "it is empty");
    if (wrong_.empty() && patch_.places.empty()) ReadTree(list[0]);
    for (std::size_t i = 1; i < list.size() && wrong_.empty(); ++i) {
      List* op = list[i].AsList();
      ++operation_;
      if (op == nullptr ? Wrong(kNoOperation) : ReadOperation(op->items)) list[i] = {};
    }
    if (!wrong_.empty()) return MalformedPatch(control, operation_, wrong_);
    patch_.places[0].control = control;
    return std::move(patch_);
  }

 private:
  static constexpr const char* kNoOperation = "it is not a list that begins with a number";

  bool ReadTree(const Value& tree) {
    patch_.places.reserve(kUsualPlaces);
    return ReadPlaces(tree, Place::kControl, {});
  }

  bool ReadPlaces(const Value& value, std::size_t above, Value step) {
    const List* node = value.AsList();
    if (node == nullptr || node->items.empty() || node->items.size() > 2 || !node->items[0].AsInt())
      return Wrong("its tree of paths holds something that is not [index] or [index, {...}]");
    const std::int64_t index = *node->items[0].AsInt();
    const std::size_t place = patch_.places.size();
    if (!IsFresh(index, place))
      return Wrong("its tree of paths holds the index " + std::to_string(index) + " twice");
    patch_.places.push_back({above, 0, std::move(step)});
    if (node->items.size() == 1) return true;
    const Map* below = node->items[1].AsMap();
    if (below == nullptr) return Wrong("its tree of paths holds no map below an index");
    const std::size_t places = patch_.places.size() + below->entries.size();
    if (places > patch_.places.capacity())
      patch_.places.reserve(std::max(places, 2 * patch_.places.capacity()));
    for (const auto& [key, child] : below->entries) {
      if (!ReadPlaces(child, place, key)) return false;
    }
    return true;
  }

  // Mostly the indices count the places as they come, and need no table.
  bool IsFresh(std::int64_t index, std::size_t place) {
    if (counted_ && index == static_cast<std::int64_t>(place)) return true;
    for (std::size_t i = 0; counted_ && i < place; ++i)
      numbers_.emplace(static_cast<std::int64_t>(i), i);
    counted_ = false;
    return numbers_.emplace(index, place).second;
  }

  bool ReadOperation(std::vector<Value>& op) {
    static constexpr std::size_t kSizes[] = {4, 4, 3, 5};  // set, insert, remove, move
    if (op.empty() || !op[0].AsInt()) return Wrong(kNoOperation);
    const std::int64_t number = *op[0].AsInt();
    if (number < 0 || number > 3)
      return Wrong("its kind " + std::to_string(number) + " is unknown");
    if (op.size() != kSizes[number])
      return Wrong("it has " + Counted(op.size(), "part") + ", not " +
                   std::to_string(kSizes[number]));
    const auto kind = static_cast<Change::Kind>(number);
    std::size_t at = 0;
    std::size_t to = 0;
    if (!ReadPlace(op[1], at) || (kind == Change::Kind::kMove && !ReadPlace(op[3], to)))
      return false;
    patch_.changes.push_back({kind, at, std::move(op[2]),
                              kind == Change::Kind::kRemove ? Value() : std::move(op.back()), to});
    return true;
  }

  bool ReadPlace(const Value& index, std::size_t& place) {
    if (!index.AsInt()) return Wrong("its node is " + std::string(index.kind()));
    const auto at = static_cast<std::uint64_t>(*index.AsInt());
    const auto known = counted_ ? numbers_.end() : numbers_.find(*index.AsInt());
    if (counted_ ? at >= patch_.places.size() : known == numbers_.end())
      return Wrong("node " + std::to_string(*index.AsInt()) + " is not in the tree of paths");
    place = counted_ ? at : known->second;
    return true;
  }

  bool Wrong(std::string what) {
    wrong_ = std::move(what);
    return false;
  }

  Patch patch_;
  bool counted_ = true;                                    // indices are places
  std::unordered_map<std::int64_t, std::size_t> numbers_;  // else: which place an index is
  std::size_t operation_ = 0;                              // 0: none yet
  std::string wrong_;                                      // of the tree, or of that operation
};

// One message for each run of changes below the same control. Those whose position nobody has found
// (ControlTree::Apply) cannot be written: the tree does not hold their control.
class PatchWriter {
 public:
  explicit PatchWriter(const Patch& patch) : patch_(patch), numbers_(patch.places.size(), kNone) {}

  template <class Say>
  void Write(Say&& say) {
    for (const Change& change : patch_.changes) {
      if (change.kind > Change::Kind::kMove) continue;
      const std::int64_t control = RootOf(patch_, change.at);
      if (control != control_) Finish(say);
      control_ = control;
      changes_.push_back(&change);
    }
    Finish(say);
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  // Of the tree of paths; its number is its index.
  struct Node {
    const Value* step = nullptr;
    std::size_t children = 0;
    std::size_t first = kNone, last = kNone;  // child
    std::size_t next = kNone;                 // child of the same node
  };

  template <class Say>
  void Finish(Say&& say) {
    if (changes_.empty()) return;
    for (const Change* change : changes_) {
      NumberOf(change->at);
      if (change->kind == Change::Kind::kMove) NumberOf(change->to);
    }
    Encoder out;
    out.BeginList(2);
    out.Put(static_cast<int>(Action::kPatchControl));
    out.BeginMap(2);
    out.Put("id");
    out.Put(control_);
    out.Put("patch");
    out.BeginList(1 + changes_.size());
    PutNode(out, 0);
    for (const Change* change : changes_) PutOperation(out, *change);
    say(out.Take());
    for (const std::size_t place : numbered_) numbers_[place] = kNone;
    numbered_.clear();
    nodes_.clear();
    changes_.clear();
  }

  // Enters the place when it is first needed.
  std::size_t NumberOf(std::size_t at) {
    if (numbers_[at] != kNone) return numbers_[at];
    const Place& place = patch_.places[at];
    std::size_t number = 0;
    if (place.above == Place::kControl) {
      if (nodes_.empty()) nodes_.emplace_back();
    } else {
      const std::size_t above = NumberOf(place.above);
      number = nodes_.size();
      nodes_.push_back({&place.step});
      std::size_t& before =
          ++nodes_[above].children == 1 ? nodes_[above].first : nodes_[nodes_[above].last].next;
      before = number;
      nodes_[above].last = number;
    }
    numbered_.push_back(at);
    return numbers_[at] = number;
  }

  void PutNode(Encoder& out, std::size_t number) const {
    const Node& node = nodes_[number];
    out.BeginList(node.children == 0 ? 1 : 2);
    out.Put(number);
    if (node.children == 0) return;
    out.BeginMap(node.children);
    for (std::size_t child = node.first; child != kNone; child = nodes_[child].next) {
      out.Put(*nodes_[child].step);
      PutNode(out, child);
    }
  }

  void PutOperation(Encoder& out, const Change& change) const {
    const bool moves = change.kind == Change::Kind::kMove;
    const bool has_value = change.kind != Change::Kind::kRemove;
    out.BeginList(std::size_t{3} + (moves ? 1 : 0) + (has_value ? 1 : 0));
    out.Put(static_cast<int>(change.kind));
    out.Put(numbers_[change.at]);
    out.Put(change.key);
    if (moves) out.Put(numbers_[change.to]);
    if (has_value) out.Put(change.value);
  }

  const Patch& patch_;
  std::int64_t control_ = 0;
  std::vector<const Change*> changes_;  // of the message being collected
  std::vector<Node> nodes_;
  std::vector<std::size_t> numbers_;   // by place
  std::vector<std::size_t> numbered_;  // the places that have one
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
  return PatchReader().Finish(control, items->items);
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
  PatchReader patches;
  const bool from_app = sender == Sender::kApp;
  Result<Value> value = wire::Decode(payload, limits, from_app ? &patches : nullptr);
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
      if (list.AsList() == nullptr)
        return MakeError(Errc::kPeerMisbehaved, "the app sent a patch without a list");
      Result<Patch> patch = patches.Finish(id, list.AsList()->items);
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
          [&](const Patch& m) {
            PatchWriter(m).Write([&](Buffer payload) {
              packets.push_back({PacketType::kControl, std::move(payload)});
            });
          },
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
