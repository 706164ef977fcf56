#include "common/wire/flat_tree.h"

#include <algorithm>
#include <utility>

#include "common/wire/control_tree.h"
#include "common/wire/json_names.h"

namespace fletbridge::wire {
namespace {

using json_names::Slot;

constexpr std::string_view kWindow = "window";

std::string TypeText(const Map& control) {
  const std::string_view type = ControlType(control);
  if (type == "Button") return "elevatedbutton";
  if (type == "Overlay") return "offstage";
  return json_names::TextOfProperty(type);
}

// Whether its text is what later generations call its content.
bool HasContentText(std::string_view type) {
  return type.ends_with("button") && type != "iconbutton" && type != "popupmenubutton" &&
         type != "segmentedbutton" && type != "submenubutton";
}

}  // namespace

// One patch in the making. Controls that it adds are put together whole, so that each is inserted
// with all that it holds.
class FlatTree::Placing {
 public:
  explicit Placing(FlatTree& tree) : tree_(tree) {}

  Result<Patch> Run(FlatPatch&& flat) {
    for (FlatChange& change : flat.changes) {
      switch (change.kind) {
        case FlatChange::Kind::kAdd:
          if (Result<> ok = Add(change); !ok) return ok.error();
          break;
        case FlatChange::Kind::kSet:
          if (tree_.nodes_.contains(change.control)) Set(change.control, change.props);
          break;
        case FlatChange::Kind::kClean:
          Clean(change.control);
          break;
        case FlatChange::Kind::kTakeOut:
          if (change.control == kPageId || !tree_.nodes_.contains(change.control)) break;
          TakeOut(change.control);
          tree_.Forget(change.control);
          break;
      }
    }
    return std::move(patch_);
  }

 private:
  using Kind = Change::Kind;

  std::size_t PlaceOf(std::int64_t control) {
    patch_.places.push_back({Place::kControl, control, {}});
    return patch_.places.size() - 1;
  }
  std::size_t PlaceOf(std::int64_t control, const std::string& property) {
    const std::size_t above = PlaceOf(control);
    patch_.places.push_back({above, 0, property});
    return patch_.places.size() - 1;
  }

  Result<> Add(FlatChange& change) {
    const auto parent = tree_.nodes_.find(change.parent);
    if (parent == tree_.nodes_.end()) {
      return MalformedPatch(change.control, 0,
                            "its parent " + std::to_string(change.parent) + " is not in the tree");
    }
    // Comes again where it is, with what it holds, as Flet's client takes it.
    if (tree_.nodes_.contains(change.control)) {
      tree_.nodes_[change.control].type = change.type;
      Set(change.control, change.props);
      return {};
    }
    if (DepthOf(change.parent) >= kMaxTreeDepth / 2) {
      return MalformedPatch(change.control, 0, "the tree would be nested too deeply");
    }
    const Map* props = change.props.AsMap();
    Node node{change.type, props == nullptr ? std::string() : TextIn(*props, "n"), change.parent};
    std::vector<std::int64_t>& siblings = parent->second.children;
    const std::size_t at = std::min(change.at.value_or(siblings.size()), siblings.size());
    const Value control = Made(change);
    const auto [holder, slot] = HolderOf(change.parent, parent->second, node);
    Put(holder, slot, CountBefore(parent->second, node, at), control);
    siblings.insert(siblings.begin() + static_cast<std::ptrdiff_t>(at), change.control);
    tree_.nodes_.emplace(change.control, std::move(node));
    return {};
  }

  std::size_t DepthOf(std::int64_t control) const {
    std::size_t depth = 0;
    for (auto at = tree_.nodes_.find(control); at != tree_.nodes_.end() && depth < kMaxTreeDepth;
         at = tree_.nodes_.find(at->second.parent))
      ++depth;
    return depth;
  }

  // Where a child lies: in which control, and where in that.
  std::pair<std::int64_t, Slot> HolderOf(std::int64_t parent, const Node& of, const Node& child) {
    if (of.type == "offstage" && json_names::IsDialog(child.type))
      return {json_names::kDialogsId, Slot{"controls"}};
    return {parent, json_names::SlotOf(of.type, child.type, child.name)};
  }

