#include "src/accelerate/diff.h"

#include <array>
#include <initializer_list>
#include <new>

#include "src/accelerate/function.h"
#include "src/accelerate/plan.h"
#include "src/accelerate/props.h"
#include "src/accelerate/shadow.h"
#include "src/accelerate/walk.h"

namespace fletbridge::accelerate {
namespace {

int g_depth = 0;
PyObject* g_builder = nullptr;  // of the outermost comparison
bool g_nested = false;

// Whoever logs each comparison wants Flet's own.
bool IsLogged() {
  static PyObject* const level = PyUnicode_InternFromString("level");
  const Ref found = Ref::Checked(PyObject_GetAttr(g_flet.logger, level));
  const long number = PyLong_AsLong(found.get());
  return number < 20;  // logging.INFO, which Flet sets
}

// Arguments by position; false if they are not these.
template <std::size_t kCount>
bool Bind(const std::array<const char*, kCount>& names, PyObject* const* arguments,
          Py_ssize_t count, PyObject* keywords, std::array<PyObject*, kCount>& bound) {
  bound.fill(nullptr);
  if (count > static_cast<Py_ssize_t>(kCount)) return false;
  for (Py_ssize_t i = 0; i < count; ++i) bound[static_cast<std::size_t>(i)] = arguments[i];
  const Py_ssize_t named = keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    bool known = false;
    for (std::size_t j = 0; j < kCount; ++j) {
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, i), names[j]) != 0) continue;
      if (bound[j] != nullptr) return false;
      bound[j] = arguments[count + i];
      known = true;
    }
    if (!known) return false;
  }
  return true;
}

// Runs `body` with a walk on the builder; unexpected input is left to Flet's code.
template <typename Body_>
PyObject* Run(PyObject* flet, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords,
              bool expected, Body_ body) {
  try {
    if (!expected || count < 1 || Py_TYPE(arguments[0]) != g_flet.builder || IsLogged()) {
      PyErr_Clear();
      ++g_counters.fallbacks;
      return PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords);
    }
    ++g_epoch;
    if (g_depth == 0) {
      ForgetRetiredPlans();
      ForgetUnrecorded();
      g_builder = arguments[0];
    } else if (g_builder != arguments[0]) {
      g_nested = true;  // a hook's own comparison changes what the outer one has noted
    }
    ++g_depth;
    struct Leave {
      ~Leave() {
        if (--g_depth == 0 && std::exchange(g_nested, false)) ForgetAllRoots();
      }
    } leave;
    Walk walk(arguments[0]);
    return body(walk);
  } catch (const PythonError&) {
    if (PyErr_Occurred() == nullptr)
      PyErr_SetString(PyExc_SystemError, "fletbridge: an error without a cause");
    return nullptr;
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
}

bool AllSet(std::initializer_list<PyObject*> objects) {
  for (PyObject* object : objects) {
    if (object == nullptr) return false;
  }
  return true;
}

PyObject* CompareValues(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  std::array<PyObject*, 7> a;
  const bool good = Bind<7>({"self", "parent", "path", "key", "src", "dst", "frozen"}, arguments,
                            count, keywords, a) &&
                    AllSet({a[0], a[1], a[2], a[3], a[4], a[5], a[6]}) &&
                    PyList_CheckExact(a[2]) != 0;
  // Without a key the value is the document itself.
  const bool expected = good && (a[3] != Py_None || (a[4] == a[5] && !(PyType_Check(a[4]) != 0)));
  return Run(flet, arguments, count, keywords, expected, [&](Walk& walk) -> PyObject* {
    const Path path(a[2]);
    const bool frozen = Truth(a[6]);
    if (a[3] != Py_None) {
      walk.CompareValues(a[1], path, a[3], a[4], a[5], frozen);
      Py_RETURN_NONE;
    }
    if (!IsDataclass(a[4]) || frozen || !PlanOf(Py_TYPE(a[4])).native) {
      return PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords);
    }
    if (HasFrozen(a[5])) Py_RETURN_NONE;  // one and the same
    if (g_depth > 1) {
      walk.CompareDataclasses(a[1], path, a[4], a[5], false);
    } else {
      walk.CompareRoot(a[1], path, a[5]);
    }
    Py_RETURN_NONE;
  });
}

PyObject* CompareLists(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                       PyObject* keywords) {
  std::array<PyObject*, 6> a;
  const bool good =
      Bind<6>({"self", "parent", "path", "src", "dst", "frozen"}, arguments, count, keywords, a) &&
      AllSet({a[0], a[1], a[2], a[3], a[4], a[5]}) && PyList_CheckExact(a[2]) != 0 &&
      PyList_CheckExact(a[3]) != 0 && PyList_CheckExact(a[4]) != 0;
  return Run(flet, arguments, count, keywords, good, [&](Walk& walk) -> PyObject* {
    walk.CompareLists(a[1], Path(a[2]), a[3], a[4], Truth(a[5]));
    Py_RETURN_NONE;
  });
}

