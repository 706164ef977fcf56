// Room: src/accelerate. Who gets the interpreter: an event loop that has input waits for a
// computing thread much shorter than the switch interval, and does not let go of it before it must.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds make_poll(), interval() and the replacements of a socket's recv and send. False with an
// exception set.
[[nodiscard]] bool AddSwitching(PyObject* module);

}  // namespace fletbridge::accelerate
