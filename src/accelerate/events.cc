#include "src/accelerate/events.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/accelerate/function.h"

namespace fletbridge::accelerate {
namespace {

// Classes have few annotations; an app that makes new ones without end begins anew.
constexpr std::size_t kMaxResolved = 1024;

// What an annotation of an event handler comes to. It depends on the annotation alone, or, where
// that names its event's class by a string, on what the name stands for where Flet looks it up.
struct Resolved {
  Ref annotation;  // held, so that no other object gets its address
  Ref event_type;  // null: Flet's own code each time
  Ref name;        // of a forward reference, else null
  Ref caller;      // the code in which `name` is no local variable
};

struct Names {
  PyObject* annotations = PyUnicode_InternFromString("__annotations__");
  PyObject* forward_module = PyUnicode_InternFromString("__forward_module__");
  PyObject* forward_code = PyUnicode_InternFromString("__forward_code__");
  PyObject* type_params = PyUnicode_InternFromString("__type_params__");
  PyObject* module = PyUnicode_InternFromString("__module__");
  PyObject* builtins = PyUnicode_InternFromString("__builtins__");
  PyObject* klass = PyUnicode_InternFromString("__class__");
  PyObject* parent = PyUnicode_InternFromString("parent");
  PyObject* own_parent = PyUnicode_InternFromString("_parent");
  PyObject* page_class = PyUnicode_InternFromString("Page");
  PyObject* globalns = PyUnicode_InternFromString("globalns");
  PyObject* dataclass_fields = PyUnicode_InternFromString("__dataclass_fields__");
  PyObject* origin = PyUnicode_InternFromString("__origin__");
  PyObject* args = PyUnicode_InternFromString("__args__");
  PyObject* from_dict = PyUnicode_InternFromString("from_dict");
};

// Set once by set_up_events(), kept for the process's life.
struct Known {
  Names names;
  PyObject* get_args = nullptr;
  PyObject* forward_ref = nullptr;   // typing.ForwardRef
  PyObject* union_type = nullptr;    // type(Optional[Callable[[], int]])
  PyObject* page_globals = nullptr;  // of flet.controls.page
  PyObject* parent = nullptr;        // the property BaseControl.parent as it is now
  PyObject* conversion = nullptr;    // the globals of flet.utils.from_dict
  PyObject* union_form = nullptr;    // typing.Union
  PyObject* enum_class = nullptr;
};
Known* g_known = nullptr;

std::unordered_map<PyObject*, Resolved>& Memo() {
  static auto* const memo = new std::unordered_map<PyObject*, Resolved>();
  return *memo;
}

PyObject* AskFlet(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                  PyObject* keywords) {
  return PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords);
}

// Runs `ask`, which returns null where Flet's own code is to answer. An error is ours if Flet's
// code has none.
template <typename Ask>
PyObject* AnswerOrAskFlet(const Ask& ask, PyObject* flet, PyObject* const* arguments,
                          Py_ssize_t count, PyObject* keywords) {
  bool failed = false;
  try {
    Ref answer = ask();
    if (answer) return answer.Release();
  } catch (const PythonError&) {
    PyErr_Clear();
    failed = true;
  }
  PyObject* answer = AskFlet(flet, arguments, count, keywords);
  if (failed && answer != nullptr) ++g_counters.failures;
  return answer;
}

PyObject* ModuleDict(PyObject* module_name) {
  PyObject* modules = PyImport_GetModuleDict();
  if (module_name == nullptr || !PyUnicode_CheckExact(module_name) || !PyDict_CheckExact(modules)) {
    return nullptr;
  }
  PyObject* module = Item(modules, module_name);
  return module != nullptr && PyModule_CheckExact(module) ? PyModule_GetDict(module) : nullptr;
}

// The annotation of a field and the class that has it, found as Flet merges them. `left` where
// something on the way is not as usual.
struct Found {
  PyObject* annotation = nullptr;
  PyTypeObject* owner = nullptr;
  bool left = false;
};
Found FindAnnotation(PyTypeObject* type, PyObject* field) {
  const Names& names = g_known->names;
  PyObject* mro = type->tp_mro;
  if (mro == nullptr) return {nullptr, nullptr, true};
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); ++i) {
    auto* each = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (each == &PyBaseObject_Type) continue;
    // Of any other metaclass, one that answers for attributes itself may be.
    if (Py_TYPE(each) != &PyType_Type || each->tp_dict == nullptr) return {nullptr, nullptr, true};
    PyObject* annotations = Item(each->tp_dict, names.annotations);
    if (annotations == nullptr || !PyDict_CheckExact(annotations)) return {nullptr, nullptr, true};
    PyObject* annotation = Item(annotations, field);
    if (annotation != nullptr) return {annotation, each, false};
  }
  return {};
}

