#include "src/recording/session_tree.h"

namespace fletbridge::recording {

using wire::Map;
using wire::Value;

std::optional<MessageParts> PartsOf(const Value& message) noexcept {
  const wire::List* parts = message.AsList();
  if (parts == nullptr || parts->items.size() != 2 || !parts->items[0].AsInt() ||
      parts->items[1].AsMap() == nullptr)
    return std::nullopt;
  return MessageParts{*parts->items[0].AsInt(), parts->items[1].AsMap()};
}

std::int64_t IntIn(const Map& map, std::string_view key) noexcept {
  const Value* value = map.Find(key);
  return value == nullptr ? 0 : value->AsInt().value_or(0);
}

std::string TextIn(const Map& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value == nullptr || value->AsText() == nullptr ? std::string() : *value->AsText();
}

Map* MapIn(const Map& map, std::string_view key) noexcept {
  const Value* value = map.Find(key);
  return value == nullptr ? nullptr : value->AsMap();
}

Value Copied(const Value& value) {
  const Result<Value> copy = wire::Decode(wire::Encode(value).span(), kStateLimits);
  return copy ? *copy : Value();
}

Result<> SessionTree::Apply(Direction direction, Value message,
                            std::vector<std::int64_t>* changed) {
  const auto parts = PartsOf(message);
  if (!parts) return MakeError(Errc::kPeerMisbehaved, "it is no message");
  if (parts->action == kRegister && direction == Direction::kToApp) {
    const Value* page = parts->body->Find("page");
    tree_.emplace(page == nullptr ? Value() : *page);
    return {};
  }
  if (!tree_) return {};
  tree_->NoteChanged(parts->action == kRegister ? nullptr : changed);
  Result<> applied = ApplyToTree(direction, parts->action, *parts->body);
  tree_->NoteChanged(nullptr);
  return applied;
}

Result<> SessionTree::ApplyToTree(Direction direction, std::int64_t action, Map& body) {
  if (direction == Direction::kToApp) {
    Map* control = tree_->Find(IntIn(body, "id"));
    const Map* props = action == kProps ? MapIn(body, "props") : nullptr;
    if (control == nullptr || props == nullptr) return {};
    for (const auto& [name, value] : props->entries) {
      if (name.AsText() != nullptr) tree_->SetProperty(*control, *name.AsText(), value);
    }
  } else if (action == kRegister) {
    const Value* patch = body.Find("page_patch");
    return tree_->Register(patch == nullptr ? Value() : *patch);
  } else if (action == kPatch) {
    const Value* patch = body.Find("patch");
    const Result<bool> done = tree_->Apply(IntIn(body, "id"), patch == nullptr ? Value() : *patch);
    if (!done) return done.error();
  }
  return {};
}

void SessionTree::Restore(Value page) { tree_.emplace(std::move(page)); }

}  // namespace fletbridge::recording
