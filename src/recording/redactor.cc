#include "src/recording/redactor.h"

#include <algorithm>

namespace fletbridge::recording {
namespace {

using wire::Map;
using wire::Value;

constexpr std::string_view kPassword = "password";
constexpr std::size_t kMostCalls = 4096;  // that wait for their answers

bool Contains(std::span<const std::byte> payload, std::string_view word) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  return text.find(word) != std::string_view::npos;
}

bool IsText(const Value& value, std::string_view text) {
  return value.AsText() != nullptr && *value.AsText() == text;
}

std::string BytesOf(const Value& value) {
  const Buffer bytes = wire::Encode(value);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

Redactor::Redactor(std::vector<std::string> names) : names_(std::move(names)) {}

Redactor::Outcome Redactor::Pass(Direction direction, PacketType type,
                                 std::span<const std::byte> payload) {
  if (type != PacketType::kControl) return {};
  const auto read = [&] {
    return codec_->Decode(SenderOf(direction), payload, wire::Reading::kLenient);
  };
  Result<wire::Message> message = read();
  if (!message) {
    // Its content is unknown, and so is the control tree from here on.
    lost_ = lost_ || direction == Direction::kToUi;
    return {kWithheld, Buffer()};
  }
  const bool begins = std::holds_alternative<wire::Register>(*message);
  const bool registers = begins || std::holds_alternative<wire::RegisterAnswer>(*message);
  if (begins) NewSession();
  drawn_ = drawn_ || std::holds_alternative<wire::Patch>(*message) ||
           std::holds_alternative<wire::FlatPatch>(*message);
  std::vector<std::int64_t> changed;
  if (!lost_ && !session_.Apply(*message, &changed)) lost_ = true;
  if (lost_) return {kWithheld, Buffer()};

  // A control becomes secret only by a message that says so. What a message has not touched is not
  // looked at again: pages are large and messages many.
  const bool may_tell = !names_.empty() || Contains(payload, kPassword);
  if (session_.tree() != nullptr && (may_tell || !secret_.empty())) {
    if (registers) {
      for (const auto& [key, value] : session_.tree()->page().entries) FindSecrets(value);
    }
    for (const std::int64_t id : changed) {
      if (id == 0 && may_tell)
        secret_.insert(0);  // it cannot be found by id, so it is treated as secret
      if (const Map* control = session_.tree()->Find(id); control != nullptr) LookAt(*control);
    }
  }
  if (!registers && secret_.empty() && names_.empty()) return {};
  // The first reading's values are part of the tree now.
  const bool kept = registers || std::holds_alternative<wire::Patch>(*message) ||
                    std::holds_alternative<wire::UpdateProps>(*message);
  if (kept) message = read();
  if (!message || !std::visit([this](auto& content) { return Mask(content); }, *message)) return {};
  return {kMasked, codec_->EncodeOne(*message)};
}

void Redactor::NewSession() {
  session_.Reset();
  secret_.clear();
  value_of_.clear();
  values_.clear();
  secret_calls_.clear();
  all_calls_secret_ = false;
  lost_ = false;
}

std::optional<Buffer> Redactor::State() {
  if (session_.tree() == nullptr || lost_ || wire::ControlId(session_.tree()->page()) == 0)
    return std::nullopt;
  Value copy = wire::Copied(session_.page());
  MaskNamed(copy);
  return wire::Encode(copy);
}

void Redactor::FindSecrets(const Value& value) {
  if (const Map* map = value.AsMap(); map != nullptr) {
    LookAt(*map);
    for (const auto& [key, below] : map->entries) FindSecrets(below);
  } else if (const wire::List* list = value.AsList(); list != nullptr) {
    for (const Value& below : list->items) FindSecrets(below);
  }
}

void Redactor::LookAt(const Map& control) {
  const std::int64_t id = wire::ControlId(control);
  if (IsSecret(control)) secret_.insert(id);
  if (id != 0 && secret_.contains(id)) LearnValue(id);
}

void Redactor::LearnValue(std::int64_t id) {
  const Map* control = session_.tree()->Find(id);
  const Value* value = control == nullptr ? nullptr : control->Find("value");
  const bool tells =
      value != nullptr && !value->is_nil() && !std::holds_alternative<bool>(value->content());
  std::string now = tells ? BytesOf(*value) : std::string();
  std::string& known = value_of_[id];
  if (known == now) return;
  if (const auto old = values_.find(known); old != values_.end() && --old->second == 0)
    values_.erase(old);
  if (tells) ++values_[now];
  known = std::move(now);
  SweepValues();
}

void Redactor::SweepValues() {
  if (value_of_.size() < sweep_at_) return;
  for (auto one = value_of_.begin(); one != value_of_.end();) {
    if (session_.tree()->Find(one->first) != nullptr) {
      ++one;
      continue;
    }
    if (const auto old = values_.find(one->second); old != values_.end() && --old->second == 0)
      values_.erase(old);
    one = value_of_.erase(one);
  }
  sweep_at_ = std::max<std::size_t>(256, value_of_.size() * 2);
}

bool Redactor::IsNamed(const Value& value) const {
  const std::string* text = value.AsText();
  return text != nullptr && std::find(names_.begin(), names_.end(), *text) != names_.end();
}

bool Redactor::IsSecret(const Map& control) const {
  if (wire::ControlType(control).empty()) return false;
  if (const Value* password = control.Find(kPassword); password != nullptr && password->is_true())
    return true;
  for (const char* key : {"key", "data", "label"}) {
    const Value* value = control.Find(key);
    if (value == nullptr) continue;
    // A key may be a map with the key's own value, a label may be a control.
    const Map* map = value->AsMap();
    const Value* inner = map == nullptr ? nullptr : map->Find("value");
    if (IsNamed(inner == nullptr ? *value : *inner)) return true;
  }
  return false;
}

bool Redactor::MaskLeaves(Value& value) const {
  bool masked = false;
  if (Map* map = value.AsMap(); map != nullptr) {
    for (auto& [key, below] : map->entries) masked = MaskLeaves(below) || masked;
    return masked;
  }
  if (wire::List* list = value.AsList(); list != nullptr) {
    for (Value& below : list->items) masked = MaskLeaves(below) || masked;
    return masked;
  }
  if (value.is_nil() || IsText(value, "")) return false;
  const Value::Content& content = value.content();
  if (value.AsText() != nullptr) {
    value = Value(kMask);
  } else if (std::holds_alternative<bool>(content)) {
    value = Value(false);
  } else if (std::holds_alternative<double>(content)) {
    value = Value(0.0);
  } else if (std::holds_alternative<std::int64_t>(content) ||
             std::holds_alternative<std::uint64_t>(content)) {
    value = Value(0);
  } else {
    value = Value();
  }
  return true;
}

bool Redactor::MaskNamed(Value& value) const {
  bool masked = false;
  if (Map* map = value.AsMap(); map != nullptr) {
    const bool secret = secret_.contains(wire::ControlId(*map)) && !wire::ControlType(*map).empty();
    for (auto& [key, below] : map->entries) {
      const bool leaves = IsNamed(key) || (secret && IsText(key, "value"));
      masked = (leaves ? MaskLeaves(below) : MaskNamed(below)) || masked;
    }
  } else if (wire::List* list = value.AsList(); list != nullptr) {
    for (Value& below : list->items) masked = MaskNamed(below) || masked;
  }
  return masked;
}

// With a session's id anybody may take the session over.
bool Redactor::Mask(wire::Register& message) {
  const bool masked = !std::exchange(message.session_id, {}).empty();
  if (masked) message.session_id = kMask;
  return MaskNamed(message.page) || masked;
}

bool Redactor::Mask(wire::RegisterAnswer& message) {
  const bool masked = !std::exchange(message.session_id, {}).empty();
  if (masked) message.session_id = kMask;
  return MaskNamed(message.page_patch) || masked;
}

// Which control a change is for is not looked up: a new `value` that a secret control has now is
// masked wherever it goes, which errs on the safe side.
bool Redactor::Mask(wire::Patch& message) {
  bool masked = false;
  for (wire::Change& change : message.changes) {
    const bool held =
        IsText(change.key, "value") && !values_.empty() && values_.contains(BytesOf(change.value));
    masked = Mask(change.value, held || IsNamed(change.key)) || masked;
  }
  return masked;
}

// In generation 1 each change names its control.
bool Redactor::Mask(wire::FlatPatch& message) {
  bool masked = false;
  for (wire::FlatChange& change : message.changes) {
    Map* props = change.props.AsMap();
    if (props == nullptr) continue;
    for (auto& [key, value] : props->entries) {
      const bool secret = secret_.contains(change.control) && IsText(key, "value");
      if (secret || IsNamed(key)) masked = MaskLeaves(value) || masked;
    }
  }
  return masked;
}

bool Redactor::Mask(wire::ControlEvent& message) {
  return Mask(message.data, secret_.contains(message.target));
}

bool Redactor::Mask(wire::UpdateProps& message) {
  bool masked = false;
  if (Map* props = message.props.AsMap(); props != nullptr && secret_.contains(message.id)) {
    if (Value* value = props->Find("value"); value != nullptr) masked = MaskLeaves(*value);
  }
  return MaskNamed(message.props) || masked;
}

bool Redactor::Mask(wire::MethodResult& message) {
  return Mask(message.result, secret_calls_.erase(message.call_id) != 0 || all_calls_secret_ ||
                                  secret_.contains(message.control_id));
}

// Arguments of a key-value store: get(key), set(key, value).
bool Redactor::Mask(wire::InvokeMethod& message) {
  bool masked = false;
  Map* args = message.args.AsMap();
  if (args != nullptr && IsNamed(wire::In(*args, "key"))) {
    if (secret_calls_.size() < kMostCalls) {
      secret_calls_.insert(message.call_id);
    } else {
      all_calls_secret_ = true;
    }
    if (Value* value = args->Find("value"); value != nullptr) masked = MaskLeaves(*value);
  }
  return Mask(message.args, secret_.contains(message.control_id)) || masked;
}

}  // namespace fletbridge::recording
