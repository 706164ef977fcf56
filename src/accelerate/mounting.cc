#include "src/accelerate/mounting.h"

#include "src/accelerate/plan.h"

namespace fletbridge::accelerate {
namespace {

PyObject* g_did_mount = nullptr;
PyObject* g_will_unmount = nullptr;
PyTypeObject* g_keyed_ref = nullptr;  // weakref.KeyedRef

PyObject* Name(const char* text) { return PyUnicode_InternFromString(text); }

// weakref.WeakValueDictionary, as far as an index of controls needs it.
class Index {
 public:
  explicit Index(PyObject* index) : index_(index) {
    static PyObject* const data = Name("data");
    static PyObject* const pending = Name("_pending_removals");
    static PyObject* const remove = Name("_remove");
    data_ = Ref::Checked(PyObject_GetAttr(index, data));
    pending_ = Ref::Checked(PyObject_GetAttr(index, pending));
    remove_ = Ref::Checked(PyObject_GetAttr(index, remove));
  }

  void Pop(PyObject* key) {
    Settle();
    const Ref found = Ref::Share(Item(data_.get(), key));
    if (found) Check(PyDict_DelItem(data_.get(), key));
  }

  // self.data[key] = KeyedRef(value, self._remove, key)
  void Set(PyObject* key, PyObject* value) {
    static PyObject* const name = Name("key");
    Settle();
    const Ref arguments = Ref::Checked(PyTuple_Pack(2, value, remove_.get()));
    const Ref made = Ref::Checked(_PyWeakref_RefType.tp_new(g_keyed_ref, arguments.get(), nullptr));
    Check(PyObject_SetAttr(made.get(), name, key));
    const Ref old = Ref::Share(Item(data_.get(), key));
    Check(PyDict_SetItem(data_.get(), key, made.get()));
  }

 private:
  void Settle() {
    static PyObject* const commit = Name("_commit_removals");
    if (PyObject_Size(pending_.get()) == 0) return;
    Ref::Checked(PyObject_CallMethodNoArgs(index_, commit));
  }

  PyObject* index_;
  Ref data_, pending_, remove_;
};

Ref NumberOf(PyObject* control) {
  const Plan& plan = PlanOf(Py_TYPE(control));
  PyObject* number = plan.native ? plan.i.Read(plan.layout, control) : nullptr;
  return number != nullptr ? Ref::Share(number)
                           : Ref::Checked(PyObject_GetAttr(control, g_names.i));
}

// did_mount() or will_unmount(), which is nothing where no class has one of its own.
void CallHook(PyObject* control, PyObject* name, PyObject* known, Slot Plan::*slot, bool logged) {
  const Plan& plan = PlanOf(Py_TYPE(control));
  if (!logged && plan.native && _PyType_Lookup(plan.type, name) == known &&
      (plan.*slot).Read(plan.layout, control) == nullptr) {
    return;
  }
  const Ref done = Ref::Own(PyObject_CallMethodNoArgs(control, name));
  ++g_epoch;
  if (!done) throw PythonError();
}

// mount(index, added, removed, logged)
PyObject* Mount(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 4) {
    PyErr_SetString(PyExc_TypeError, "mount() takes an index, two lists, and whether it is logged");
    return nullptr;
  }
  try {
    ++g_epoch;
    const Ref added = Ref::Checked(PySequence_Tuple(arguments[1]));
    const Ref removed = Ref::Checked(PySequence_Tuple(arguments[2]));
    const bool logged = Truth(arguments[3]);
    const Py_ssize_t came = PyTuple_GET_SIZE(added.get());
    const Py_ssize_t went = PyTuple_GET_SIZE(removed.get());
    {
      Index index(arguments[0]);
      for (Py_ssize_t i = 0; i < went; ++i)
        index.Pop(NumberOf(PyTuple_GET_ITEM(removed.get(), i)).get());
      for (Py_ssize_t i = 0; i < came; ++i) {
        PyObject* control = PyTuple_GET_ITEM(added.get(), i);
        index.Set(NumberOf(control).get(), control);
      }
    }
    const auto numbers = [](PyObject* controls) {
      Ref set = Ref::Checked(PySet_New(nullptr));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(controls); ++i) {
        Check(PySet_Add(set.get(), NumberOf(PyTuple_GET_ITEM(controls, i)).get()));
      }
      return set;
    };
    const auto holds = [](PyObject* set, PyObject* control) {
      const int found = PySet_Contains(set, NumberOf(control).get());
      Check(found);
      return found != 0;
    };
    const Ref came_numbers = numbers(added.get());
    for (Py_ssize_t i = 0; i < went; ++i) {
      PyObject* control = PyTuple_GET_ITEM(removed.get(), i);
      if (holds(came_numbers.get(), control)) continue;
      CallHook(control, g_names.will_unmount, g_will_unmount, &Plan::will_unmount, logged);
    }
    const Ref went_numbers = numbers(removed.get());
    for (Py_ssize_t i = 0; i < came; ++i) {
      PyObject* control = PyTuple_GET_ITEM(added.get(), i);
      if (holds(went_numbers.get(), control)) continue;
      CallHook(control, g_names.did_mount, g_did_mount, &Plan::did_mount, logged);
    }
  } catch (const PythonError&) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

// set_up_mounting(BaseControl, KeyedRef)
PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject *base = nullptr, *keyed = nullptr;
  if (PyArg_ParseTuple(arguments, "O!O!", &PyType_Type, &base, &PyType_Type, &keyed) == 0)
    return nullptr;
  g_did_mount = PyObject_GetAttr(base, g_names.did_mount);
  g_will_unmount = PyObject_GetAttr(base, g_names.will_unmount);
  g_keyed_ref = reinterpret_cast<PyTypeObject*>(Py_NewRef(keyed));
  if (g_did_mount == nullptr || g_will_unmount == nullptr) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {
    {"set_up_mounting", SetUp, METH_VARARGS, nullptr},
    {"mount", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(Mount)), METH_FASTCALL,
     nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddMounting(PyObject* module) { return PyModule_AddFunctions(module, g_methods) == 0; }

}  // namespace fletbridge::accelerate
