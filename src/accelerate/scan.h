// Room: src/accelerate. Replaces the scan of Flet 0.80 to 0.86.0: after an update it searched for
// each removed control among all added ones, and vice versa.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_scan() and the replacement of any(). False with an exception set.
[[nodiscard]] bool AddScan(PyObject* module);

}  // namespace fletbridge::accelerate
