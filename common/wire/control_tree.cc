#include "common/wire/control_tree.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fletbridge::wire {
namespace {

Container* AsContainer(const Value& value) noexcept {
  if (Map* map = value.AsMap(); map != nullptr) return map;
  return value.AsList();
}

std::size_t Depth(const Container* container) noexcept {
  std::size_t depth = 0;
  for (; container != nullptr; container = container->parent) ++depth;
  return depth;
}

// Calls `f` with each value directly inside a container.
template <class F>
void ForEachChild(const Container& container, F&& f) {
  if (container.is_map) {
    for (const auto& entry : static_cast<const Map&>(container).entries) f(entry.second);
  } else {
    for (const Value& item : static_cast<const List&>(container).items) f(item);
  }
}

std::size_t Height(const Value& value) {
  const Container* container = AsContainer(value);
  if (container == nullptr) return 0;
  std::size_t highest = 0;
  ForEachChild(*container, [&](const Value& child) { highest = std::max(highest, Height(child)); });
  return highest + 1;
}

// A value on its way out of the tree: nobody may climb from it any more.
Value Detached(Value value) {
  if (Container* container = AsContainer(value); container != nullptr) container->parent = nullptr;
  return value;
}

bool IsControl(const Map& map) { return !ControlType(map).empty(); }

void Merge(Map& into, Map& from) {
  for (auto& [key, value] : from.entries) {
    Value* old = into.FindKey(key);
    Map* old_map = old == nullptr ? nullptr : old->AsMap();
    Map* new_map = value.AsMap();
    const bool same = old_map != nullptr && new_map != nullptr &&
                      (!IsControl(*old_map) || ControlId(*old_map) == ControlId(*new_map));
    if (same) {
      Merge(*old_map, *new_map);
    } else {
      into.Set(key, std::move(value));
    }
  }
}

// The lists that one patch changes. To put one item into a long list moves all that follow it, so
// such a list lies in pieces until the patch has been applied.
class Lists {
 public:
  Lists() = default;
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;
  ~Lists() {
    try {
      Join();
    } catch (const std::bad_alloc&) {  // then they stay short
    }
  }

  [[nodiscard]] std::size_t Size(const List& list) const {
    const Pieces* pieces = Of(list);
    return pieces == nullptr ? list.items.size() : pieces->size;
  }
  // `at` is below Size().
  [[nodiscard]] Value& At(List& list, std::size_t at) {
    Pieces* pieces = Of(list);
    if (pieces == nullptr) return list.items[at];
    std::vector<Value>& piece = pieces->Find(at);
    return piece[at];
  }
  void Insert(const std::shared_ptr<List>& list, std::size_t at, Value value) {
    Pieces* pieces = OfChanged(list, at);
    if (pieces == nullptr) {
      list->items.insert(list->items.begin() + static_cast<std::ptrdiff_t>(at), std::move(value));
      return;
    }
    ++pieces->size;
    std::vector<Value>& piece = pieces->Find(at);
    piece.insert(piece.begin() + static_cast<std::ptrdiff_t>(at), std::move(value));
    if (piece.size() > 2 * kPiece) pieces->Split(piece);
  }
  Value Remove(const std::shared_ptr<List>& list, std::size_t at) {
    Pieces* pieces = OfChanged(list, at);
    std::vector<Value>& piece = pieces == nullptr ? list->items : pieces->Find(at);
    Value value = std::move(piece[at]);
    piece.erase(piece.begin() + static_cast<std::ptrdiff_t>(at));
    if (pieces != nullptr) --pieces->size;
    return value;
  }
  // All lie in one piece again.
  void Join() {
    for (auto& [list, pieces] : pieces_) {
      pieces.list->items.reserve(pieces.size);
      for (std::vector<Value>& piece : pieces.all)
        std::move(piece.begin(), piece.end(), std::back_inserter(pieces.list->items));
    }
    pieces_.clear();
  }

 private:
  static constexpr std::size_t kPiece = 512;

  struct Pieces {
    std::shared_ptr<List> list;  // it may be taken out of the tree meanwhile
    std::vector<std::vector<Value>> all;
    std::size_t size = 0;

    // The piece that holds the position, or ends before it, and the position in it.
    std::vector<Value>& Find(std::size_t& at) {
      std::size_t n = 0;
      while (n + 1 < all.size() && at >= all[n].size()) at -= all[n++].size();
      return all[n];
    }
    void Split(std::vector<Value>& piece) {
      const auto half = piece.begin() + static_cast<std::ptrdiff_t>(piece.size() / 2);
      std::vector<Value> second(std::make_move_iterator(half),
                                std::make_move_iterator(piece.end()));
      piece.erase(half, piece.end());
      all.insert(all.begin() + (&piece - all.data()) + 1, std::move(second));
    }
  };