// What a name stands for: in the caller's globals, then in the modules of both classes, then
// built in; null where it is not to be found, and Flet's code says so.
PyObject* LookUp(PyObject* name, PyTypeObject* type, PyTypeObject* owner) {
  const Names& names = g_known->names;
  PyObject* globals = PyEval_GetGlobals();
  if (globals == nullptr || !PyDict_CheckExact(globals)) return nullptr;
  PyObject* value = Item(globals, name);
  if (value != nullptr) return value;
  PyObject* builtins = nullptr;
  for (PyTypeObject* each : {type, owner}) {
    PyObject* module_name = Item(each->tp_dict, names.module);
    PyObject* module = ModuleDict(module_name);
    if (module == nullptr) return nullptr;
    value = Item(module, name);
    if (value != nullptr) return value;
    if (builtins == nullptr) builtins = Item(module, names.builtins);
  }
  if (builtins != nullptr && PyModule_CheckExact(builtins)) builtins = PyModule_GetDict(builtins);
  return builtins != nullptr && PyDict_CheckExact(builtins) ? Item(builtins, name) : nullptr;
}

// The caller's code, where `name` is none of its variables.
Ref CallerWithout(PyObject* name) {
  PyFrameObject* frame = PyEval_GetFrame();
  if (frame == nullptr) return {};
  Ref code = Ref::Own(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  if ((reinterpret_cast<PyCodeObject*>(code.get())->co_flags & CO_OPTIMIZED) == 0) return {};
  for (const char* kind : {"co_varnames", "co_cellvars", "co_freevars"}) {
    const Ref variables = Ref::Checked(PyObject_GetAttrString(code.get(), kind));
    const int found = PySequence_Contains(variables.get(), name);
    Check(found);
    if (found != 0) return {};
  }
  return code;
}

bool IsCaller(PyObject* code) {
  PyFrameObject* frame = PyEval_GetFrame();
  if (frame == nullptr) return false;
  const Ref now = Ref::Own(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  return now.get() == code;
}

// The name of a forward reference that is a name and nothing else, or null.
Ref ForwardName(PyObject* reference) {
  const Names& names = g_known->names;
  const Ref module = Attribute(reference, names.forward_module);
  if (!module || module.get() != Py_None) return {};
  const Ref code = Attribute(reference, names.forward_code);
  if (!code || !PyCode_Check(code.get())) return {};
  const Ref text = Ref::Checked(PyObject_GetAttrString(reference, "__forward_arg__"));
  const int named = PyUnicode_Check(text.get()) ? PyUnicode_IsIdentifier(text.get()) : 0;
  Check(named);
  if (named == 0) return {};
  const Ref used = Ref::Checked(PyObject_GetAttrString(code.get(), "co_names"));
  if (!PyTuple_Check(used.get()) || PyTuple_GET_SIZE(used.get()) != 1) return {};
  const int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(used.get(), 0), text.get(), Py_EQ);
  Check(same);
  return same != 0 ? Ref::Share(text.get()) : Ref();
}

// What is remembered of `flet`'s answer for this annotation.
Resolved Remember(PyObject* annotation, PyTypeObject* type, PyTypeObject* owner, PyObject* answer) {
  Resolved resolved;
  resolved.annotation = Ref::Share(annotation);
  if (reinterpret_cast<PyObject*>(Py_TYPE(annotation)) != g_known->union_type) return resolved;
  // As Flet takes it apart.
  const Ref callables = Ref::Checked(PyObject_CallOneArg(g_known->get_args, annotation));
  const Py_ssize_t size = PyTuple_Check(callables.get()) ? PyTuple_GET_SIZE(callables.get()) : 0;
  if (size == 0) return resolved;
  const Ref callable = Ref::Checked(
      PyObject_CallOneArg(g_known->get_args, PyTuple_GET_ITEM(callables.get(), size > 2 ? 1 : 0)));
  if (!PyTuple_Check(callable.get()) || PyTuple_GET_SIZE(callable.get()) == 0) return resolved;
  PyObject* parameters = PyTuple_GET_ITEM(callable.get(), 0);
  if (!PyList_Check(parameters) || PyList_GET_SIZE(parameters) == 0) return resolved;
  PyObject* event_type = PyList_GET_ITEM(parameters, 0);
  if (reinterpret_cast<PyObject*>(Py_TYPE(event_type)) != g_known->forward_ref) {
    const int forward = PyObject_IsInstance(event_type, g_known->forward_ref);
    Check(forward);
    if (forward == 0 && event_type == answer) resolved.event_type = Ref::Share(answer);
    return resolved;
  }
  Ref name = ForwardName(event_type);
  if (!name) return resolved;
  Ref caller = CallerWithout(name.get());
  // Type parameters are names as well, where there are some.
  const Ref parameters_of_type =
      Attribute(reinterpret_cast<PyObject*>(type), g_known->names.type_params);
  if (parameters_of_type && Truth(parameters_of_type.get())) return resolved;
  // Where Flet's answer is not the very thing that is named, something inside was resolved too.
  if (!caller || LookUp(name.get(), type, owner) != answer) return resolved;
  resolved.event_type = Ref::Share(answer);
  resolved.name = std::move(name);
  resolved.caller = std::move(caller);
  return resolved;
}

PyObject* GetEventFieldType(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                            PyObject* keywords) {
  if (g_known == nullptr || count != 2 || keywords != nullptr ||
      !PyUnicode_CheckExact(arguments[1])) {
    return AskFlet(flet, arguments, count, keywords);
  }
  PyTypeObject* type = Py_TYPE(arguments[0]);
  Found found;
  bool remembered = false;
  const auto recall = [&]() -> Ref {
    const Ref own_class = Attribute(arguments[0], g_known->names.klass);
    if (own_class.get() != reinterpret_cast<PyObject*>(type)) {
      found.left = true;
      return {};
    }
    found = FindAnnotation(type, arguments[1]);
    if (found.left) return {};
    if (found.annotation == nullptr) return Ref::Share(Py_None);
    const auto place = Memo().find(found.annotation);
    if (place == Memo().end()) return {};
    remembered = true;
    const Resolved& resolved = place->second;
    if (!resolved.event_type) return {};
    if (resolved.name &&
        (!IsCaller(resolved.caller.get()) ||
         LookUp(resolved.name.get(), type, found.owner) != resolved.event_type.get())) {
      return {};
    }
    return Ref::Share(resolved.event_type.get());
  };
  try {
    Ref answer = recall();
    if (answer) return answer.Release();
  } catch (const PythonError&) {
    ++g_counters.failures;
    PyErr_Clear();
    found.left = true;
  }
  const Ref annotation = Ref::Share(found.annotation);
  Ref answer = Ref::Own(AskFlet(flet, arguments, count, keywords));
  if (!answer || found.left || remembered || !annotation) return answer.Release();
  try {
    // Flet's code may have changed the class.
    const Found now = FindAnnotation(type, arguments[1]);
    if (now.left || now.annotation != annotation.get()) return answer.Release();
    Resolved resolved = Remember(now.annotation, type, now.owner, answer.get());
    if (Memo().size() >= kMaxResolved) {
      std::unordered_map<PyObject*, Resolved> old;
      old.swap(Memo());  // their ends may run any code
    }
    Memo().emplace(annotation.get(), std::move(resolved));
  } catch (const PythonError&) {
    ++g_counters.failures;
    PyErr_Clear();
  }
  return answer.Release();
}

// How many parameters a plain function has; -1 where inspect is to be asked.
Py_ssize_t Parameters(PyObject* function) {
  if (!PyFunction_Check(function)) return -1;
  // __wrapped__ and __signature__ lie there.
  PyObject* dict = reinterpret_cast<PyFunctionObject*>(function)->func_dict;
  if (dict != nullptr && PyDict_GET_SIZE(dict) != 0) return -1;
  const auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function));
  return code->co_argcount + code->co_kwonlyargcount +
         ((code->co_flags & CO_VARARGS) != 0 ? 1 : 0) +
         ((code->co_flags & CO_VARKEYWORDS) != 0 ? 1 : 0);
}

