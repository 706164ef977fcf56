// Room: src/accelerate. Frees controls by reference counting that would otherwise wait for the
// garbage collector.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds the replacement of DiffBuilder.teardown. False with an exception set.
[[nodiscard]] bool AddCollecting(PyObject* module);

}  // namespace fletbridge::accelerate