  // How many of the siblings before it lie in the same list; none if it is the first there.
  std::optional<std::size_t> CountBefore(const Node& parent, const Node& child, std::size_t at) {
    const auto mine = HolderOf(0, parent, child);
    std::size_t before = 0;
    bool any = false;
    for (std::size_t i = 0; i < parent.children.size() && (i < at || !any); ++i) {
      const auto sibling = tree_.nodes_.find(parent.children[i]);
      if (sibling == tree_.nodes_.end() || HolderOf(0, parent, sibling->second) != mine) continue;
      any = true;
      if (i < at) ++before;
    }
    return any ? std::optional(before) : std::nullopt;
  }

  void Put(std::int64_t holder, const Slot& slot, std::optional<std::size_t> position,
           const Value& control) {
    // Into a control that this patch has made.
    if (const auto made = made_.find(holder); made != made_.end()) {
      Map& map = *made->second.AsMap();
      if (!slot.list) return map.Set(slot.property, control);
      const Value* list = map.Find(slot.property);
      if (list == nullptr || list->AsList() == nullptr) {
        map.Set(slot.property, Value::ListOf({}));
        list = map.Find(slot.property);
      }
      std::vector<Value>& items = list->AsList()->items;
      items.insert(items.begin() + static_cast<std::ptrdiff_t>(
                                       std::min(position.value_or(items.size()), items.size())),
                   control);
      return;
    }
    if (!slot.list || !position) {
      const Value value = slot.list ? Value::ListOf({control}) : control;
      patch_.changes.push_back(
          {.kind = Kind::kSet, .at = PlaceOf(holder), .key = slot.property, .value = value});
      return;
    }
    patch_.changes.push_back({.kind = Kind::kInsert,
                              .at = PlaceOf(holder, slot.property),
                              .key = Value(*position),
                              .value = control});
  }

  Value Made(const FlatChange& change) {
    auto map = std::make_shared<Map>();
    map->entries.emplace_back("_c", json_names::TypeOf(change.type));
    map->entries.emplace_back("_i", change.control);
    if (const Map* props = change.props.AsMap(); props != nullptr) {
      for (const auto& [name, text] : props->entries) {
        if (name.AsText() == nullptr || *name.AsText() == "n" || text.AsText() == nullptr) continue;
        const std::string property = PropertyOf(change.type, *name.AsText());
        Value value = json_names::ValueOf(change.type, property, *text.AsText());
        if (!value.is_nil()) map->Set(property, std::move(value));
      }
    }
    for (const std::string& event : json_names::EventsOf(change.type)) map->Set(event, true);
    if (change.type == "offstage") map->Set("controls", Value::ListOf({}));
    Value made(std::move(map));
    made_[change.control] = made;
    return made;
  }

  static std::string PropertyOf(std::string_view type, std::string_view name) {
    if (name == "text" && HasContentText(type)) return "content";
    return json_names::PropertyOf(name);
  }

  void Set(std::int64_t control, const Value& props) {
    const Map* map = props.AsMap();
    if (map == nullptr) return;
    const std::string& type = tree_.TypeOf(control);
    std::size_t place = patch_.places.size();
    for (const auto& [name, text] : map->entries) {
      if (name.AsText() == nullptr || text.AsText() == nullptr || *name.AsText() == "n") continue;
      std::string_view said = *name.AsText();
      std::int64_t of = control;
      if (control == kPageId && said.starts_with(kWindow) && said.size() > kWindow.size()) {
        said.remove_prefix(kWindow.size());
        of = json_names::kWindowId;
      }
      const std::string property = PropertyOf(type, said);
      Value value;
      if (!text.AsText()->empty()) value = json_names::ValueOf(type, property, *text.AsText());
      const bool gone = value.is_nil();
      if (const auto made = made_.find(of); made != made_.end()) {
        if (gone) {
          static_cast<void>(made->second.AsMap()->Remove(property));
        } else {
          made->second.AsMap()->Set(property, std::move(value));
        }
        continue;
      }
      if (place >= patch_.places.size() || patch_.places[place].control != of) place = PlaceOf(of);
      patch_.changes.push_back({.kind = gone ? Kind::kRemove : Kind::kSet,
                                .at = place,
                                .key = property,
                                .value = std::move(value)});
    }
  }

