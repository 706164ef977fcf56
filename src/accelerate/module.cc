// fletbridge.accelerate._native: what python/fletbridge/accelerate puts in the place of Flet's
// functions.
#include "src/accelerate/collecting.h"
#include "src/accelerate/creation.h"
#include "src/accelerate/diff.h"
#include "src/accelerate/encoding.h"
#include "src/accelerate/equality.h"
#include "src/accelerate/events.h"
#include "src/accelerate/function.h"
#include "src/accelerate/mounting.h"
#include "src/accelerate/scan.h"
#include "src/accelerate/switching.h"

namespace fletbridge::accelerate {
namespace {

PyObject* PyCounters(PyObject*, PyObject*) {
  return Py_BuildValue("{s:K,s:K,s:K}", "nodes", static_cast<unsigned long long>(g_counters.nodes),
                       "fallbacks", static_cast<unsigned long long>(g_counters.fallbacks),
                       "failures", static_cast<unsigned long long>(g_counters.failures));
}

PyMethodDef g_methods[] = {
    {"counters", PyCounters, METH_NOARGS,
     "How often Flet's own code was used: nodes compared, fallbacks, failures."},
    {nullptr, nullptr, 0, nullptr},
};

int Execute(PyObject* module) {
  return AddCollecting(module) && AddDiff(module) && AddCreation(module) && AddEncoding(module) &&
                 AddEquality(module) && AddEvents(module) && AddMounting(module) &&
                 AddScan(module) && AddSwitching(module)
             ? 0
             : -1;
}

PyModuleDef_Slot g_module_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(Execute)},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, nullptr}};

PyModuleDef g_module = {PyModuleDef_HEAD_INIT, "_native", nullptr, 0,      g_methods,
                        g_module_slots,        nullptr,   nullptr, nullptr};

}  // namespace
}  // namespace fletbridge::accelerate

PyMODINIT_FUNC PyInit__native() { return PyModuleDef_Init(&fletbridge::accelerate::g_module); }