  [[nodiscard]] const Pieces* Of(const List& list) const {
    const auto found = pieces_.find(&list);
    return found == pieces_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] Pieces* Of(const List& list) {
    return const_cast<Pieces*>(std::as_const(*this).Of(list));
  }
  // Null if it may stay in one.
  [[nodiscard]] Pieces* OfChanged(const std::shared_ptr<List>& list, std::size_t at) {
    if (Pieces* pieces = Of(*list); pieces != nullptr) return pieces;
    std::vector<Value>& items = list->items;
    if (items.size() < 2 * kPiece || items.size() - at < kPiece) return nullptr;
    Pieces pieces{list, {}, items.size()};
    for (std::size_t i = 0; i < items.size(); i += kPiece) {
      const auto begin = items.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kPiece, items.size() - i));
      pieces.all.emplace_back(std::make_move_iterator(begin), std::make_move_iterator(end));
    }
    items.clear();
    return &pieces_.emplace(list.get(), std::move(pieces)).first->second;
  }

  std::unordered_map<const List*, Pieces> pieces_;
};

std::string Shown(const Value& segment) {
  if (const auto number = segment.AsInt()) return std::to_string(*number);
  if (const std::string* text = segment.AsText()) return "'" + text->substr(0, 60) + "'";
  return segment.kind();
}

}  // namespace

