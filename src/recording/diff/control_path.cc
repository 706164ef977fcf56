#include "src/recording/diff/control_path.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace fletbridge::diff {
namespace {

using wire::Container;
using wire::ControlType;
using wire::List;
using wire::Map;
using wire::Value;

constexpr std::size_t kLongestLabel = 40;  // bytes

const Container* ContainerOf(const Value& value) {
  if (const Map* map = value.AsMap(); map != nullptr) return map;
  return value.AsList();
}

// The index of `child` in `parent`, which has `size` values. The search begins at its last index,
// since insertions and removals before it move it only by a little.
template <class At>
std::size_t PlaceIn(const Container& child, std::size_t size, At&& at) {
  if (child.seen_at >= size) child.seen_at = size == 0 ? 0 : size - 1;
  for (std::size_t away = 0; away < size; ++away) {
    for (const std::size_t place : {child.seen_at + away, child.seen_at - away}) {
      if (place >= size || ContainerOf(at(place)) != &child) continue;
      child.seen_at = place;
      return place;
    }
  }
  return size;
}

// The key or position of `child` in `parent`.
Value StepTo(const Container& parent, const Container& child) {
  if (parent.is_map) {
    const auto& entries = static_cast<const Map&>(parent).entries;
    const std::size_t place = PlaceIn(
        child, entries.size(), [&](std::size_t n) -> const Value& { return entries[n].second; });
    return place < entries.size() ? entries[place].first : Value();
  }
  const std::vector<Value>& items = static_cast<const List&>(parent).items;
  return Value(
      PlaceIn(child, items.size(), [&](std::size_t n) -> const Value& { return items[n]; }));
}

// From the page down.
std::vector<Value> StepsTo(const Container& container) {
  std::vector<Value> steps;
  for (const Container* at = &container; at->parent != nullptr; at = at->parent)
    steps.push_back(StepTo(*at->parent, *at));
  std::reverse(steps.begin(), steps.end());
  return steps;
}

std::string Words(const Value& step) {
  return step.AsText() != nullptr ? *step.AsText() : std::to_string(step.AsInt().value_or(-1));
}

std::string Short(const std::string& text) {
  if (text.size() <= kLongestLabel) return text;
  std::size_t end = kLongestLabel;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string TextOf(const Map& map, std::string_view name) {
  const Value* value = map.Find(name);
  return value == nullptr || value->AsText() == nullptr ? std::string() : *value->AsText();
}

// Type and label, without a position.
std::string PlainName(const Map& control) {
  const std::string type(ControlType(control));
  if (type == "Page") return type;
  if (type == "View") return type + "[" + TextOf(control, "route") + "]";
  if (const std::string key = TextOf(control, "key"); !key.empty()) return type + " #" + key;
  const std::string label = LabelOf(control);
  return label.empty() ? type : type + " \"" + Short(label) + "\"";
}

template <class F>
void ForEachControl(const Value& value, F&& f) {
  if (Map* map = value.AsMap(); map != nullptr) {
    if (!ControlType(*map).empty()) f(*map);
    for (const auto& entry : map->entries) ForEachControl(entry.second, f);
  } else if (const List* list = value.AsList(); list != nullptr) {
    for (const Value& item : list->items) ForEachControl(item, f);
  }
}

Map* At(Map& page, const std::vector<Value>& steps) {
  const Value* at = nullptr;
  Container* container = &page;
  for (const Value& step : steps) {
    if (container->is_map) {
      at = static_cast<Map*>(container)->FindKey(step);
    } else {
      const std::vector<Value>& items = static_cast<List*>(container)->items;
      const auto n = static_cast<std::size_t>(step.AsInt().value_or(-1));
      at = n < items.size() ? &items[n] : nullptr;
    }
    if (at == nullptr) return nullptr;
    container = at->AsMap();
    if (container == nullptr) container = at->AsList();
    if (container == nullptr) return nullptr;
  }
  return container->is_map ? static_cast<Map*>(container) : nullptr;
}

// The one control for which `is_it` holds; null if there is none, or more than one.
template <class F>
Map* OnlyOne(const Map& page, F&& is_it) {
  Map* found = nullptr;
  std::size_t count = 0;
  for (const auto& entry : page.entries) {
    ForEachControl(entry.second, [&](Map& control) {
      if (!is_it(control)) return;
      ++count;
      found = &control;
    });
  }
  return count == 1 ? found : nullptr;
}

}  // namespace

std::string LabelOf(const Map& control) {
  static constexpr std::array<const char*, 7> kNames = {"value", "text",      "content", "label",
                                                        "title", "hint_text", "tooltip"};
  for (const char* name : kNames) {
    if (std::string text = TextOf(control, name); !text.empty()) return text;
  }
  // A button's text may be a control, an icon's name is a number.
  const Value* content = control.Find("content");
  if (const Map* inner = content == nullptr ? nullptr : content->AsMap();
      inner != nullptr && ControlType(*inner) == "Text")
    return TextOf(*inner, "value");
  const Value* icon = control.Find("icon");
  if (icon != nullptr && icon->AsInt()) return "icon " + std::to_string(*icon->AsInt());
  return {};
}

std::string Names::NameOf(const Map& control) {
  if (control.parent == nullptr || control.parent->is_map) return PlainName(control);
  const auto [at, fresh] = lists_.try_emplace(control.parent);
  Siblings& siblings = at->second;
  if (fresh) {
    for (const Value& item : static_cast<const List*>(control.parent)->items) {
      const Map* sibling = item.AsMap();
      if (sibling == nullptr) continue;
      std::string name = PlainName(*sibling);
      const std::size_t position = ++siblings.count[name];
      siblings.names.emplace(sibling, std::pair(std::move(name), position));
    }
  }
  const auto known = siblings.names.find(&control);
  if (known == siblings.names.end()) return PlainName(control);
  const auto& [name, position] = known->second;
  const std::size_t same = siblings.count.at(name);
  return same < 2 ? name
                  : name + " (" + std::to_string(position) + " of " + std::to_string(same) + ")";
}

std::string Names::PathOf(const Map& control) {
  std::vector<std::string> names;
  for (const Map* at = &control; at != nullptr; at = wire::ParentControl(*at))
    names.push_back(NameOf(*at));
  std::string path = std::move(names.back());
  for (auto name = std::next(names.rbegin()); name != names.rend(); ++name) path += " > " + *name;
  return path;
}

std::string NameOf(const Map& control) { return Names().NameOf(control); }

std::string PathOf(const Map& control) { return Names().PathOf(control); }

std::string PlaceOf(const Container& container) {
  std::string place;
  for (const Value& step : StepsTo(container)) {
    if (!place.empty()) place += '/';
    place += Words(step);
  }
  return place;
}

std::string LastStepOf(const Container& container) {
  return container.parent == nullptr ? "" : Words(StepTo(*container.parent, container));
}

Map* Counterpart(const Map& control, const wire::ControlTree& other) {
  const std::string_view type = ControlType(control);
  const std::string label = LabelOf(control);
  const std::string key = TextOf(control, "key");
  Map* there = At(other.page(), StepsTo(control));
  if (there != nullptr && ControlType(*there) != type) there = nullptr;
  if (there != nullptr &&
      (there == &other.page() || (LabelOf(*there) == label && TextOf(*there, "key") == key)))
    return there;
  if (!key.empty()) {
    Map* found = OnlyOne(other.page(), [&](const Map& c) {
      return ControlType(c) == type && TextOf(c, "key") == key;
    });
    if (found != nullptr) return found;
  }
  if (!label.empty()) {
    Map* found = OnlyOne(
        other.page(), [&](const Map& c) { return ControlType(c) == type && LabelOf(c) == label; });
    if (found != nullptr) return found;
  }
  if (there != nullptr) return there;
  Map* same_id = other.Find(wire::ControlId(control));
  return same_id != nullptr && ControlType(*same_id) == type ? same_id : nullptr;
}

}  // namespace fletbridge::diff