PyObject* GetParamCount(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  if (count == 1 && keywords == nullptr) {
    PyObject* callable = arguments[0];
    Py_ssize_t parameters = -1;
    if (PyMethod_Check(callable)) {
      PyObject* function = PyMethod_GET_FUNCTION(callable);
      parameters = Parameters(function);
      if (parameters >= 0) {
        const auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function));
        parameters = code->co_argcount > 0 ? parameters - 1 : -1;
      }
    } else {
      parameters = Parameters(callable);
    }
    if (parameters >= 0) return PyLong_FromSsize_t(parameters);
  }
  return AskFlet(flet, arguments, count, keywords);
}

// BaseControl.parent, for an object that has no property of its own in its place.
Ref ParentOf(PyObject* control) {
  const Ref reference = Attribute(control, g_known->names.own_parent);
  if (!reference || !Truth(reference.get())) return Ref::Share(Py_None);
  if (PyWeakref_CheckRefExact(reference.get())) {
    return Ref::Share(PyWeakref_GET_OBJECT(reference.get()));
  }
  return Ref::Checked(PyObject_CallNoArgs(reference.get()));
}

PyObject* GetParent(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords) {
  if (g_known == nullptr || count != 1 || keywords != nullptr) {
    return AskFlet(flet, arguments, count, keywords);
  }
  return AnswerOrAskFlet([&] { return ParentOf(arguments[0]); }, flet, arguments, count, keywords);
}

