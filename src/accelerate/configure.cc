// Walk: what comes into a page and what leaves it.
#include <algorithm>

#include "src/accelerate/function.h"
#include "src/accelerate/walk.h"

namespace fletbridge::accelerate {
namespace {

bool IsCompound(PyObject* value) {
  return PyList_Check(value) != 0 || PyDict_Check(value) != 0 || IsDataclass(value);
}

// The values of an instance's declared fields behind `after` in which there can be controls, in the
// order of the fields.
void Gather(const Plan& plan, PyObject* item, Py_ssize_t after,
            std::vector<std::pair<Py_ssize_t, Ref>>& found) {
  found.clear();
  PyObject* values = plan.sparse ? plan.values.Read(plan.layout, item) : nullptr;
  for (std::size_t place : plan.stored) {
    if (static_cast<Py_ssize_t>(place) <= after) continue;
    PyObject* value = plan.Get(plan.fields[place], item);
    if (value == nullptr) {
      PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%U'",
                   plan.type->tp_name, plan.fields[place].name);
      throw PythonError();
    }
    if (IsCompound(value)) found.emplace_back(place, Ref::Share(value));
  }
  if (values != nullptr) {
    for (std::size_t place : plan.compound_defaults) {
      if (static_cast<Py_ssize_t>(place) <= after ||
          Item(values, plan.fields[place].name) != nullptr)
        continue;
      found.emplace_back(place, Ref::Share(plan.fields[place].unset));
    }
    PyObject *name = nullptr, *value = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(values, &position, &name, &value) != 0) {
      if (!IsCompound(value)) continue;
      const Field* field = plan.Find(name);
      if (field == nullptr || field->skip || !field->prop) continue;
      const Py_ssize_t place = field - plan.fields.data();
      if (place > after) found.emplace_back(place, Ref::Share(value));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

// Calls `visit` with each of these values; they are read again after code that may have changed
// them.
template <typename Visit>
void ForEachField(PyObject* item, const Plan& first_plan, Visit visit) {
  std::vector<std::pair<Py_ssize_t, Ref>> found;
  Py_ssize_t last = -1;
  const Plan* plan = &first_plan;
  while (true) {
    Gather(*plan, item, last, found);
    if (found.empty()) return;
    const std::uint64_t before = g_epoch;
    bool changed = false;
    for (const auto& [place, value] : found) {
      last = place;
      visit(value.get());
      if (g_epoch != before) {
        changed = true;
        break;
      }
    }
    if (!changed) return;
    const Plan& now = PlanOf(Py_TYPE(item));
    if (now.native) plan = &now;
  }
}

// Adds all that a generator of Flet's yields, for a class that is not known here.
void ExtendByFlet(PyObject* found, PyObject* flet, PyObject* const* arguments, std::size_t count) {
  ++g_counters.fallbacks;
  const Ref generator = Ref::Checked(PyObject_Vectorcall(flet, arguments, count, nullptr));
  const Ref all = Ref::Own(PySequence_List(generator.get()));
  ++g_epoch;
  if (!all) throw PythonError();
  const Py_ssize_t size = PyList_GET_SIZE(found);
  Check(PyList_SetSlice(found, size, size, all.get()));
}

}  // namespace

void Walk::Configure(PyObject* item, PyObject* given_parent, bool frozen, bool setattr_only,
                     PyObject* found) {
  const Recursion recursion;
  if (PyType_Check(item) != 0 || (IsDataclass(item) && !PlanOf(Py_TYPE(item)).native)) {
    PyObject* arguments[] = {builder_, item, given_parent, frozen ? Py_True : Py_False,
                             setattr_only ? Py_True : Py_False};
    ExtendByFlet(found, g_originals.configure, arguments, 5);
    return;
  }
  if (!IsDataclass(item)) {
    ForEachItem(item,
                [&](PyObject* value) { Configure(value, given_parent, frozen, false, found); });
    return;
  }
  ++g_counters.nodes;
  const Plan* plan = &PlanOf(Py_TYPE(item));
  const bool control = plan->control;
  Ref parent = Ref::Share(given_parent);
  if (parent.get() == Py_None) {
    PyObject* weak = plan->parent.Read(plan->layout, item);
    if (weak != nullptr && weak != Py_None) parent = Ref::Checked(PyObject_CallNoArgs(weak));
  }
  if (Truth(parent.get())) {
    if (parent.get() == item) {
      PyErr_Format(g_flet.patch_exception, "Parent is the same as item: %S", item);
      throw PythonError();
    }
    SetParent(item, parent.get());
  }
  if (PyObject* own = plan->frozen.Read(plan->layout, item)) {
    frozen = Truth(own);
  } else if (frozen) {
    Check(PyObject_SetAttr(item, g_names.frozen, Py_True));
  }
  {
    const Ref known = Attribute(reinterpret_cast<PyObject*>(Py_TYPE(item)), g_names.control_class);
    if (!known || known.get() == Py_None) {
      Check(PyObject_SetAttr(reinterpret_cast<PyObject*>(Py_TYPE(item)), g_names.control_class,
                             reinterpret_cast<PyObject*>(g_flet.base_control)));
      ++g_epoch;
      plan = &PlanOf(Py_TYPE(item));
    }
  }
  if (control) {
    ForgetRoot(item);  // its snapshots are made anew
    if (!setattr_only) {
      if (!plan->native || !plan->build_known || plan->build.Read(plan->layout, item) != nullptr) {
        const Ref built = Ref::Own(PyObject_CallMethodNoArgs(item, g_names.build));
        ++g_epoch;
        if (!built) throw PythonError();
      }
      BeforeUpdate(PlanOf(Py_TYPE(item)), item);
      Check(PyObject_GenericSetAttr(item, g_names.initialized, Py_True));
    }
    Check(PyList_Append(found, item));
  }
  if (!setattr_only) {
    const Plan& now = PlanOf(Py_TYPE(item));
    if (now.native) plan = &now;
    PyObject* child_parent = control ? item : parent.get();
    ForEachField(item, *plan,
                 [&](PyObject* value) { Configure(value, child_parent, frozen, false, found); });
  }
  if (!frozen) {
    const Ref dirty = Attribute(item, g_names.dirty);
    if (dirty && dirty.get() != Py_None) {
      if (PyDict_CheckExact(dirty.get()) != 0) {
        PyDict_Clear(dirty.get());
      } else {
        static PyObject* const clear = PyUnicode_InternFromString("clear");
        Ref::Checked(PyObject_CallMethodNoArgs(dirty.get(), clear));
      }
    } else {
      auto* type = reinterpret_cast<PyObject*>(Py_TYPE(item));
      const Ref now = Attribute(type, g_names.setattr);
      if (now.get() != g_flet.control_setattr) {
        Check(PyObject_SetAttr(type, g_names.setattr, g_flet.control_setattr));
        ++g_epoch;
      }
      const Ref none = Ref::Checked(PyDict_New());
      Check(PyObject_GenericSetAttr(item, g_names.changes, none.get()));
    }
  }
}

void Walk::RemovedControls(PyObject* item, bool recurse, PyObject* found) {
  const Recursion recursion;
  if (IsControl(item)) {
    const Plan& plan = PlanOf(Py_TYPE(item));
    if (!plan.native) {
      PyObject* arguments[] = {builder_, item, recurse ? Py_True : Py_False};
      ExtendByFlet(found, g_originals.removed_controls, arguments, 3);
      return;
    }
    if (const Ref lists = Ref::Share(plan.prev_lists.Read(plan.layout, item))) {
      const Ref dicts = Ref::Share(plan.prev_dicts.Read(plan.layout, item));
      const Ref classes = Ref::Share(plan.prev_classes.Read(plan.layout, item));
      for (PyObject* snapshots : {lists.get(), dicts.get(), classes.get()}) {
        if (snapshots == nullptr || PyDict_GET_SIZE(snapshots) == 0) continue;
        const Ref values = Ref::Checked(PyDict_Values(snapshots));
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
          RemovedControls(PyList_GET_ITEM(values.get(), i), recurse, found);
        }
      }
    } else if (recurse) {
      ForEachField(item, plan, [&](PyObject* value) { RemovedControls(value, recurse, found); });
    }
    Check(PyList_Append(found, item));
  } else {
    ForEachItem(item, [&](PyObject* value) { RemovedControls(value, recurse, found); });
  }
}

}  // namespace fletbridge::accelerate