std::string_view ControlType(const Map& map) noexcept {
  const Value* type = map.Find("_c");
  const std::string* text = type == nullptr ? nullptr : type->AsText();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::int64_t ControlId(const Map& map) noexcept {
  const Value* id = map.Find("_i");
  return id == nullptr ? 0 : id->AsInt().value_or(0);
}

Map* ParentControl(const Container& container) noexcept {
  for (Container* c = container.parent; c != nullptr; c = c->parent) {
    if (c->is_map && IsControl(*static_cast<Map*>(c))) return static_cast<Map*>(c);
  }
  return nullptr;
}

// One patch being applied. Its places are looked up when a change needs them, because the changes
// before may have moved them.
class ControlTree::Patching {
 public:
  Patching(ControlTree& tree, Patch& patch) : tree_(tree), patch_(patch) { path_.reserve(16); }

  Result<bool> Run() {
    bool known = false;
    for (std::size_t place = 0; place < patch_.places.size(); ++place) {
      known = known || (patch_.places[place].above == Place::kControl &&
                        RootAt(patch_.places[place].control) != nullptr);
    }
    for (std::size_t i = 0; i < patch_.changes.size(); ++i) {
      Change& change = patch_.changes[i];
      if (i == 0 || change.at != patch_.changes[i - 1].at) control_ = RootOf(patch_, change.at);
      number_ = i + 1;
      if (RootAt(control_) == nullptr) continue;
      known = true;
      if (Result<> ok = Make(change); !ok) return ok.error();
    }
    return known;
  }

 private:
  using Kind = Change::Kind;

  Map* RootAt(std::int64_t control) {
    if (root_ == nullptr || root_id_ != control) {
      const auto entry = tree_.index_.find(control);
      root_ = entry == tree_.index_.end() ? nullptr : entry->second.lock();
      root_id_ = control;
    }
    return root_.get();
  }

  Result<> Make(Change& change) {
    if (change.kind == Kind::kTakeOut) {
      if (Result<> ok = FindOut(change); !ok || change.kind == Kind::kTakeOut) return ok;
    }
    Result<Container*> container = Resolve(change.at);
    if (!container) return container.error();
    tree_.Note(**container);
    switch (change.kind) {
      case Kind::kSet:
        return Replace(**container, change.key, std::exchange(change.value, {}));
      case Kind::kAppend:
        if ((*container)->is_map) return Wrong("what it appends to is no list");
        change.kind = Kind::kInsert;
        change.key = lists_.Size(static_cast<List&>(**container));
        [[fallthrough]];
      case Kind::kInsert:
        return Insert(**container, change.key, std::exchange(change.value, {}));
      case Kind::kRemove:
      case Kind::kTakeOut: {
        Result<Value> removed = Remove(**container, change.key, false);
        if (!removed) return removed.error();
        return {};
      }
      case Kind::kMove:
        break;
    }
    const std::size_t depth = Depth(*container);
    Result<Value> moved = Remove(**container, change.key, true);
    if (!moved) return moved.error();
    // Looked up only now: a position below the same list may have shifted, and a container can't
    // come to lie within itself.
    Result<Container*> target = Resolve(change.to);
    if (!target) return target.error();
    tree_.Note(**target);
    // What does not come to lie deeper is known in all its parts: only its parent changes.
    known_ = Depth(*target) <= depth;
    if (!known_) lists_.Join();  // what it holds is walked through
    Result<> done = Insert(**target, change.value, std::move(*moved));
    known_ = false;
    return done;
  }

  // Makes a removal from where the control is; leaves the change as it is if that is nowhere.
  Result<> FindOut(Change& change) {
    Result<Container*> container = Resolve(change.at);
    if (!container) return container.error();
    Container* holder = (*container)->parent;
    if (holder == nullptr) return {};
    change.key = KeyOf(**container, *holder);
    change.at = PlaceOf(*holder);
    change.kind = Kind::kRemove;
    return {};
  }

  std::size_t PlaceOf(const Container& container) {
    const Map* map = container.is_map ? static_cast<const Map*>(&container) : nullptr;
    if (map != nullptr && (container.parent == nullptr || ControlId(*map) != 0)) {
      patch_.places.push_back({Place::kControl, ControlId(*map), {}});
    } else {
      const std::size_t above = PlaceOf(*container.parent);
      patch_.places.push_back({above, 0, KeyOf(container, *container.parent)});
    }
    return patch_.places.size() - 1;
  }

  Value KeyOf(const Container& child, Container& holder) {
    if (holder.is_map) {
      for (const auto& [key, value] : static_cast<Map&>(holder).entries) {
        if (AsContainer(value) == &child) return key;
      }
      return {};
    }
    List& list = static_cast<List&>(holder);
    const std::size_t size = lists_.Size(list);
    // Mostly where it was seen last, or before.
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t at = (std::min(child.seen_at, size - 1) + size - i) % size;
      if (AsContainer(lists_.At(list, at)) == &child) return at;
    }
    return {};
  }

  Result<> Adopt(const Value& value, Container& container) {
    if (known_) {
      if (Container* moved = AsContainer(value); moved != nullptr) moved->parent = &container;
      return {};
    }
    if (Result<> ok = tree_.Adopt(value, container); !ok) return Wrong(ok.error().context);
    return {};
  }

  Result<Container*> Resolve(std::size_t place) {
    path_.clear();
    std::size_t at = place;
    for (; patch_.places[at].above != Place::kControl; at = patch_.places[at].above)
      path_.push_back(&patch_.places[at].step);
    Container* container = RootAt(patch_.places[at].control);
    if (container == nullptr) return Wrong("the tree has no control to move to");
    list_ = nullptr;
    for (auto step = path_.rbegin(); step != path_.rend(); ++step) {
      const Value* next = Child(*container, **step);
      container = next == nullptr ? nullptr : AsContainer(*next);
      const auto* list =
          next == nullptr ? nullptr : std::get_if<std::shared_ptr<List>>(&next->content());
      list_ = list == nullptr ? nullptr : *list;
      if (container == nullptr) {
        return Wrong("the path to node " + std::to_string(place) + " ends at " + Shown(**step) +
                     ": the tree has nothing there that could hold something");
      }
    }
    return container;
  }

  const Value* Child(Container& container, const Value& key) {
    if (container.is_map) return static_cast<Map&>(container).FindKey(key);
    List& list = static_cast<List&>(container);
    const auto at = key.AsInt();
    if (!at || *at < 0 || static_cast<std::size_t>(*at) >= lists_.Size(list)) return nullptr;
    return &lists_.At(list, static_cast<std::size_t>(*at));
  }

  Result<> Replace(Container& container, const Value& key, Value value) {
    if (container.is_map) return SetInMap(static_cast<Map&>(container), key, std::move(value));
    List& list = static_cast<List&>(container);
    const auto at = Position(list, key, false);
    if (!at) return at.error();
    if (Result<> ok = Adopt(value, container); !ok) return ok;
    Detached(std::exchange(lists_.At(list, *at), std::move(value)));
    return {};
  }

  Result<> Insert(Container& container, const Value& key, Value value) {
    if (container.is_map) return SetInMap(static_cast<Map&>(container), key, std::move(value));
    List& list = static_cast<List&>(container);
    const auto at = Position(list, key, true);
    if (!at) return at.error();
    if (Result<> ok = Adopt(value, container); !ok) return ok;
    lists_.Insert(list_, *at, std::move(value));
    return {};
  }

  Result<> SetInMap(Map& map, const Value& key, Value value) {
    if (key.AsText() == nullptr && !key.AsInt()) {
      return Wrong("its key is " + std::string(key.kind()) + ", not text or an integer");
    }
    if (Result<> ok = Adopt(value, map); !ok) return ok;
    if (Value* old = map.FindKey(key); old != nullptr) {
      Detached(std::exchange(*old, std::move(value)));
    } else {
      map.entries.emplace_back(key, std::move(value));
    }
    return {};
  }

  Result<Value> Remove(Container& container, const Value& key, bool must_exist) {
    if (container.is_map) {
      std::optional<Value> value = static_cast<Map&>(container).Remove(key);
      if (value) return Detached(std::move(*value));
      // Defaults are not on the wire, so a property may be removed that was never sent.
      if (must_exist) return Wrong("the tree has no property " + Shown(key) + " to move");
      return Value();
    }
    List& list = static_cast<List&>(container);
    const auto at = Position(list, key, false);
    if (!at) return at.error();
    return Detached(lists_.Remove(list_, *at));
  }

  Result<std::size_t> Position(const List& list, const Value& key, bool end_too) {
    const auto at = key.AsInt();
    const std::size_t size = lists_.Size(list);
    const std::size_t limit = size + (end_too ? 1 : 0);
    if (!at || *at < 0 || static_cast<std::size_t>(*at) >= limit) {
      return Wrong("the position " + Shown(key) + " is not in a list of " + std::to_string(size));
    }
    return static_cast<std::size_t>(*at);
  }

  Error Wrong(const std::string& what) const { return MalformedPatch(control_, number_, what); }

  ControlTree& tree_;
  Patch& patch_;
  std::shared_ptr<Map> root_;  // the control found last
  std::int64_t root_id_ = 0;
  std::vector<const Value*> path_;
  Lists lists_;
  std::shared_ptr<List> list_;  // what Resolve() gave last, if it is one
  std::int64_t control_ = 0;    // of the change
  std::size_t number_ = 0;      // of the change, from 1
  bool known_ = false;          // what is inserted was a part of the tree just now
};

