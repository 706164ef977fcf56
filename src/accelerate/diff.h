// Room: src/accelerate. The comparison of a page with what the client has of it:
// flet.controls.object_patch, in place and frozen.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_diff() and the replacements of DiffBuilder's methods. False with an exception set.
[[nodiscard]] bool AddDiff(PyObject* module);

}  // namespace fletbridge::accelerate