  // What was made in this patch lies in the tree by then.
  void TakeOut(std::int64_t control) {
    made_.clear();
    if (tree_.TypeOf(control) == "offstage") Clean(control);
    const std::size_t place = PlaceOf(control);
    // Made in place: GCC 14 warns of what a moved Change holds if that is known to be empty.
    Change& change = patch_.changes.emplace_back();
    change.kind = Kind::kTakeOut;
    change.at = place;
  }

  void Clean(std::int64_t control) {
    const auto node = tree_.nodes_.find(control);
    if (node == tree_.nodes_.end()) return;
    for (const std::int64_t child : std::vector(node->second.children)) TakeOut(child);
    tree_.ForgetBelow(control);
  }

  FlatTree& tree_;
  Patch patch_;
  std::unordered_map<std::int64_t, Value>
      made_;  // by this patch, and not yet looked for in the tree
};

FlatTree::FlatTree() { nodes_[kPageId].type = "page"; }

FlatTree::FlatTree(const Map& page) : FlatTree() {
  LearnBelow(In(page, "views"), kPageId);
  const Map* overlay = MapIn(page, "_overlay");
  if (overlay == nullptr) return;
  Learn(*overlay, kPageId);
  if (const Map* dialogs = MapIn(page, "_dialogs"); dialogs != nullptr)
    LearnBelow(In(*dialogs, "controls"), ControlId(*overlay));
}

void FlatTree::Learn(const Map& control, std::int64_t parent) {
  const std::int64_t id = ControlId(control);
  Node& node = nodes_[id];
  node.type = TypeText(control);
  node.parent = parent;
  if (const auto above = nodes_.find(parent); above != nodes_.end())
    above->second.children.push_back(id);
  // What stands alone comes before the lists.
  for (const bool lists : {false, true}) {
    for (const auto& [key, value] : control.entries) {
      if ((value.AsList() != nullptr) == lists) LearnBelow(value, id);
    }
  }
}

void FlatTree::LearnBelow(const Value& value, std::int64_t parent) {
  if (const List* list = value.AsList(); list != nullptr) {
    for (const Value& item : list->items) LearnBelow(item, parent);
  } else if (const Map* map = value.AsMap(); map != nullptr && !ControlType(*map).empty()) {
    Learn(*map, parent);
  }
}

Result<Patch> FlatTree::Place(FlatPatch&& flat) { return Placing(*this).Run(std::move(flat)); }

void FlatTree::Type(UpdateProps& update) const {
  if (!std::exchange(update.texts, false)) return;
  Map* props = update.props.AsMap();
  if (props == nullptr) return;
  const std::string& type =
      update.id == json_names::kWindowId ? std::string(kWindow) : TypeOf(update.id);
  for (auto& [name, value] : props->entries) {
    if (name.AsText() != nullptr && value.AsText() != nullptr)
      value = json_names::ValueOf(type, *name.AsText(), *value.AsText());
  }
}

void FlatTree::Forget(std::int64_t control) {
  const auto node = nodes_.find(control);
  if (node == nodes_.end()) return;
  const std::int64_t parent = node->second.parent;
  ForgetBelow(control);
  nodes_.erase(control);
  if (const auto above = nodes_.find(parent); above != nodes_.end())
    std::erase(above->second.children, control);
}

void FlatTree::ForgetBelow(std::int64_t control) {
  std::vector<std::int64_t> left{control};
  while (!left.empty()) {
    const auto node = nodes_.find(left.back());
    left.pop_back();
    if (node == nodes_.end()) continue;
    left.insert(left.end(), node->second.children.begin(), node->second.children.end());
    node->second.children.clear();
    if (node->first != control) nodes_.erase(node);
  }
}

const std::string& FlatTree::TypeOf(std::int64_t control) const {
  static const std::string kNone;
  const auto node = nodes_.find(control);
  return node == nodes_.end() ? kNone : node->second.type;
}

}  // namespace fletbridge::wire
