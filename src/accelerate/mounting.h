// Room: src/accelerate. What Session.patch_control() does with the controls that came and went: the
// session's index, and will_unmount() and did_mount() of each.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_mounting(BaseControl, KeyedRef) and mount(index, added, removed, logged). False with
// an exception set.
[[nodiscard]] bool AddMounting(PyObject* module);

}  // namespace fletbridge::accelerate
