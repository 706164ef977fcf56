// Room: src/accelerate. The scan of Flet 0.80 to 0.86.0: after an update, each control that was
// removed was looked for among all that were added, and the other way round.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_scan() and the replacement of any(). False with an exception set.
[[nodiscard]] bool AddScan(PyObject* module);

}  // namespace fletbridge::accelerate
