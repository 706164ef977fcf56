// Room: src/accelerate. Thread switching: an event loop with pending input waits for a computing
// thread much less than the switch interval, and does not release the GIL before it must.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds make_poll(), interval() and the replacements of a socket's recv and send. False with an
// exception set.
[[nodiscard]] bool AddSwitching(PyObject* module);

}  // namespace fletbridge::accelerate
