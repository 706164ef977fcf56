// Room: src/accelerate. Compares two controls like the __eq__() that dataclasses has generated for
// their class: `list.remove(row)` and `row in rows` call it for each control of a list.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_equality(BaseControl, describe, note): `describe(cls)` gives the names of the fields
// that are compared, in their order, and whether each is a Prop; None for a class that Python
// compares. `note` is None, or is called with what both answer where Python answers otherwise: then
// each comparison is made twice, and Python's answer stands. False with an exception set.
[[nodiscard]] bool AddEquality(PyObject* module);

// Makes the instances of a class, and of all below it, compare natively, if set_up_equality() was
// called and the class compares as a dataclass does. Throws PythonError.
void TakeEquality(PyTypeObject* type);

}  // namespace fletbridge::accelerate
