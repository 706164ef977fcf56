// Room: common/diff. Where a control lies in a control tree: in words for people, and as a place
// at which another tree, whose ids are others, is searched for the same control. Pure functions,
// for one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "common/wire/control_tree.h"

namespace fletbridge::diff {

// What people see of a control, or call it by: its key, text, label, icon. Empty if there is none.
[[nodiscard]] std::string LabelOf(const wire::Map& control);

// `Button "+"`, `View[/shop]`, `Text #total`; with its position where a sibling has the same name.
[[nodiscard]] std::string NameOf(const wire::Map& control);

// `Page > View[/] > Row > Button "+"`.
[[nodiscard]] std::string PathOf(const wire::Map& control);

// The property names and positions that lead from the page to it, such as views/0/controls/2.
[[nodiscard]] std::string PlaceOf(const wire::Container& container);

// The control of `other` that is what `control` is in its own tree: at the same place, or else with
// the same key or label, or else of the same type there. Null if there is none.
[[nodiscard]] wire::Map* Counterpart(const wire::Map& control, const wire::ControlTree& other);

}  // namespace fletbridge::diff
