#include "src/accelerate/collecting.h"

#include <cstddef>

#include "src/accelerate/function.h"

namespace fletbridge::accelerate {
namespace {

// DiffBuilder's operations are nodes [previous, next, operation] in a ring. Flet's teardown takes
// out its beginning alone, so two nodes and more keep one another, with all that was added and
// removed, until the collector comes by.
PyObject* TearDown(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                   PyObject* keywords) {
  static PyObject* const root_name = PyUnicode_InternFromString("_DiffBuilder__root");
  Ref root;
  Ref node;
  if (count == 1 && keywords == nullptr) {
    try {
      root = Attribute(arguments[0], root_name);
    } catch (const PythonError&) {
      ++g_counters.failures;
      PyErr_Clear();
    }
    if (root && PyList_CheckExact(root.get()) && PyList_GET_SIZE(root.get()) == 3) {
      node = Ref::Share(PyList_GET_ITEM(root.get(), 1));
    }
  }
  Ref result =
      Ref::Own(PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords));
  if (!result) return nullptr;
  while (node && node.get() != root.get() && PyList_CheckExact(node.get()) &&
         PyList_GET_SIZE(node.get()) == 3) {
    Ref next = Ref::Share(PyList_GET_ITEM(node.get(), 1));
    if (PyList_SetSlice(node.get(), 0, 3, nullptr) < 0) {
      ++g_counters.failures;
      PyErr_Clear();
      break;
    }
    node = std::move(next);
  }
  return result.Release();
}

}  // namespace

bool AddCollecting(PyObject* module) { return AddReplacement(module, "teardown", TearDown); }

}  // namespace fletbridge::accelerate