ControlTree::ControlTree(Value page) {
  page_ = page.AsMap() == nullptr ? std::make_shared<Map>()
                                  : std::get<std::shared_ptr<Map>>(page.content());
  AdoptBelow(page_, *page_);
  page_->parent = nullptr;
}

Result<> ControlTree::Register(Value page_patch) {
  Map* patch = page_patch.AsMap();
  if (patch == nullptr || ControlType(*patch).empty() || ControlId(*patch) != kPageId) {
    return MakeError(Errc::kPeerMisbehaved, "the app answered the registration without a page");
  }
  Merge(*page_, *patch);
  if (Height(page_) > kMaxTreeDepth) {
    return MakeError(Errc::kPeerMisbehaved, "the app's page is nested too deeply");
  }
  AdoptBelow(page_, *page_);
  page_->parent = nullptr;
  return {};
}

Result<bool> ControlTree::Apply(Patch& patch) {
  Result<bool> applied = Patching(*this, patch).Run();
  Sweep();
  return applied;
}

void ControlTree::SetProperty(Map& control, std::string_view name, Value value) {
  Note(control);
  AdoptBelow(value, control);
  if (Value* old = control.Find(name); old != nullptr) {
    Detached(std::exchange(*old, std::move(value)));
  } else {
    control.entries.emplace_back(Value(name), std::move(value));
  }
}

Map* ControlTree::Find(std::int64_t id) const {
  const auto entry = index_.find(id);
  return entry == index_.end() ? nullptr : entry->second.lock().get();
}

Result<> ControlTree::Adopt(const Value& value, Container& parent) {
  if (AsContainer(value) == nullptr) return {};
  if (Depth(&parent) + Height(value) > kMaxTreeDepth) {
    return MakeError(Errc::kPeerMisbehaved,
                     "the tree would be nested deeper than " + std::to_string(kMaxTreeDepth));
  }
  AdoptBelow(value, parent);
  return {};
}

void ControlTree::AdoptBelow(const Value& value, Container& parent) {
  Container* container = AsContainer(value);
  if (container == nullptr) return;
  container->parent = &parent;
  std::size_t place = 0;
  if (const auto* map = std::get_if<std::shared_ptr<Map>>(&value.content()); map != nullptr) {
    if (IsControl(**map)) {
      const std::int64_t id = ControlId(**map);
      if (id != 0) index_[id] = *map;
      if (changed_ != nullptr) changed_->push_back(id);
    }
  }
  ForEachChild(*container, [&](const Value& child) {
    if (const Container* below = AsContainer(child); below != nullptr) below->seen_at = place;
    ++place;
    AdoptBelow(child, *container);
  });
}

void ControlTree::Note(const Container& changed) {
  if (changed_ == nullptr) return;
  int controls = 0;
  for (const Container* at = &changed; at != nullptr && controls < 2; at = at->parent) {
    if (!at->is_map || !IsControl(*static_cast<const Map*>(at))) continue;
    ++controls;
    changed_->push_back(ControlId(*static_cast<const Map*>(at)));
  }
}

void ControlTree::Sweep() {
  if (index_.size() < sweep_at_) return;
  std::erase_if(index_, [](const auto& entry) { return entry.second.expired(); });
  // Twice what is left: the cost of sweeping stays below that of adding.
  sweep_at_ = std::max<std::size_t>(1024, index_.size() * 2);
}

}  // namespace fletbridge::wire
