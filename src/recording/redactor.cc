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
  Result<Value> message = wire::Decode(payload);
  const auto parts = message ? PartsOf(*message) : std::nullopt;
  if (!parts) {
    // What the app has said there, nobody knows, nor which field is which from here on.
    lost_ = lost_ || direction == Direction::kToUi;
    return {kWithheld, Buffer()};
  }
  const bool registers = parts->action == kRegister;
  if (registers && direction == Direction::kToApp) NewSession();
  drawn_ = drawn_ || parts->action == kPatch;
  std::vector<std::int64_t> changed;
  if (!lost_ && !session_.Apply(direction, std::move(*message), &changed)) lost_ = true;
  if (lost_) return {kWithheld, Buffer()};

  // A control becomes secret only by a message that says so. What a message has not touched is not
  // looked at again: pages are large and messages many.
  const bool may_tell = !names_.empty() || Contains(payload, kPassword);
  if (session_.tree() != nullptr && (may_tell || !secret_.empty())) {
    if (registers) {
      for (const auto& [key, value] : session_.tree()->page().entries) FindSecrets(value);
    }
    for (const std::int64_t id : changed) {
      if (id == 0 && may_tell) secret_.insert(0);  // no way to find it: it may be one
      if (const Map* control = session_.tree()->Find(id); control != nullptr) LookAt(*control);
    }
  }
  if (!registers && secret_.empty() && names_.empty()) return {};
  // The first reading lies in the tree now.
  Result<Value> copy = wire::Decode(payload);
  if (!copy || !MaskMessage(direction, *PartsOf(*copy))) return {};
  return {kMasked, wire::Encode(*copy)};
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
  Map& page = session_.tree()->page();
  Value copy = Copied(Value(std::shared_ptr<Map>(std::shared_ptr<Map>(), &page)));
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

// Which control an operation is for is not looked up: a new `value` that a secret control has now
// is masked wherever it goes, which errs on the safe side.
bool Redactor::MaskPatch(Value& patch) const {
  wire::List* list = patch.AsList();
  if (list == nullptr) return false;
  bool masked = false;
  for (std::size_t i = 1; i < list->items.size(); ++i) {  // the first is the table of paths
    wire::List* op = list->items[i].AsList();
    if (op == nullptr || op->items.size() != 4) continue;
    const Value& key = op->items[2];
    Value& value = op->items[3];
    bool leaves = IsNamed(key);
    if (IsText(key, "value")) {
      leaves = leaves || (!values_.empty() && values_.contains(BytesOf(value)));
    }
    masked = (leaves ? MaskLeaves(value) : MaskNamed(value)) || masked;
  }
  return masked;
}

bool Redactor::MaskMessage(Direction direction, const MessageParts& message) {
  Map& body = *message.body;
  const auto mask = [&](std::string_view key, bool all) {
    Value* value = body.Find(key);
    return value != nullptr && (all ? MaskLeaves(*value) : MaskNamed(*value));
  };
  const auto is_secret = [&](std::string_view key) { return secret_.contains(IntIn(body, key)); };
  bool masked = false;
  switch (message.action) {
    case kRegister:
      masked = mask("session_id", true);  // who knows it may take the session over
      return mask(direction == Direction::kToApp ? "page" : "page_patch", false) || masked;
    case kPatch: {
      Value* patch = body.Find("patch");
      return patch != nullptr && MaskPatch(*patch);
    }
    case kEvent:
      return mask("data", is_secret("target"));
    case kProps:
      if (Map* props = MapIn(body, "props"); props != nullptr && is_secret("id")) {
        if (Value* value = props->Find("value"); value != nullptr) masked = MaskLeaves(*value);
      }
      return mask("props", false) || masked;
    case kCall: {
      const std::string id = TextIn(body, "call_id");
      if (direction == Direction::kToApp)
        return mask("result",
                    secret_calls_.erase(id) != 0 || all_calls_secret_ || is_secret("control_id"));
      // As of a store of named values: get(key), set(key, value).
      const Map* args = MapIn(body, "args");
      const Value* key = args == nullptr ? nullptr : args->Find("key");
      const bool named = key != nullptr && IsNamed(*key);
      if (named && secret_calls_.size() < kMostCalls) {
        secret_calls_.insert(id);
      } else if (named) {
        all_calls_secret_ = true;
      }
      if (named) {
        if (Value* value = MapIn(body, "args")->Find("value"); value != nullptr)
          masked = MaskLeaves(*value);
      }
      return mask("args", is_secret("control_id")) || masked;
    }
    default:
      return false;
  }
}

}  // namespace fletbridge::recording
