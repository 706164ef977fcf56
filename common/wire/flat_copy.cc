#include "common/wire/flat_copy.h"

#include <algorithm>
#include <utility>

#include "common/wire/control_tree.h"
#include "common/wire/json_names.h"
#include "common/wire/session.h"

namespace fletbridge::wire {

FlatCopy::FlatCopy() { controls_[kPageId].type = "page"; }

void FlatCopy::Take(const FlatPatch& patch) {
  for (const FlatChange& change : patch.changes) {
    switch (change.kind) {
      case FlatChange::Kind::kAdd:
        Add(change);
        break;
      case FlatChange::Kind::kSet:
        Set(change.control, change.props);
        break;
      case FlatChange::Kind::kClean:
        Clean(change.control);
        break;
      case FlatChange::Kind::kTakeOut:
        TakeOut(change.control);
        break;
    }
  }
}

void FlatCopy::Take(const UpdateProps& update) {
  const Map* said = update.props.AsMap();
  if (said == nullptr || !update.texts) return;
  const bool window = update.id == json_names::kWindowId;
  Value props = Value::MapOf({});
  for (const auto& [name, value] : said->entries) {
    if (name.AsText() == nullptr) continue;
    props.AsMap()->Set((window ? "window" : "") + json_names::TextOfProperty(*name.AsText()),
                       value);
  }
  Set(window ? kPageId : update.id, props);
}

void FlatCopy::Add(const FlatChange& change) {
  if (controls_.contains(change.control)) return Set(change.control, change.props);
  const auto parent = controls_.find(change.parent);
  if (parent == controls_.end()) return;
  std::vector<std::int64_t>& siblings = parent->second.children;
  const std::size_t at = std::min(change.at.value_or(siblings.size()), siblings.size());
  siblings.insert(siblings.begin() + static_cast<std::ptrdiff_t>(at), change.control);
  controls_[change.control] = {change.type, change.parent, {}, Copied(change.props)};
}

void FlatCopy::Set(std::int64_t control, const Value& props) {
  const auto found = controls_.find(control);
  const Map* said = props.AsMap();
  if (found == controls_.end() || said == nullptr) return;
  for (const auto& [name, value] : said->entries) {
    if (name.AsText() != nullptr) found->second.props.AsMap()->Set(*name.AsText(), value);
  }
}

void FlatCopy::Clean(std::int64_t control) {
  std::vector<std::int64_t> left{control};
  while (!left.empty()) {
    const auto found = controls_.find(left.back());
    left.pop_back();
    if (found == controls_.end()) continue;
    left.insert(left.end(), found->second.children.begin(), found->second.children.end());
    found->second.children.clear();
    if (found->first != control) controls_.erase(found);
  }
}

void FlatCopy::TakeOut(std::int64_t control) {
  const auto found = controls_.find(control);
  if (control == kPageId || found == controls_.end()) return;
  const std::int64_t parent = found->second.parent;
  Clean(control);
  controls_.erase(control);
  if (const auto above = controls_.find(parent); above != controls_.end())
    std::erase(above->second.children, control);
}

FlatPatch FlatCopy::All() const {
  FlatPatch all;
  std::vector<std::int64_t> left{kPageId};
  while (!left.empty()) {
    const std::int64_t id = left.back();
    const Control& control = controls_.at(id);
    left.pop_back();
    left.insert(left.end(), control.children.rbegin(), control.children.rend());
    const bool is_page = id == kPageId;
    all.changes.push_back({.kind = is_page ? FlatChange::Kind::kSet : FlatChange::Kind::kAdd,
                           .control = id,
                           .parent = control.parent,
                           .type = is_page ? std::string() : control.type,
                           .props = control.props,
                           .children = control.children});
  }
  return all;
}

}  // namespace fletbridge::wire