PyObject* GetPage(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                  PyObject* keywords) {
  if (g_known == nullptr || count != 1 || keywords != nullptr) {
    return AskFlet(flet, arguments, count, keywords);
  }
  const auto climb = [&]() -> Ref {
    PyObject* page_class = Item(g_known->page_globals, g_known->names.page_class);
    if (page_class == nullptr) return {};
    const Ref held = Ref::Share(page_class);
    Ref parent = Ref::Share(arguments[0]);
    while (Truth(parent.get())) {
      const int is_page = PyObject_IsInstance(parent.get(), page_class);
      Check(is_page);
      if (is_page != 0) return parent;
      // A class may have a property `parent` of its own, and may answer for any attribute.
      PyTypeObject* type = Py_TYPE(parent.get());
      if (type->tp_getattro != PyObject_GenericGetAttr ||
          _PyType_Lookup(type, g_known->names.parent) != g_known->parent) {
        return {};
      }
      parent = ParentOf(parent.get());
    }
    return {};  // Flet's code says that there is none
  };
  return AnswerOrAskFlet(climb, flet, arguments, count, keywords);
}

// What typing.get_type_hints said of a class of Flet's own, as long as nothing that it read has
// changed: the annotations of the class and its bases, and what their names stand for.
struct Hints {
  Ref type;
  Ref hints;  // null: a name stood for nothing, which `missing` says
  Ref missing;
  unsigned version = 0;                             // of the class
  std::vector<std::pair<Ref, std::uint64_t>> read;  // dictionaries and their versions
};
std::unordered_map<PyObject*, Hints>& HintsOfClasses() {
  static auto* const hints = new std::unordered_map<PyObject*, Hints>();
  return *hints;
}

#if PY_VERSION_HEX < 0x030c0000
std::uint64_t VersionOf(PyObject* dict) {
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
}

// Names with a dot, which other modules answer for, are in no annotation of Flet's own classes.
bool IsOfFlet(PyTypeObject* type) {
  if (type->tp_mro == nullptr || Py_TYPE(type) != &PyType_Type) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); ++i) {
    auto* each = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_mro, i));
    if (each == &PyBaseObject_Type) continue;
    PyObject* module =
        each->tp_dict != nullptr ? Item(each->tp_dict, g_known->names.module) : nullptr;
    if (module == nullptr || !PyUnicode_CheckExact(module)) return false;
    const char* name = PyUnicode_AsUTF8(module);
    if (name == nullptr) throw PythonError();
    const std::string_view text(name);
    if (text != "typing" && text.substr(0, 5) != "flet.") return false;
  }
  return true;
}

