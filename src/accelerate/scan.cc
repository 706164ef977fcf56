#include "src/accelerate/scan.h"

#include <cstddef>

#include "src/accelerate/function.h"

namespace fletbridge::accelerate {
namespace {

// Shorter lists are looked through as quickly.
constexpr Py_ssize_t kShort = 24;

// One of the two scans of Session.patch_control:
//   any(other._i == control._i for other in others), and if not, control.hook()
struct Scan {
  PyObject* code = nullptr;     // of the generator
  PyObject* control = nullptr;  // names of variables of patch_control
  PyObject* others = nullptr;
  PyObject* hook = nullptr;
  PyObject* numbers = nullptr;  // under which what was found is kept with the call's variables
};

// Set once by set_up_scan(), kept for the process's life.
struct Known {
  PyObject* patch_control = nullptr;  // its code
  PyTypeObject* base = nullptr;       // BaseControl
  PyObject* i = PyUnicode_InternFromString("_i");
  PyObject* str = PyUnicode_InternFromString("__str__");
  PyObject* gi_code = PyUnicode_InternFromString("gi_code");
  PyObject* f_locals = PyUnicode_InternFromString("f_locals");
  Scan scans[2];
};
Known* g_known = nullptr;

Ref NumberOf(PyObject* control) {
  Ref number = Ref::Checked(PyObject_GetAttr(control, g_known->i));
  return PyLong_CheckExact(number.get()) ? std::move(number) : Ref();
}

// The numbers of all controls in a list; null where one is none.
Ref NumbersOf(PyObject* list) {
  Ref numbers = Ref::Checked(PySet_New(nullptr));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    const Ref control = Ref::Share(PyList_GET_ITEM(list, i));
    const Ref number = NumberOf(control.get());
    if (!number) return {};
    Check(PySet_Add(numbers.get(), number.get()));
  }
  return numbers;
}

// Whether a control's hook is BaseControl's, which changes nothing.
bool IsQuiet(PyObject* control, PyObject* hook) {
  PyTypeObject* type = Py_TYPE(control);
  return type->tp_getattro == PyObject_GenericGetAttr &&
         _PyType_Lookup(type, hook) == _PyType_Lookup(g_known->base, hook) &&
         _PyType_Lookup(type, g_known->str) == _PyType_Lookup(g_known->base, g_known->str);
}

// -1: the original is to look.
int IsAmong(PyObject* generator) {
  const Ref code = Attribute(generator, g_known->gi_code);
  const Scan* scan = nullptr;
  for (const Scan& each : g_known->scans) {
    if (each.code == code.get()) scan = &each;
  }
  PyFrameObject* frame = PyEval_GetFrame();
  if (scan == nullptr || frame == nullptr) return -1;
  const Ref caller = Ref::Own(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  if (caller.get() != g_known->patch_control) return -1;
  const Ref variables =
      Ref::Checked(PyObject_GetAttr(reinterpret_cast<PyObject*>(frame), g_known->f_locals));
  if (!PyDict_CheckExact(variables.get())) return -1;
  PyObject* others = Item(variables.get(), scan->others);
  PyObject* found = Item(variables.get(), scan->control);
  if (others == nullptr || found == nullptr || !PyList_CheckExact(others) ||
      PyList_GET_SIZE(others) < kShort) {
    return -1;
  }
  const Ref control = Ref::Share(found);
  // With the variables of this one call, so that nothing outlives it.
  Ref numbers = Ref::Share(Item(variables.get(), scan->numbers));
  if (!numbers) {
    numbers = NumbersOf(others);
    if (!numbers) return -1;
    Check(PyDict_SetItem(variables.get(), scan->numbers, numbers.get()));
  }
  const Ref number = NumberOf(control.get());
  if (!number) return -1;
  const int among = PySet_Contains(numbers.get(), number.get());
  Check(among);
  // A hook of the app's, which Flet calls now, may change anything.
  if (among == 0 && !IsQuiet(control.get(), scan->hook)) {
    Check(PyDict_DelItem(variables.get(), scan->numbers));
  }
  return among;
}

PyObject* Any(PyObject* original, PyObject* const* arguments, Py_ssize_t count,
              PyObject* keywords) {
  if (g_known != nullptr && count == 1 && keywords == nullptr && PyGen_CheckExact(arguments[0])) {
    try {
      const int among = IsAmong(arguments[0]);
      if (among >= 0) return PyBool_FromLong(among);
    } catch (const PythonError&) {
      ++g_counters.failures;
      PyErr_Clear();
    }
  }
  return PyObject_Vectorcall(original, arguments, static_cast<std::size_t>(count), keywords);
}

// set_up_scan(BaseControl, code of patch_control, generator of the first scan, of the second)
PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject* base = nullptr;
  Known known;
  if (PyArg_ParseTuple(arguments, "OOOO", &base, &known.patch_control, &known.scans[0].code,
                       &known.scans[1].code) == 0) {
    return nullptr;
  }
  if (PyType_Check(base) == 0) return PyErr_SetString(PyExc_TypeError, "no class"), nullptr;
  known.base = reinterpret_cast<PyTypeObject*>(Py_NewRef(base));
  Py_INCREF(known.patch_control);
  const char* const names[2][4] = {
      {"removed_control", "added_controls", "will_unmount", " numbers of added_controls"},
      {"added_control", "removed_controls", "did_mount", " numbers of removed_controls"}};
  for (int i = 0; i < 2; ++i) {
    Scan& scan = known.scans[i];
    Py_INCREF(scan.code);
    scan.control = PyUnicode_InternFromString(names[i][0]);
    scan.others = PyUnicode_InternFromString(names[i][1]);
    scan.hook = PyUnicode_InternFromString(names[i][2]);
    scan.numbers = PyUnicode_InternFromString(names[i][3]);
  }
  g_known = new Known(known);
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"set_up_scan", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddScan(PyObject* module) {
  return PyModule_AddFunctions(module, g_methods) == 0 && AddReplacement(module, "any", Any);
}

}  // namespace fletbridge::accelerate