PyObject* CompareDataclasses(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                             PyObject* keywords) {
  std::array<PyObject*, 6> a;
  const bool good =
      Bind<6>({"self", "parent", "path", "src", "dst", "frozen"}, arguments, count, keywords, a) &&
      AllSet({a[0], a[1], a[2], a[3], a[4], a[5]}) && PyList_CheckExact(a[2]) != 0;
  return Run(flet, arguments, count, keywords, good, [&](Walk& walk) -> PyObject* {
    walk.CompareDataclasses(a[1], Path(a[2]), a[3], a[4], Truth(a[5]));
    Py_RETURN_NONE;
  });
}

PyObject* GetAddedControls(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                           PyObject* keywords) {
  return Run(flet, arguments, count, keywords, count == 1 && keywords == nullptr,
             [&](Walk& walk) -> PyObject* {
               Ref found = Ref::Checked(PyList_New(0));
               const Ref items = Ref::Checked(PyDict_Items(walk.added()));
               for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
                 PyObject* item = PyList_GET_ITEM(items.get(), i);
                 const int removed = PyDict_Contains(walk.removed(), PyTuple_GET_ITEM(item, 0));
                 Check(removed);
                 walk.Configure(PyTuple_GET_ITEM(item, 1), Py_None, false, removed != 0,
                                found.get());
               }
               return found.Release();
             });
}

PyObject* GetRemovedControls(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                             PyObject* keywords) {
  return Run(flet, arguments, count, keywords, count == 1 && keywords == nullptr,
             [&](Walk& walk) -> PyObject* {
               Ref found = Ref::Checked(PyList_New(0));
               const Ref items = Ref::Checked(PyDict_Items(walk.removed()));
               for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
                 PyObject* item = PyList_GET_ITEM(items.get(), i);
                 const int added = PyDict_Contains(walk.added(), PyTuple_GET_ITEM(item, 0));
                 Check(added);
                 walk.RemovedControls(PyTuple_GET_ITEM(item, 1), added == 0, found.get());
               }
               return found.Release();
             });
}

PyObject* Attr(PyObject* owner, const char* name) {
  PyObject* found = PyObject_GetAttrString(owner, name);
  if (found == nullptr) throw PythonError();
  return found;
}

// set_up_diff(object_patch, BaseControl, Page, Prop, unset, Key, validate, describe): once.
PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject *patch = nullptr, *base = nullptr, *page = nullptr, *prop = nullptr, *unset = nullptr,
           *key = nullptr, *validate = nullptr, *describe = nullptr;
  if (PyArg_ParseTuple(arguments, "OOOOOOOO", &patch, &base, &page, &prop, &unset, &key, &validate,
                       &describe) == 0) {
    return nullptr;
  }
  try {
    const auto type = [&](const char* name) {
      return reinterpret_cast<PyTypeObject*>(Attr(patch, name));
    };
    g_flet.base_control = reinterpret_cast<PyTypeObject*>(Py_NewRef(base));
    g_flet.page = reinterpret_cast<PyTypeObject*>(Py_NewRef(page));
    g_flet.prop = reinterpret_cast<PyTypeObject*>(Py_NewRef(prop));
    g_flet.unset = Py_NewRef(unset);
    g_flet.key = reinterpret_cast<PyTypeObject*>(Py_NewRef(key));
    g_flet.validate = Py_NewRef(validate);
    g_flet.describe = Py_NewRef(describe);
    g_flet.builder = type("DiffBuilder");
    g_flet.replace_operation = type("ReplaceOperation");
    g_flet.add_operation = type("AddOperation");
    g_flet.remove_operation = type("RemoveOperation");
    g_flet.move_operation = type("MoveOperation");
    g_flet.patch_exception = Attr(patch, "ObjectPatchException");
    g_flet.logger = Attr(patch, "logger");
    g_flet.control_setattr = Attr(patch, "_control_setattr");
    g_flet.is_isolated = Attr(base, "is_isolated");
    g_flet.before_update_safe = Attr(base, "_before_update_safe");
    g_flet.before_update = Attr(base, "before_update");
    g_flet.build = Attr(base, "build");
    g_flet.migrate_state = Attr(base, "_migrate_state");
    auto* builder = reinterpret_cast<PyObject*>(g_flet.builder);
    g_originals.compare_values = Attr(builder, "_compare_values");
    g_originals.compare_lists = Attr(builder, "_compare_lists");
    g_originals.compare_dataclasses = Attr(builder, "_compare_dataclasses");
    g_originals.compare_dicts = Attr(builder, "_compare_dicts");
    g_originals.configure = Attr(builder, "_configure_dataclass");
    g_originals.removed_controls = Attr(builder, "_removed_controls");
  } catch (const PythonError&) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

// For whoever puts back what a comparison has changed: the addresses that were noted may be
// others'.
PyObject* ForgetRecords(PyObject*, PyObject*) {
  ForgetAllRoots();
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"set_up_diff", SetUp, METH_VARARGS, nullptr},
                           {"forget_records", ForgetRecords, METH_NOARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddDiff(PyObject* module) {
  return MakeNames() && PyModule_AddFunctions(module, g_methods) == 0 && AddProps(module) &&
         AddReplacement(module, "_compare_values", CompareValues) &&
         AddReplacement(module, "_compare_lists", CompareLists) &&
         AddReplacement(module, "_compare_dataclasses", CompareDataclasses) &&
         AddReplacement(module, "get_added_controls", GetAddedControls) &&
         AddReplacement(module, "get_removed_controls", GetRemovedControls);
}

}  // namespace fletbridge::accelerate