// Null: Flet's own code is to ask. `failed`: what Flet's code raised is raised again.
Ref KnownHints(PyObject* type, PyObject* globals, bool& failed) {
  const auto place = HintsOfClasses().find(type);
  if (place == HintsOfClasses().end()) return {};
  const Hints& hints = place->second;
  auto* class_type = reinterpret_cast<PyTypeObject*>(type);
  if ((class_type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) == 0 ||
      class_type->tp_version_tag != hints.version || hints.read[0].first.get() != globals) {
    return {};
  }
  for (const auto& [dict, version] : hints.read) {
    if (VersionOf(dict.get()) != version) return {};
  }
  if (!hints.hints) {
    failed = true;
    PyErr_SetObject(PyExc_NameError, hints.missing.get());
    return {};
  }
  return Ref::Share(hints.hints.get());
}

// `answer` is null where there was none, because of `missing`.
void RememberHints(PyObject* type, PyObject* globals, PyObject* answer, PyObject* missing) {
  auto* class_type = reinterpret_cast<PyTypeObject*>(type);
  PyObject* builtins = PyEval_GetBuiltins();
  if (!PyDict_CheckExact(globals) || !PyDict_CheckExact(builtins) || !IsOfFlet(class_type)) return;
  if (answer != nullptr && !PyDict_CheckExact(answer)) return;
  Hints hints;
  hints.type = Ref::Share(type);
  hints.hints = Ref::Share(answer);
  hints.missing = Ref::Share(missing);
  for (PyObject* dict : {globals, builtins}) {
    hints.read.emplace_back(Ref::Share(dict), VersionOf(dict));
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(class_type->tp_mro); ++i) {
    auto* each = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(class_type->tp_mro, i));
    PyObject* annotations = Item(each->tp_dict, g_known->names.annotations);
    if (annotations == nullptr) continue;
    if (!PyDict_CheckExact(annotations)) return;
    hints.read.emplace_back(Ref::Share(annotations), VersionOf(annotations));
  }
  _PyType_Lookup(class_type, g_known->names.annotations);  // gives the class a version
  hints.version = class_type->tp_version_tag;
  if (HintsOfClasses().size() >= kMaxResolved) return;
  Hints& kept = HintsOfClasses()[type];
  std::swap(kept, hints);
}
#else
Ref KnownHints(PyObject*, PyObject*, bool&) { return {}; }
void RememberHints(PyObject*, PyObject*, PyObject*, PyObject*) {}
#endif

// typing.get_type_hints as flet.utils.from_dict calls it, which only reads what it gets.
PyObject* GetTypeHints(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                       PyObject* keywords) {
  const bool usual =
      g_known != nullptr && count == 1 && keywords != nullptr && PyTuple_GET_SIZE(keywords) == 1 &&
      PyTuple_GET_ITEM(keywords, 0) == g_known->names.globalns && PyType_CheckExact(arguments[0]);
  if (!usual) return AskFlet(flet, arguments, count, keywords);
  bool failed = false;
  try {
    Ref known = KnownHints(arguments[0], arguments[1], failed);
    if (known) return known.Release();
  } catch (const PythonError&) {
    ++g_counters.failures;
    PyErr_Clear();
  }
  if (failed) return nullptr;
  Ref answer = Ref::Own(AskFlet(flet, arguments, count, keywords));
  PyObject* kind = nullptr;
  PyObject* error = nullptr;
  PyObject* traceback = nullptr;
  if (!answer) {
    PyErr_Fetch(&kind, &error, &traceback);
    PyErr_NormalizeException(&kind, &error, &traceback);
  }
  try {
    if (answer) {
      RememberHints(arguments[0], arguments[1], answer.get(), nullptr);
    } else if (kind == PyExc_NameError) {
      const Ref said = Ref::Checked(PyObject_Str(error));
      RememberHints(arguments[0], arguments[1], nullptr, said.get());
    }
  } catch (const PythonError&) {
    ++g_counters.failures;
    PyErr_Clear();
  }
  if (!answer) PyErr_Restore(kind, error, traceback);
  return answer.Release();
}

