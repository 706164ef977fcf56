// Room: src/accelerate. Compares a page with the client's copy of it: flet.controls.object_patch,
// both its in-place and its frozen comparison.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_diff() and the replacements of DiffBuilder's methods. False with an exception set.
[[nodiscard]] bool AddDiff(PyObject* module);

}  // namespace fletbridge::accelerate
