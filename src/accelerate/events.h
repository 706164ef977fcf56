// Room: src/accelerate. Caches what Flet looks up again for each event: the type of an event, the
// parameters of a handler, the page of a control.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_events() and the replacements. False with an exception set.
[[nodiscard]] bool AddEvents(PyObject* module);

}  // namespace fletbridge::accelerate
