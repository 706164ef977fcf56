// Room: common/python. The part of CPython's stable ABI that we call, found at run time in the
// libpython of the chosen interpreter, or in this process where it is part of it: one binary
// serves 3.10 to 3.14 and links none of them. Includes Python.h; only for sources that speak to
// Python.
//
// The table is filled once, before the interpreter starts, and then only read.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string>

#include "common/base/error.h"
#include "common/python/py_ref.h"

// In each CPython, but since 3.13 no longer in its headers.
extern "C" {
int _PyArg_ParseTuple_SizeT(PyObject*, const char*, ...);
PyObject* _PyObject_CallMethod_SizeT(PyObject*, const char*, const char*, ...);
}

namespace fletbridge {

#define FLETBRIDGE_PY_FUNCTIONS(X) \
  X(_PyArg_ParseTuple_SizeT)       \
  X(PyBool_FromLong)               \
  X(PyBytes_AsString)              \
  X(PyBytes_FromStringAndSize)     \
  X(PyCMethod_New)                 \
  X(PyCallable_Check)              \
  X(PyCapsule_GetPointer)          \
  X(PyCapsule_New)                 \
  X(PyDict_GetItemString)          \
  X(PyDict_New)                    \
  X(PyDict_SetItemString)          \
  X(PyErr_Clear)                   \
  X(PyErr_ExceptionMatches)        \
  X(PyErr_Fetch)                   \
  X(PyErr_Occurred)                \
  X(PyErr_Print)                   \
  X(PyErr_Restore)                 \
  X(PyErr_SetInterrupt)            \
  X(PyErr_SetString)               \
  X(PyErr_WriteUnraisable)         \
  X(PyEval_EvalCode)               \
  X(PyEval_GetBuiltins)            \
  X(PyEval_RestoreThread)          \
  X(PyEval_SaveThread)             \
  X(PyGILState_Ensure)             \
  X(PyGILState_GetThisThreadState) \
  X(PyGILState_Release)            \
  X(PyImport_AddModule)            \
  X(PyImport_AppendInittab)        \
  X(PyImport_GetModuleDict)        \
  X(PyImport_ImportModule)         \
  X(PyList_Append)                 \
  X(PyList_New)                    \
  X(PyLong_AsLong)                 \
  X(PyLong_FromLongLong)           \
  X(PyLong_FromUnsignedLongLong)   \
  X(PyModuleDef_Init)              \
  X(PyModule_Create2)              \
  X(PyModule_GetDict)              \
  X(PyObject_CallFunctionObjArgs)  \
  X(_PyObject_CallMethod_SizeT)    \
  X(PyObject_GetAttrString)        \
  X(PyObject_InitVar)              \
  X(PyObject_IsTrue)               \
  X(PyObject_SetAttrString)        \
  X(PyObject_Size)                 \
  X(PyTuple_GetItem)               \
  X(PyUnicode_DecodeFSDefault)     \
  X(Py_AtExit)                     \
  X(Py_BytesMain)                  \
  X(Py_CompileString)              \
  X(Py_DecRef)                     \
  X(Py_FinalizeEx)                 \
  X(Py_IncRef)                     \
  X(Py_InitializeEx)               \
  X(Py_IsInitialized)

struct PyApi {
#define FLETBRIDGE_PY_MEMBER(name) decltype(&::name) name = nullptr;
  FLETBRIDGE_PY_FUNCTIONS(FLETBRIDGE_PY_MEMBER)
#undef FLETBRIDGE_PY_MEMBER
  PyObject* none = nullptr;            // Py_None
  PyObject* bytes_type = nullptr;      // PyBytes_Type
  PyObject** runtime_error = nullptr;  // PyExc_RuntimeError, set once the interpreter is up
  PyObject** type_error = nullptr;
  PyObject** system_exit = nullptr;
  PyObject** keyboard_interrupt = nullptr;
};

// Opens the library with global scope, so that extension modules find its symbols. An empty name
// means that this process has the interpreter in it: its executable is one, or links one.
[[nodiscard]] Result<> LoadPyApi(const std::string& libpython);
// The table; valid after LoadPyApi().
[[nodiscard]] const PyApi& Py() noexcept;

}  // namespace fletbridge
