#include "src/accelerate/props.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "src/accelerate/plan.h"

namespace fletbridge::accelerate {
namespace {

descrgetfunc g_get = nullptr;
descrsetfunc g_set = nullptr;
// Where Prop's __slots__ are in its instances.
Py_ssize_t g_name_offset = 0;
Py_ssize_t g_default_offset = 0;

PyObject* Member(PyObject* self, Py_ssize_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + offset);
}

// Where the instances of a class hold what a property needs.
struct Shape {
  ClassVersion of;
  bool plain = false;  // the instances hold it themselves
  bool notifies = false;
  Layout layout;
  Slot values, dirty, frozen, notify;
};

void Describe(PyTypeObject* type, Shape& shape) {
  shape = Shape();
  shape.of.Begin(type);
  const auto absent = [&](PyObject* name) { return _PyType_Lookup(type, name) == nullptr; };
  shape.plain = type->tp_getattro == PyObject_GenericGetAttr && absent(g_names.values) &&
                absent(g_names.dirty) && absent(g_names.frozen) && shape.layout.SetUp(type);
  shape.notifies = !absent(g_names.notify);
  shape.values = Slot(g_names.values);
  shape.dirty = Slot(g_names.dirty);
  shape.frozen = Slot(g_names.frozen);
  shape.notify = Slot(g_names.notify);
  (void)shape.of.Settle(g_names.values);
}

// Null for what is left to Flet's code. Valid until the next call.
const Shape* ShapeOf(PyTypeObject* type) {
  static auto& shapes = *new std::array<Shape, 512>;
  Shape& shape = shapes[(reinterpret_cast<std::uintptr_t>(type) >> 5) % shapes.size()];
  if (!shape.of.Is(type)) {
    Describe(type, shape);
  }
  return shape.plain ? &shape : nullptr;
}

PyObject* Plain(PyObject* held) {
  return held != nullptr && PyDict_CheckExact(held) != 0 ? held : nullptr;
}

PyObject* Get(PyObject* self, PyObject* object, PyObject* type) {
  PyObject* name = Member(self, g_name_offset);
  PyObject* unset = Member(self, g_default_offset);
  if (object != nullptr && object != Py_None && name != nullptr && unset != nullptr) {
    try {
      const Shape* shape = ShapeOf(Py_TYPE(object));
      PyObject* values =
          shape != nullptr ? Plain(shape->values.Read(shape->layout, object)) : nullptr;
      if (values != nullptr) {
        PyObject* value = Item(values, name);
        return Py_NewRef(value != nullptr ? value : unset);
      }
    } catch (const PythonError&) {
      PyErr_Clear();
    }
  }
  return g_get(self, object, type);
}

// `left == right`, as Python asks it.
bool Equal(PyObject* left, PyObject* right) {
  if (left == right && (PyUnicode_CheckExact(left) != 0 || left == Py_None ||
                        PyLong_CheckExact(left) != 0 || PyBool_Check(left) != 0)) {
    return true;
  }
  const Ref result = Ref::Checked(PyObject_RichCompare(left, right, Py_EQ));
  return Truth(result.get());
}

// What of __set__() nothing that is foreign takes part in; else it is Flet's. A frozen control and
// one that tells of its changes are Flet's as well.
int Set(PyObject* self, PyObject* object, PyObject* value) {
  PyObject* name = Member(self, g_name_offset);
  PyObject* unset = Member(self, g_default_offset);
  if (value == nullptr || name == nullptr || unset == nullptr) return g_set(self, object, value);
  try {
    const Shape* shape = ShapeOf(Py_TYPE(object));
    PyObject* values =
        shape != nullptr ? Plain(shape->values.Read(shape->layout, object)) : nullptr;
    if (values == nullptr) return g_set(self, object, value);
    const Ref held = Ref::Share(values);
    const Ref old = Ref::Share(Item(values, name));
    if (!old) {
      if (Equal(value, unset)) return 0;
    } else if (Equal(old.get(), value)) {
      return 0;
    }
    shape = ShapeOf(Py_TYPE(object));
    PyObject* dirty = shape != nullptr ? Plain(shape->dirty.Read(shape->layout, object)) : nullptr;
    if (dirty == nullptr || shape->notifies ||
        shape->frozen.Read(shape->layout, object) != nullptr ||
        shape->notify.Read(shape->layout, object) != nullptr) {
      return g_set(self, object, value);
    }
    const Ref marks = Ref::Share(dirty);
    if (old && Equal(value, unset)) {
      if (Item(held.get(), name) != nullptr) Check(PyDict_DelItem(held.get(), name));
    } else {
      Check(PyDict_SetItem(held.get(), name, value));
    }
    Check(PyDict_SetItem(marks.get(), name, Py_None));
    return 0;
  } catch (const PythonError&) {
    return -1;
  }
}

PyObject* Take(PyObject*, PyObject* prop) {
  auto* type = reinterpret_cast<PyTypeObject*>(prop);
  const auto offset = [&](const char* name) -> Py_ssize_t {
    PyObject* found = PyDict_GetItemString(type->tp_dict, name);
    if (found == nullptr || Py_TYPE(found) != &PyMemberDescr_Type) return -1;
    return reinterpret_cast<PyMemberDescrObject*>(found)->d_member->offset;
  };
  g_name_offset = offset("name");
  g_default_offset = offset("default");
  if (g_name_offset < 0 || g_default_offset < 0 || type->tp_descr_get == nullptr ||
      type->tp_descr_set == nullptr) {
    PyErr_SetString(PyExc_TypeError, "Prop is not the class that this knows");
    return nullptr;
  }
  if (type->tp_descr_get != Get) {
    g_get = type->tp_descr_get;
    g_set = type->tp_descr_set;
    type->tp_descr_get = Get;
    type->tp_descr_set = Set;
  }
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"take_props", Take, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddProps(PyObject* module) { return PyModule_AddFunctions(module, g_methods) == 0; }

}  // namespace fletbridge::accelerate
