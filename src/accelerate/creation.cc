#include "src/accelerate/creation.h"

#include <memory>
#include <unordered_map>
#include <vector>

#include "src/accelerate/equality.h"
#include "src/accelerate/function.h"
#include "src/accelerate/plan.h"

namespace fletbridge::accelerate {
namespace {

// What __init__() does for one field, in the order of the fields.
struct Step {
  PyObject* name = nullptr;
  Py_ssize_t argument = -1;      // of those given; -1: it is none
  PyObject* factory = nullptr;   // called where no argument is given
  PyObject* fallback = nullptr;  // the argument's default
  bool unset = false;            // a prop that stays as it is where no argument is given
};

// How a class is made; for as long as nothing of the class changes.
struct Recipe {
  ClassVersion of;
  bool known = false;
  PyObject* names = nullptr;  // argument -> its number
  Py_ssize_t positional = 0;  // so many can be given without a name
  std::vector<bool> required;
  std::vector<Step> steps;
  std::vector<std::pair<PyObject*, PyObject*>> post;  // type_name, isolated; from the class upwards
  Py_ssize_t ref = -1;                                // the argument that __post_init__() gets
  bool init_known = false;
};

auto& g_recipes = *new std::unordered_map<PyTypeObject*, std::shared_ptr<const Recipe>>;
initproc g_init = nullptr;  // of a class with an __init__ in Python
PyObject* g_describe = nullptr;
PyObject* g_hash = nullptr;  // BaseControl.__hash__
PyObject* g_next = nullptr;  // ControlId.next
PyObject *g_hash_name, *g_current, *g_init_name;

// describe(cls): None, or (names, positional, required, steps, post, ref, init_known).
void Describe(PyTypeObject* type, Recipe& recipe) {
  recipe = Recipe();
  recipe.of.Begin(type);
  const Ref told = Ref::Checked(PyObject_CallOneArg(g_describe, reinterpret_cast<PyObject*>(type)));
  if (told.get() != Py_None) {
    PyObject *names = nullptr, *required = nullptr, *steps = nullptr, *post = nullptr;
    int init_known = 0;
    if (PyArg_ParseTuple(told.get(), "O!nO!O!O!np", &PyDict_Type, &names, &recipe.positional,
                         &PyTuple_Type, &required, &PyTuple_Type, &steps, &PyTuple_Type, &post,
                         &recipe.ref, &init_known) == 0) {
      throw PythonError();
    }
    recipe.names = Py_NewRef(names);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(required); ++i) {
      recipe.required.push_back(PyTuple_GET_ITEM(required, i) == Py_True);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(steps); ++i) {
      Step step;
      PyObject *name = nullptr, *factory = nullptr, *fallback = nullptr;
      int unset = 0;
      if (PyArg_ParseTuple(PyTuple_GET_ITEM(steps, i), "OnOOp", &name, &step.argument, &factory,
                           &fallback, &unset) == 0) {
        throw PythonError();
      }
      step.name = Py_NewRef(name);
      PyUnicode_InternInPlace(&step.name);
      step.factory = factory == Py_None ? nullptr : Py_NewRef(factory);
      step.fallback = Py_NewRef(fallback);
      step.unset = unset != 0;
      recipe.steps.push_back(step);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(post); ++i) {
      PyObject *name = nullptr, *isolated = nullptr;
      if (PyArg_ParseTuple(PyTuple_GET_ITEM(post, i), "OO", &name, &isolated) == 0) {
        throw PythonError();
      }
      recipe.post.emplace_back(Py_NewRef(name), Py_NewRef(isolated));
    }
    recipe.init_known = init_known != 0;
    recipe.known = true;
  }
}

// Null if it is unknown whether the class changes.
std::shared_ptr<const Recipe> RecipeOf(PyTypeObject* type) {
  const std::shared_ptr<const Recipe>& recipe = g_recipes[type];
  if (recipe != nullptr && recipe->of.Is(type)) return recipe;
  auto made = std::make_shared<Recipe>();
  Describe(type, *made);  // which runs Python, and so may come here again
  if (!made->of.Settle(g_init_name)) return nullptr;
  g_recipes[type] = made;
  return made;
}

// BaseControl.__post_init__(), and those that @control has put before it.
void PostInit(PyObject* self, const Recipe& recipe, PyObject* ref) {
  PyTypeObject* type = Py_TYPE(self);
  const auto kind = [&] { return Attribute(self, g_names.c); };
  for (const auto& [name, isolated] : recipe.post) {
    if (name != Py_None) {
      const Ref now = kind();
      if (!now || now.get() == Py_None) Check(PyObject_SetAttr(self, g_names.c, name));
    }
    if (isolated != Py_None) Check(PyObject_SetAttr(self, g_names.isolated, isolated));
  }
  if (PyDict_GetItemWithError(type->tp_dict, g_hash_name) != g_hash) {
    // Each time that this is set, all that is cached of the class is lost.
    Check(PyObject_SetAttr(reinterpret_cast<PyObject*>(type), g_hash_name, g_hash));
  }
  const Ref number = Ref::Checked(PyObject_CallNoArgs(g_next));
  Check(PyObject_SetAttr(self, g_names.i, number.get()));
  const Ref now = kind();
  if (!now || now.get() == Py_None) {
    const Ref module =
        Ref::Checked(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__module__"));
    const Ref qualified =
        Ref::Checked(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__qualname__"));
    PyErr_Format(PyExc_ValueError,
                 "Control %S.%S must have @control decorator with type_name specified.",
                 module.get(), qualified.get());
    throw PythonError();
  }
  if (ref != Py_None) Check(PyObject_SetAttr(ref, g_current, self));
  if (!recipe.init_known) {
    static PyObject* const init = PyUnicode_InternFromString("init");
    Ref::Checked(PyObject_CallMethodNoArgs(self, init));
  }
  const Ref dirty = Ref::Checked(PyObject_GetAttr(self, g_names.dirty));
  if (PyDict_CheckExact(dirty.get()) != 0) {
    PyDict_Clear(dirty.get());
  } else {
    static PyObject* const clear = PyUnicode_InternFromString("clear");
    Ref::Checked(PyObject_CallMethodNoArgs(dirty.get(), clear));
  }
}

int Init(PyObject* self, PyObject* arguments, PyObject* keywords) {
  PyTypeObject* type = Py_TYPE(self);
  try {
    const std::shared_ptr<const Recipe> recipe = RecipeOf(type);
    if (recipe == nullptr || !recipe->known) return g_init(self, arguments, keywords);
    const std::size_t count = recipe->required.size();
    const Py_ssize_t given = PyTuple_GET_SIZE(arguments);
    if (given > recipe->positional) return g_init(self, arguments, keywords);
    std::vector<PyObject*> bound(count, nullptr);
    for (Py_ssize_t i = 0; i < given; ++i)
      bound[static_cast<std::size_t>(i)] = PyTuple_GET_ITEM(arguments, i);
    if (keywords != nullptr) {
      PyObject *name = nullptr, *value = nullptr;
      Py_ssize_t position = 0;
      while (PyDict_Next(keywords, &position, &name, &value) != 0) {
        PyObject* number = Item(recipe->names, name);
        // Python has the words for it.
        if (number == nullptr) return g_init(self, arguments, keywords);
        PyObject*& place = bound[PyLong_AsSize_t(number)];
        if (place != nullptr) return g_init(self, arguments, keywords);
        place = value;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (bound[i] == nullptr && recipe->required[i]) return g_init(self, arguments, keywords);
    }
    for (const Step& step : recipe->steps) {
      PyObject* argument =
          step.argument < 0 ? nullptr : bound[static_cast<std::size_t>(step.argument)];
      if (argument != nullptr) {
        Check(PyObject_SetAttr(self, step.name, argument));
      } else if (step.factory != nullptr) {
        const Ref made = step.factory == reinterpret_cast<PyObject*>(&PyDict_Type)
                             ? Ref::Checked(PyDict_New())
                         : step.factory == reinterpret_cast<PyObject*>(&PyList_Type)
                             ? Ref::Checked(PyList_New(0))
                             : Ref::Checked(PyObject_CallNoArgs(step.factory));
        Check(PyObject_SetAttr(self, step.name, made.get()));
      } else if (!step.unset) {
        Check(PyObject_SetAttr(self, step.name, step.fallback));
      }
    }
    PyObject* ref = recipe->ref < 0 ? nullptr : bound[static_cast<std::size_t>(recipe->ref)];
    PostInit(self, *recipe, ref != nullptr ? ref : Py_None);
    return 0;
  } catch (const PythonError&) {
    return -1;
  }
}

// All classes below, this one included.
void Take(PyTypeObject* type) {
  if (type->tp_init == g_init) {
    type->tp_init = Init;
    PyType_Modified(type);
  }
  const Ref below = Ref::Checked(
      PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(below.get()); ++i) {
    Take(reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(below.get(), i)));
  }
}

// set_up_creation(BaseControl, ControlId.next, describe)
PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject *base = nullptr, *next = nullptr, *describe = nullptr;
  if (PyArg_ParseTuple(arguments, "O!OO", &PyType_Type, &base, &next, &describe) == 0)
    return nullptr;
  try {
    auto* type = reinterpret_cast<PyTypeObject*>(base);
    if (g_init == nullptr) {
      g_hash_name = PyUnicode_InternFromString("__hash__");
      g_current = PyUnicode_InternFromString("current");
      g_init_name = PyUnicode_InternFromString("__init__");
      g_hash = Ref::Checked(PyObject_GetAttr(base, g_hash_name)).Release();
      g_describe = Py_NewRef(describe);
      g_next = Py_NewRef(next);
      g_init = type->tp_init;
      OnControlClass(Take);
    }
    Take(type);
  } catch (const PythonError&) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

// _install_props(cls), which @control calls for each new class.
PyObject* InstallProps(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                       PyObject* keywords) {
  PyObject* done = PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords);
  if (done != nullptr && count == 1 && PyType_Check(arguments[0]) != 0) {
    try {
      Take(reinterpret_cast<PyTypeObject*>(arguments[0]));
      TakeEquality(reinterpret_cast<PyTypeObject*>(arguments[0]));
    } catch (const PythonError&) {
      PyErr_Clear();
    }
  }
  return done;
}

PyMethodDef g_methods[] = {{"set_up_creation", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddCreation(PyObject* module) {
  return PyModule_AddFunctions(module, g_methods) == 0 &&
         AddReplacement(module, "_install_props", InstallProps);
}

}  // namespace fletbridge::accelerate
