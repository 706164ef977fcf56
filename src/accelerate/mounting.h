// Room: src/accelerate. The work of Session.patch_control() on added and removed controls: the
// session's index, and will_unmount() and did_mount() of each.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_mounting(BaseControl, KeyedRef) and mount(index, added, removed, logged). False with
// an exception set.
[[nodiscard]] bool AddMounting(PyObject* module);

}  // namespace fletbridge::accelerate
