#include "src/accelerate/function.h"

#include <cstddef>
#include <string>
#include <vector>

namespace fletbridge::accelerate {

Counters g_counters;

namespace {

struct Replacement {
  PyObject_HEAD vectorcallfunc vectorcall;
  Body body;
  PyObject* flet;
};

PyObject* Call(PyObject* self, PyObject* const* arguments, std::size_t count, PyObject* keywords) {
  auto* replacement = reinterpret_cast<Replacement*>(self);
  return replacement->body(replacement->flet, arguments, PyVectorcall_NARGS(count), keywords);
}

PyObject* Bind(PyObject* self, PyObject* object, PyObject*) {
  if (object == nullptr || object == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, object);
}

// What a reader of a function asks it for: its name, its text, its code.
PyObject* GetAttribute(PyObject* self, PyObject* name) {
  PyObject* own = PyObject_GenericGetAttr(self, name);
  if (own != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return own;
  PyErr_Clear();
  return PyObject_GetAttr(reinterpret_cast<Replacement*>(self)->flet, name);
}

PyObject* GetWrapped(PyObject* self, void*) {
  return Py_NewRef(reinterpret_cast<Replacement*>(self)->flet);
}

PyObject* GetDoc(PyObject* self, void*) {
  return PyObject_GetAttrString(reinterpret_cast<Replacement*>(self)->flet, "__doc__");
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<Replacement*>(self)->flet);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

int Clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<Replacement*>(self)->flet);
  return 0;
}

void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef g_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Replacement, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef g_getset[] = {{"__wrapped__", GetWrapped, nullptr, nullptr, nullptr},
                          {"__doc__", GetDoc, nullptr, nullptr, nullptr},
                          {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot g_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_descr_get, reinterpret_cast<void*>(Bind)},
                         {Py_tp_getattro, reinterpret_cast<void*>(GetAttribute)},
                         {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(Clear)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                         {Py_tp_members, g_members},
                         {Py_tp_getset, g_getset},
                         {0, nullptr}};
PyType_Spec g_spec = {"fletbridge.accelerate.Replacement", sizeof(Replacement), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                          Py_TPFLAGS_METHOD_DESCRIPTOR,
                      g_slots};

PyTypeObject* ReplacementType() {
  static PyTypeObject* const type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_spec));
  return type;
}

PyObject* Make(PyObject* self, PyObject* flet) {
  auto body = reinterpret_cast<Body>(PyCapsule_GetPointer(self, nullptr));
  PyTypeObject* type = ReplacementType();
  if (body == nullptr || type == nullptr) return nullptr;
  auto* made = PyObject_GC_New(Replacement, type);
  if (made == nullptr) return nullptr;
  made->vectorcall = Call;
  made->body = body;
  made->flet = Py_NewRef(flet);
  PyObject_GC_Track(reinterpret_cast<PyObject*>(made));
  return reinterpret_cast<PyObject*>(made);
}

}  // namespace

bool AddReplacement(PyObject* module, const char* name, Body body) {
  auto* method = new PyMethodDef{name, Make, METH_O, nullptr};  // as long as the module
  const Ref capsule = Ref::Own(PyCapsule_New(reinterpret_cast<void*>(body), nullptr, nullptr));
  if (!capsule) return false;
  const Ref maker = Ref::Own(PyCFunction_New(method, capsule.get()));
  return maker && PyObject_SetAttrString(module, name, maker.get()) == 0;
}

}  // namespace fletbridge::accelerate
