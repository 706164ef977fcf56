#include "src/accelerate/diff.h"

#include "src/accelerate/function.h"

namespace fletbridge::accelerate {
namespace {

PyObject* Flet(PyObject* flet, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  return PyObject_Vectorcall(flet, arguments, static_cast<size_t>(count), keywords);
}

PyObject* SetUp(PyObject*, PyObject*) { Py_RETURN_NONE; }
PyMethodDef g_methods[] = {{"set_up_diff", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddDiff(PyObject* module) {
  return PyModule_AddFunctions(module, g_methods) == 0 &&
         AddReplacement(module, "_compare_values", Flet) &&
         AddReplacement(module, "_compare_lists", Flet) &&
         AddReplacement(module, "_compare_dataclasses", Flet);
}

}  // namespace fletbridge::accelerate
