// Room: src/accelerate. The replacement for one of Flet's functions: a callable that binds like a
// function, keeps the original as `__wrapped__`, and counts what it leaves to it.
#pragma once

#include <cstdint>

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// How a replaced function is called; `arguments` holds `self` first, keywords as in vectorcall.
// Returns a new reference, or null with an exception set. `flet` is the replaced function, to be
// called for what this one does not know.
using Body = PyObject* (*)(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                           PyObject* keywords);

// Adds `name` to the module: module.name(flet) makes the replacement of `flet`. False with an
// exception set.
[[nodiscard]] bool AddReplacement(PyObject* module, const char* name, Body body);

// Counted for the report: calls that Flet's own code did in the place of ours.
struct Counters {
  std::uint64_t nodes = 0;      // compared natively
  std::uint64_t fallbacks = 0;  // left to Flet's code
  std::uint64_t failures = 0;   // begun natively, then left to it after an error of ours
};
extern Counters g_counters;

}  // namespace fletbridge::accelerate
