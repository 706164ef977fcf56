#include "src/accelerate/equality.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "src/accelerate/plan.h"

namespace fletbridge::accelerate {
namespace {

richcmpfunc g_compare = nullptr;  // of a class with an __eq__ in Python
PyObject* g_describe = nullptr;
PyObject* g_note = nullptr;

// What of the instances of a class is compared; for as long as nothing of the class changes.
struct Fields {
  struct Stored {
    Py_ssize_t place = 0;  // among all that are compared
    Slot slot;
  };
  ClassVersion of;
  bool known = false;
  Layout layout;
  Slot values;
  std::vector<Stored> stored;  // by the instance itself
  Ref props;                   // name -> place, of what `_values` holds
  Ref defaults;                // name -> what is the value where `_values` does not hold it
};

// describe(cls): None, or a tuple of (name, whether it is a Prop, the Prop's default).
void Describe(PyTypeObject* type, Fields& fields) {
  fields.of.Begin(type);
  const Ref told = Ref::Checked(PyObject_CallOneArg(g_describe, reinterpret_cast<PyObject*>(type)));
  fields.values = Slot(g_names.values);
  if (PyTuple_CheckExact(told.get()) != 0 && fields.layout.SetUp(type)) {
    fields.props = Ref::Checked(PyDict_New());
    fields.defaults = Ref::Checked(PyDict_New());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(told.get()); ++i) {
      PyObject *name = nullptr, *unset = nullptr;
      int prop = 0;
      if (PyArg_ParseTuple(PyTuple_GET_ITEM(told.get(), i), "OpO", &name, &prop, &unset) == 0) {
        throw PythonError();
      }
      if (prop != 0) {
        const Ref place = Ref::Checked(PyLong_FromSsize_t(i));
        Check(PyDict_SetItem(fields.props.get(), name, place.get()));
        Check(PyDict_SetItem(fields.defaults.get(), name, unset));
      } else {
        Py_INCREF(name);  // for as long as the process lives
        PyUnicode_InternInPlace(&name);
        fields.stored.push_back({i, Slot(name)});
      }
    }
    fields.known = true;
  }
  fields.known = fields.of.Settle(g_names.values) && fields.known;
}

// Null for what is left to Python. Valid until Python runs.
const Fields* FieldsOf(PyTypeObject* type) {
  static auto& known = *new std::array<Fields, 512>;
  Fields& fields = known[(reinterpret_cast<std::uintptr_t>(type) >> 5) % known.size()];
  if (!fields.of.Is(type)) {
    Fields made;
    Describe(type, made);  // which runs Python, and so may come here again
    fields = std::move(made);
  }
  return fields.known ? &fields : nullptr;
}

// Two values of a field that are not the same object.
struct Pair {
  Py_ssize_t place;
  Ref left, right;
};

// Reads what differs by identity, in the order of the fields: no other value can make a difference.
// False where something is not held as it is known to be.
bool Gather(const Fields& fields, PyObject* left, PyObject* right, std::vector<Pair>& pairs) {
  PyObject* values[] = {fields.values.Read(fields.layout, left),
                        fields.values.Read(fields.layout, right)};
  for (PyObject* held : values) {
    if (held == nullptr || PyDict_CheckExact(held) == 0) return false;
  }
  for (const Fields::Stored& field : fields.stored) {
    PyObject* one = field.slot.Read(fields.layout, left);
    PyObject* other = field.slot.Read(fields.layout, right);
    if (one == nullptr || other == nullptr) return false;
    if (one != other) pairs.push_back({field.place, Ref::Share(one), Ref::Share(other)});
  }
  // A prop that neither holds has its default in both.
  for (const bool second : {false, true}) {
    PyObject *name = nullptr, *value = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(values[second ? 1 : 0], &position, &name, &value) != 0) {
      if (PyUnicode_CheckExact(name) == 0) return false;
      PyObject* place = Item(fields.props.get(), name);
      if (place == nullptr) continue;  // it is not compared
      PyObject* other = Item(values[second ? 0 : 1], name);
      if (second && other != nullptr) continue;  // it was met
      if (other == nullptr) other = Item(fields.defaults.get(), name);
      if (other == nullptr) return false;
      if (value == other) continue;
      pairs.push_back({PyLong_AsSsize_t(place), Ref::Share(second ? other : value),
                       Ref::Share(second ? value : other)});
    }
  }
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return a.place < b.place; });
  return true;
}

// Null with an exception set, or Py_NotImplemented where Python is to be asked.
PyObject* Equal(PyObject* left, PyObject* right) {
  try {
    const Fields* fields = FieldsOf(Py_TYPE(left));
    std::vector<Pair> pairs;
    if (fields == nullptr || !Gather(*fields, left, right, pairs)) return Py_NotImplemented;
    for (const Pair& pair : pairs) {
      const int same = PyObject_RichCompareBool(pair.left.get(), pair.right.get(), Py_EQ);
      Check(same);
      if (same == 0) return Py_False;
    }
    return Py_True;
  } catch (const PythonError&) {
    return nullptr;
  }
}

PyObject* Compare(PyObject* left, PyObject* right, int operation) {
  if (operation != Py_EQ || Py_TYPE(left) != Py_TYPE(right)) {
    return g_compare(left, right, operation);
  }
  PyObject* answer = Equal(left, right);
  if (answer == nullptr) return nullptr;
  if (answer == Py_NotImplemented) return g_compare(left, right, operation);
  if (g_note != nullptr) {
    PyObject* of_python = g_compare(left, right, operation);
    if (of_python != nullptr && of_python != answer) {
      const Ref noted =
          Ref::Own(PyObject_CallFunctionObjArgs(g_note, left, of_python, answer, nullptr));
      if (!noted) PyErr_WriteUnraisable(g_note);
    }
    return of_python;
  }
  return Py_NewRef(answer);
}

PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject *base = nullptr, *describe = nullptr, *note = nullptr;
  if (PyArg_ParseTuple(arguments, "O!OO", &PyType_Type, &base, &describe, &note) == 0) {
    return nullptr;
  }
  auto* type = reinterpret_cast<PyTypeObject*>(base);
  if (g_compare == nullptr) {
    g_describe = Py_NewRef(describe);
    g_note = note == Py_None ? nullptr : Py_NewRef(note);
    g_compare = type->tp_richcompare;
    OnControlClass(TakeEquality);
  }
  try {
    TakeEquality(type);
  } catch (const PythonError&) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"set_up_equality", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void TakeEquality(PyTypeObject* type) {
  if (g_compare == nullptr) return;
  if (type->tp_richcompare == g_compare) {
    type->tp_richcompare = Compare;
    PyType_Modified(type);
  }
  const Ref below = Ref::Checked(
      PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(below.get()); ++i) {
    TakeEquality(reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(below.get(), i)));
  }
}

bool AddEquality(PyObject* module) { return PyModule_AddFunctions(module, g_methods) == 0; }

}  // namespace fletbridge::accelerate
