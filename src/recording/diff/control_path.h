// Room: src/recording/diff. Where a control lies in a control tree: in words for people, and as a place
// at which another tree, whose ids are others, is searched for the same control. Pure functions,
// for one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/wire/control_tree.h"

namespace fletbridge::diff {

// What people see of a control, or call it by: its key, text, label, icon. Empty if there is none.
[[nodiscard]] std::string LabelOf(const wire::Map& control);

// `Button "+"`, `View[/shop]`, `Text #total`; with its position where a sibling has the same name.
[[nodiscard]] std::string NameOf(const wire::Map& control);

// `Page > View[/] > Row > Button "+"`.
[[nodiscard]] std::string PathOf(const wire::Map& control);

// The same for many controls of one tree, which does not change meanwhile: each list of siblings is
// looked through once. Not for two threads.
class Names {
 public:
  [[nodiscard]] std::string NameOf(const wire::Map& control);
  [[nodiscard]] std::string PathOf(const wire::Map& control);
  // The tree has changed.
  void Clear() { lists_.clear(); }

 private:
  struct Siblings {
    std::unordered_map<std::string, std::size_t> count;  // of a name
    std::unordered_map<const wire::Map*, std::pair<std::string, std::size_t>> names;
  };
  std::unordered_map<const wire::Container*, Siblings> lists_;
};

// The property names and positions that lead from the page to it, such as views/0/controls/2.
[[nodiscard]] std::string PlaceOf(const wire::Container& container);
// The last of them; empty at the page.
[[nodiscard]] std::string LastStepOf(const wire::Container& container);

// The control of `other` that is what `control` is in its own tree: at the same place, or else with
// the same key or label, or else of the same type there. Null if there is none.
[[nodiscard]] wire::Map* Counterpart(const wire::Map& control, const wire::ControlTree& other);

}  // namespace fletbridge::diff
