// Room: src/accelerate. What leaves work to the garbage collector that reference counts could do.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds the replacement of DiffBuilder.teardown. False with an exception set.
[[nodiscard]] bool AddCollecting(PyObject* module);

}  // namespace fletbridge::accelerate