// What a value becomes; null: Flet's own code is to say. A value that becomes itself, mostly.
Ref Convert(PyObject* type, PyObject* value) {
  const Names& names = g_known->names;
  if (reinterpret_cast<PyObject*>(Py_TYPE(type)) == g_known->union_type) {
    const Ref origin = Attribute(type, names.origin);
    const Ref args = Attribute(type, names.args);
    if (origin.get() != g_known->union_form || !args || !PyTuple_CheckExact(args.get())) return {};
    auto* none = reinterpret_cast<PyObject*>(Py_TYPE(Py_None));
    PyObject* first = nullptr;
    bool optional = false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args.get()); ++i) {
      PyObject* each = PyTuple_GET_ITEM(args.get(), i);
      if (each == none) {
        optional = true;
      } else if (first == nullptr) {
        first = each;
      }
    }
    if (!optional || first == nullptr) return {};
    if (value == Py_None) return Ref::Share(Py_None);
    const Ref inner = Ref::Share(first);
    return Convert(inner.get(), value);
  }
  if (!PyType_Check(type)) return {};
  auto* class_type = reinterpret_cast<PyTypeObject*>(type);
  if (Py_TYPE(type) == Py_TYPE(g_known->enum_class)) {
    if (PyType_IsSubtype(class_type, reinterpret_cast<PyTypeObject*>(g_known->enum_class)) == 0) {
      return {};
    }
    return Ref::Checked(PyObject_CallOneArg(type, value));
  }
  if (Py_TYPE(type) != &PyType_Type) return {};
  if (_PyType_Lookup(class_type, names.dataclass_fields) == nullptr) return Ref::Share(value);
  if (!PyDict_CheckExact(value)) {
    // isinstance() believes what an object says of its class.
    PyTypeObject* plain = Py_TYPE(value);
    const bool known = plain == &PyUnicode_Type || plain == &PyLong_Type ||
                       plain == &PyFloat_Type || plain == &PyBool_Type || plain == &PyList_Type ||
                       value == Py_None;
    return known ? Ref::Share(value) : Ref();
  }
  PyObject* from_dict = Item(g_known->conversion, names.from_dict);
  if (from_dict == nullptr) return {};
  const Ref held = Ref::Share(from_dict);
  PyObject* const both[] = {type, value};
  return Ref::Checked(PyObject_Vectorcall(from_dict, both, 2, nullptr));
}

PyObject* ConvertValue(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                       PyObject* keywords) {
  if (g_known == nullptr || count != 2 || keywords != nullptr) {
    return AskFlet(flet, arguments, count, keywords);
  }
  return AnswerOrAskFlet([&] { return Convert(arguments[0], arguments[1]); }, flet, arguments,
                         count, keywords);
}

// set_up_events(typing, flet.controls.page, BaseControl, flet.utils.from_dict, enum.Enum)
PyObject* SetUp(PyObject*, PyObject* arguments) {
  PyObject* typing = nullptr;
  PyObject* page = nullptr;
  PyObject* base = nullptr;
  PyObject* from_dict = nullptr;
  PyObject* enum_class = nullptr;
  if (PyArg_ParseTuple(arguments, "OOOOO", &typing, &page, &base, &from_dict, &enum_class) == 0) {
    return nullptr;
  }
  Known known;
  known.get_args = PyObject_GetAttrString(typing, "get_args");
  known.forward_ref = PyObject_GetAttrString(typing, "ForwardRef");
  known.union_type = PyObject_GetAttrString(typing, "_UnionGenericAlias");
  known.union_form = PyObject_GetAttrString(typing, "Union");
  known.page_globals = Py_XNewRef(PyModule_GetDict(page));
  known.conversion = Py_XNewRef(PyModule_GetDict(from_dict));
  known.enum_class = Py_NewRef(enum_class);
  known.parent =
      Py_XNewRef(_PyType_Lookup(reinterpret_cast<PyTypeObject*>(base), known.names.parent));
  if (known.get_args == nullptr || known.forward_ref == nullptr || known.union_type == nullptr ||
      known.union_form == nullptr || known.page_globals == nullptr || known.parent == nullptr ||
      known.conversion == nullptr) {
    return nullptr;
  }
  g_known = new Known(known);
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"set_up_events", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddEvents(PyObject* module) {
  return PyModule_AddFunctions(module, g_methods) == 0 &&
         AddReplacement(module, "get_event_field_type", GetEventFieldType) &&
         AddReplacement(module, "get_param_count", GetParamCount) &&
         AddReplacement(module, "get_type_hints", GetTypeHints) &&
         AddReplacement(module, "convert_value", ConvertValue) &&
         AddReplacement(module, "get_parent", GetParent) &&
         AddReplacement(module, "get_page", GetPage);
}

}  // namespace fletbridge::accelerate
