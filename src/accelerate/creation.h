// Room: src/accelerate. Makes a control: the __init__() that dataclasses generates for its class,
// and the __post_init__() of Flet's controls that it calls.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_creation(BaseControl, describe): each class of controls that is there is made
// natively from then on, as far as describe() knows its __init__. False with an exception set.
[[nodiscard]] bool AddCreation(PyObject* module);

}  // namespace fletbridge::accelerate
