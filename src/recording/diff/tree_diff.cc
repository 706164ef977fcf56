#include "src/recording/diff/tree_diff.h"

#include <algorithm>
#include <iterator>

#include "src/recording/diff/control_path.h"
#include "src/recording/readable.h"
#include "src/recording/redactor.h"

namespace fletbridge::diff {
namespace {

using wire::Container;
using wire::ControlType;
using wire::List;
using wire::Map;
using wire::Value;

bool Is(const Value& key, std::string_view name) {
  return key.AsText() != nullptr && *key.AsText() == name;
}

bool IsMasked(const Value& value) {
  return value.AsText() != nullptr && *value.AsText() == recording::kMask;
}

std::string Words(const Value& key) {
  return key.AsText() != nullptr ? *key.AsText() : std::to_string(key.AsInt().value_or(0));
}

// Flet numbers its service registries by chance, and where it is a web server (stage legacy) it
// tells where its client is.
bool IsByChance(const Map& holder, const Value& key) {
  if (ControlType(holder) == "Page") return Is(key, "client_ip") || Is(key, "client_user_agent");
  return ControlType(holder).empty() && Is(key, "uid") && holder.parent != nullptr &&
         holder.parent->is_map &&
         ControlType(static_cast<const Map&>(*holder.parent)) == "ServiceRegistry";
}

class Walk {
 public:
  Walk(const wire::ControlTree& a, const wire::ControlTree& b, const Mask& mask)
      : a_(a), b_(b), mask_(mask) {}

  TreeComparison Run() {
    CompareMaps(a_.page(), b_.page());
    return std::move(found_);
  }

 private:
  bool IsFull() const { return found_.differences.size() >= kMostDifferences; }

  void CompareValues(const Value& a, const Value& b, const Container& holder, const Value& key) {
    Map* map_a = a.AsMap();
    Map* map_b = b.AsMap();
    if (map_a != nullptr && map_b != nullptr) {
      // Another control in its place is one difference, not one for each property.
      if (ControlType(*map_a) != ControlType(*map_b)) return Report(&a, &b, holder, key);
      return CompareMaps(*map_a, *map_b);
    }
    List* list_a = a.AsList();
    List* list_b = b.AsList();
    if (list_a != nullptr && list_b != nullptr) return CompareLists(*list_a, *list_b);
    if (a == b || IsSameReference(a, b, key)) return;
    // A masked value cannot be compared.
    if (IsMasked(a) || IsMasked(b)) {
      ++found_.masked;
      return;
    }
    Report(&a, &b, holder, key);
  }

  void CompareMaps(const Map& a, const Map& b) {
    if (wire::ControlId(a) != wire::ControlId(b)) found_.same_ids = false;
    for (const auto& [key, value] : a.entries) {
      if (IsFull()) return;
      if (Is(key, "_i") || IsByChance(a, key)) continue;
      const Value* other = b.FindKey(key);
      if (other == nullptr) {
        Report(&value, nullptr, a, key);
      } else {
        CompareValues(value, *other, a, key);
      }
    }
    for (const auto& [key, value] : b.entries) {
      if (IsFull()) return;
      if (!Is(key, "_i") && a.FindKey(key) == nullptr) Report(nullptr, &value, a, key);
    }
  }

  void CompareLists(const List& a, const List& b) {
    const std::size_t both = std::min(a.items.size(), b.items.size());
    std::size_t begin = 0;
    std::size_t end = 0;
    if (a.items.size() != b.items.size()) {
      // An insertion or removal is one difference, not one for each item behind it.
      while (begin < both && Same(a.items[begin], b.items[begin], false)) ++begin;
      while (end < both - begin &&
             Same(a.items[a.items.size() - 1 - end], b.items[b.items.size() - 1 - end], false))
        ++end;
      found_.same_ids = false;
    }
    const std::size_t stop_a = a.items.size() - end;
    const std::size_t stop_b = b.items.size() - end;
    for (std::size_t i = begin; i < std::max(stop_a, stop_b) && !IsFull(); ++i) {
      if (i >= stop_b) {
        Report(&a.items[i], nullptr, a, Value(i));
      } else if (i >= stop_a) {
        Report(nullptr, &b.items[i], a, Value(i));
      } else {
        CompareValues(a.items[i], b.items[i], a, Value(i));
      }
    }
  }

  // Some properties are the number of another control, such as service_id.
  bool IsSameReference(const Value& a, const Value& b, const Value& key) const {
    if (key.AsText() == nullptr || !key.AsText()->ends_with("_id") || !a.AsInt() || !b.AsInt())
      return false;
    const Map* control_a = a_.Find(*a.AsInt());
    const Map* control_b = b_.Find(*b.AsInt());
    return control_a != nullptr && control_b != nullptr &&
           PlaceOf(*control_a) == PlaceOf(*control_b);
  }

  void Report(const Value* a, const Value* b, const Container& holder, const Value& key) {
    TreeDifference difference;
    difference.place = PlaceOf(holder);
    if (!difference.place.empty()) difference.place += '/';
    difference.place += Words(key);

    // Controls by their names, what lies within one by property.
    std::vector<std::string> steps = {Words(key)};
    const Container* at = &holder;
    while (at->parent != nullptr &&
           !(at->is_map && !ControlType(*static_cast<const Map*>(at)).empty())) {
      steps.push_back(LastStepOf(*at));
      at = at->parent;
    }
    std::string properties = std::move(steps.back());
    for (auto step = std::next(steps.rbegin()); step != steps.rend(); ++step)
      properties += "." + *step;
    difference.path = names_.PathOf(*static_cast<const Map*>(at)) + " . " + properties;
    if (mask_.Covers(difference.path, a, b)) {
      ++found_.masked;
      return;
    }
    if (a != nullptr) difference.a = recording::ToJson(*a);
    if (b != nullptr) difference.b = recording::ToJson(*b);
    found_.differences.push_back(std::move(difference));
  }

  const wire::ControlTree& a_;
  const wire::ControlTree& b_;
  const Mask& mask_;
  Names names_;
  TreeComparison found_;
};

}  // namespace

TreeComparison CompareTrees(const wire::ControlTree& a, const wire::ControlTree& b,
                            const Mask& mask) {
  return Walk(a, b, mask).Run();
}

bool Same(const Value& a, const Value& b, bool ids) {
  const Map* map_a = a.AsMap();
  const Map* map_b = b.AsMap();
  if (map_a != nullptr && map_b != nullptr) {
    const auto counts = [&](const Map& map) {
      return std::count_if(map.entries.begin(), map.entries.end(),
                           [&](const auto& entry) { return ids || !Is(entry.first, "_i"); });
    };
    if (counts(*map_a) != counts(*map_b)) return false;
    return std::all_of(map_a->entries.begin(), map_a->entries.end(), [&](const auto& entry) {
      if (!ids && Is(entry.first, "_i")) return true;
      const Value* other = map_b->FindKey(entry.first);
      return other != nullptr && Same(entry.second, *other, ids);
    });
  }
  const List* list_a = a.AsList();
  const List* list_b = b.AsList();
  if (list_a != nullptr && list_b != nullptr) {
    return std::equal(list_a->items.begin(), list_a->items.end(), list_b->items.begin(),
                      list_b->items.end(),
                      [&](const Value& x, const Value& y) { return Same(x, y, ids); });
  }
  return a == b;
}

}  // namespace fletbridge::diff
