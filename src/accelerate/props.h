// Room: src/accelerate. flet.controls.value_types.Prop: the descriptor of each property of a
// control.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds take_props(Prop): its class reads and writes natively from then on. False with an exception
// set.
[[nodiscard]] bool AddProps(PyObject* module);

}  // namespace fletbridge::accelerate
