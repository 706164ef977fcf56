#include "src/accelerate/encoding.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "src/accelerate/function.h"

namespace fletbridge::accelerate {
namespace {

// An app that makes classes without end begins anew.
constexpr std::size_t kMaxPlans = 4096;

// Set once by set_up_encoding(), kept for the process's life.
struct Known {
  PyObject* unset = nullptr;       // value_types._UNSET; null for a Flet without sparse values
  PyObject* enum_class = nullptr;  // enum.Enum
  PyObject* enum_type = nullptr;   // its metaclass
  PyObject* field_kind = nullptr;  // dataclasses._FIELD
  PyObject* skip = nullptr;
  PyObject* event = nullptr;
  PyObject* empty = nullptr;  // frozenset()
  PyObject* whole = nullptr;  // slice(None, None, None)

  PyObject* dataclass_fields = PyUnicode_InternFromString("__dataclass_fields__");
  PyObject* values = PyUnicode_InternFromString("_values");
  PyObject* structural = PyUnicode_InternFromString("_structural_fields");
  PyObject* event_fields = PyUnicode_InternFromString("_event_fields");
  PyObject* root_defaults = PyUnicode_InternFromString("_root_defaults");
  PyObject* override_props = PyUnicode_InternFromString("_override_props");
  PyObject* is_value = PyUnicode_InternFromString("_is_flet_value");
  PyObject* klass = PyUnicode_InternFromString("__class__");
  PyObject* frozen = PyUnicode_InternFromString("_frozen");
  PyObject* prev_lists = PyUnicode_InternFromString("__prev_lists");
  PyObject* prev_dicts = PyUnicode_InternFromString("__prev_dicts");
  PyObject* prev_classes = PyUnicode_InternFromString("__prev_classes");
  PyObject* value = PyUnicode_InternFromString("value");
  PyObject* copy = PyUnicode_InternFromString("copy");
  PyObject* name = PyUnicode_InternFromString("name");
  PyObject* metadata = PyUnicode_InternFromString("metadata");
  PyObject* default_value = PyUnicode_InternFromString("default");
  PyObject* kind = PyUnicode_InternFromString("_field_type");
};
Known* g_known = nullptr;

// A field of a dataclass, or a structural one of a control.
struct EncodedField {
  Ref name;
  Ref own_default;   // as the class has it
  Ref root_default;  // as the first of its bases that has the field
  bool event = false;
};

// What is asked of a class, as long as its version is this one.
struct EncodingPlan {
  unsigned version = 0;
  bool known = false;  // else Flet's own code encodes its objects
  bool dataclass = false;
  bool enumeration = false;
  bool flet_value = false;
  Ref structural;                     // frozenset, or null
  Ref event_fields;                   // frozenset
  Ref root_defaults;                  // dict, or null: empty
  Ref override_props;                 // dict, or null: empty
  std::vector<EncodedField> members;  // of `structural`, in its order
  std::vector<EncodedField> fields;   // of the dataclass, without those that are skipped
};

std::unordered_map<PyTypeObject*, EncodingPlan>& Plans() {
  static auto* const plans = new std::unordered_map<PyTypeObject*, EncodingPlan>();
  return *plans;
}

// 0 where the class has none, which is when nothing of it was looked up since it changed.
unsigned VersionOf(PyTypeObject* type) {
#if PY_VERSION_HEX < 0x030d0000
  if ((type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) == 0) return 0;
#endif
  return static_cast<unsigned>(type->tp_version_tag);
}

// Whether a class's attributes are those of its bases and nothing else.
bool IsPlain(PyTypeObject* type) { return Py_TYPE(type) == &PyType_Type; }

// dataclasses.is_dataclass for an object.
bool IsDataclass(PyObject* object) {
  PyTypeObject* type =
      PyType_Check(object) != 0 ? reinterpret_cast<PyTypeObject*>(object) : Py_TYPE(object);
  PyObject* metaclass = reinterpret_cast<PyObject*>(Py_TYPE(type));
  // Enum's metaclass has no attribute by such a name either.
  if (IsPlain(type) || metaclass == g_known->enum_type) {
    PyObject* found = _PyType_Lookup(type, g_known->dataclass_fields);
    if (found == nullptr) return false;
    if (PyDict_CheckExact(found)) return true;
  }
  return static_cast<bool>(Attribute(reinterpret_cast<PyObject*>(type), g_known->dataclass_fields));
}

// _get_root_dataclass_field: the default of the field of that name where it was declared first.
// Null for a class that Flet's own code is to look at.
Ref RootDefault(PyTypeObject* type, PyObject* name, PyObject* own_default) {
  PyObject* mro = type->tp_mro;
  for (Py_ssize_t i = PyTuple_GET_SIZE(mro) - 1; i >= 0; --i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (!IsPlain(base)) return {};
    PyObject* fields = _PyType_Lookup(base, g_known->dataclass_fields);
    if (fields == nullptr) continue;
    if (!PyDict_CheckExact(fields)) return {};
    PyObject* field = Item(fields, name);
    if (field != nullptr) {
      return Ref::Checked(PyObject_GetAttr(field, g_known->default_value));
    }
  }
  return Ref::Share(own_default);
}

// False where Flet's own code is to look at the class.
bool AddMembers(PyTypeObject* type, PyObject* fields, EncodingPlan& plan) {
  const Ref iterator = Ref::Checked(PyObject_GetIter(plan.structural.get()));
  while (Ref name = Ref::Own(PyIter_Next(iterator.get()))) {
    if (!PyUnicode_CheckExact(name.get())) return false;
    EncodedField member;
    PyObject* field = Item(fields, name.get());
    member.own_default = field != nullptr
                             ? Ref::Checked(PyObject_GetAttr(field, g_known->default_value))
                             : Ref::Share(g_known->unset);
    member.root_default = RootDefault(type, name.get(), member.own_default.get());
    if (!member.root_default) return false;
    member.name = std::move(name);
    plan.members.push_back(std::move(member));
  }
  if (PyErr_Occurred() != nullptr) throw PythonError();
  return true;
}

bool AddFields(PyTypeObject* type, PyObject* fields, EncodingPlan& plan) {
  const Ref values = Ref::Checked(PyDict_Values(fields));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
    PyObject* field = PyList_GET_ITEM(values.get(), i);
    const Ref kind = Ref::Checked(PyObject_GetAttr(field, g_known->kind));
    if (kind.get() != g_known->field_kind) continue;
    const Ref metadata = Ref::Checked(PyObject_GetAttr(field, g_known->metadata));
    const int skipped = PySequence_Contains(metadata.get(), g_known->skip);
    Check(skipped);
    if (skipped != 0) continue;
    EncodedField added;
    added.name = Ref::Checked(PyObject_GetAttr(field, g_known->name));
    if (!PyUnicode_CheckExact(added.name.get())) return false;
    const Ref prefix = Ref::Checked(PyUnicode_FromString("on_"));
    const Py_ssize_t starts =
        PyUnicode_Tailmatch(added.name.get(), prefix.get(), 0, PY_SSIZE_T_MAX, -1);
    Check(static_cast<int>(starts));
    if (starts != 0) {
      const Ref event =
          Ref::Checked(PyObject_CallMethod(metadata.get(), "get", "OO", g_known->event, Py_True));
      added.event = Truth(event.get());
    }
    added.own_default = Ref::Checked(PyObject_GetAttr(field, g_known->default_value));
    added.root_default = RootDefault(type, added.name.get(), added.own_default.get());
    if (!added.root_default) return false;
    plan.fields.push_back(std::move(added));
  }
  return true;
}

// False where Flet's own code is to encode the class's objects.
bool Fill(PyTypeObject* type, EncodingPlan& plan) {
  if (PyType_IsSubtype(type, &PyType_Type) != 0) return false;  // classes themselves
  if (reinterpret_cast<PyObject*>(Py_TYPE(type)) == g_known->enum_type) {
    plan.enumeration =
        PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(g_known->enum_class)) != 0 &&
        _PyType_Lookup(type, g_known->dataclass_fields) == nullptr;
    return plan.enumeration;
  }
  if (!IsPlain(type) || type->tp_getattro != PyObject_GenericGetAttr) return false;
  // One that says that it is of another class.
  if (_PyType_Lookup(type, g_known->klass) != _PyType_Lookup(&PyBaseObject_Type, g_known->klass)) {
    return false;
  }
  PyObject* fields = _PyType_Lookup(type, g_known->dataclass_fields);
  if (fields == nullptr || !PyDict_CheckExact(fields)) return false;
  plan.dataclass = true;
  const Ref held = Ref::Share(fields);
  if (!AddFields(type, fields, plan)) return false;
  PyObject* structural = _PyType_Lookup(type, g_known->structural);
  if (g_known->unset == nullptr || structural == nullptr || structural == Py_None) return true;
  if (!PyFrozenSet_CheckExact(structural)) return false;
  plan.structural = Ref::Share(structural);
  PyObject* is_value = _PyType_Lookup(type, g_known->is_value);
  if (is_value != nullptr && PyBool_Check(is_value) == 0) return false;
  plan.flet_value = is_value == Py_True;
  PyObject* events = _PyType_Lookup(type, g_known->event_fields);
  if (events == nullptr) events = g_known->empty;
  if (!PyFrozenSet_CheckExact(events)) return false;
  plan.event_fields = Ref::Share(events);
  for (auto [name, place] : {std::pair{g_known->root_defaults, &plan.root_defaults},
                             std::pair{g_known->override_props, &plan.override_props}}) {
    PyObject* dict = _PyType_Lookup(type, name);
    if (dict != nullptr && !PyDict_CheckExact(dict)) return false;
    *place = Ref::Share(dict);
  }
  return AddMembers(type, fields, plan);
}

// The plan of a class; null where it has no version to know it by. Valid until the next call.
const EncodingPlan* PlanOf(PyTypeObject* type) {
  const unsigned version = VersionOf(type);
  auto& plans = Plans();
  const auto place = plans.find(type);
  if (place != plans.end() && version != 0 && place->second.version == version) {
    return &place->second;
  }
  EncodingPlan plan;
  plan.known = Fill(type, plan);
  _PyType_Lookup(type, g_known->klass);  // gives the class a version
  plan.version = VersionOf(type);
  if (plan.version == 0) return nullptr;
  if (plans.size() >= kMaxPlans) {
    std::unordered_map<PyTypeObject*, EncodingPlan> old;
    old.swap(plans);  // their ends may run any code
  }
  EncodingPlan& kept = plans[type];
  std::swap(kept, plan);
  return &kept;
}

// Whether a value is of a class whose comparison with anything is quick and calls no Python.
bool IsBuiltIn(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyFloat_Type ||
         type == &PyBool_Type;
}

bool Equal(PyObject* left, PyObject* right, int operation) {
  const Ref result = Ref::Checked(PyObject_RichCompare(left, right, operation));
  return Truth(result.get());
}

enum class Shape { kScalar, kList, kDict, kDataclass };

// What Flet asks of a value, in the order in which it asks.
Shape ShapeOf(PyObject* value, bool dataclass_first) {
  if (IsBuiltIn(value) || value == Py_None) return Shape::kScalar;
  if (PyList_CheckExact(value)) return Shape::kList;
  if (PyDict_CheckExact(value)) return Shape::kDict;
  if (dataclass_first && IsDataclass(value)) return Shape::kDataclass;
  const int is_list = PyObject_IsInstance(value, reinterpret_cast<PyObject*>(&PyList_Type));
  Check(is_list);
  if (is_list != 0) return Shape::kList;
  const int is_dict = PyObject_IsInstance(value, reinterpret_cast<PyObject*>(&PyDict_Type));
  Check(is_dict);
  if (is_dict != 0) return Shape::kDict;
  return !dataclass_first && IsDataclass(value) ? Shape::kDataclass : Shape::kScalar;
}

// v[:] and v.copy().
Ref CopyOf(PyObject* value, Shape shape) {
  if (shape == Shape::kList) {
    return Ref::Checked(PyList_CheckExact(value) ? PyList_GetSlice(value, 0, PyList_GET_SIZE(value))
                                                 : PyObject_GetItem(value, g_known->whole));
  }
  return Ref::Checked(PyDict_CheckExact(value) ? PyDict_Copy(value)
                                               : PyObject_CallMethodNoArgs(value, g_known->copy));
}

struct Encoded {
  Ref result = Ref::Checked(PyDict_New());
  Ref lists = Ref::Checked(PyDict_New());
  Ref dicts = Ref::Checked(PyDict_New());
  Ref classes = Ref::Checked(PyDict_New());

  // A list or dictionary: the copy is both sent and kept.
  void AddCopy(PyObject* name, PyObject* value, Shape shape, bool also_empty) {
    const Ref copy = CopyOf(value, shape);
    bool sent = also_empty;
    if (!sent) {
      const Py_ssize_t size = PyObject_Size(copy.get());
      if (size < 0) throw PythonError();
      sent = size > 0;
    }
    if (sent) Check(PyDict_SetItem(result.get(), name, copy.get()));
    Check(PyDict_SetItem(shape == Shape::kList ? lists.get() : dicts.get(), name, copy.get()));
  }
  void AddDataclass(PyObject* name, PyObject* value) {
    Check(PyDict_SetItem(result.get(), name, value));
    Check(PyDict_SetItem(classes.get(), name, value));
  }
  void Add(PyObject* name, PyObject* value) { Check(PyDict_SetItem(result.get(), name, value)); }
};

// What is used of a plan while code of the app's may run, which may end the plan.
struct Sparse {
  explicit Sparse(const EncodingPlan& plan)
      : event_fields(Ref::Share(plan.event_fields.get())),
        root_defaults(Ref::Share(plan.root_defaults.get())),
        override_props(Ref::Share(plan.override_props.get())) {}
  Ref event_fields;
  Ref root_defaults;
  Ref override_props;
};

void AddValues(PyObject* values, const Sparse& plan, Encoded& encoded) {
  const Py_ssize_t size = PyDict_GET_SIZE(values);
  Py_ssize_t at = 0;
  PyObject* next_name = nullptr;
  PyObject* next_value = nullptr;
  while (PyDict_Next(values, &at, &next_name, &next_value) != 0) {
    if (next_value == Py_None) continue;
    const Ref name = Ref::Share(next_name);
    const Ref value = Ref::Share(next_value);
    PyObject* root = plan.root_defaults ? Item(plan.root_defaults.get(), name.get()) : nullptr;
    if (root != nullptr && root != g_known->unset && !(root == Py_None && IsBuiltIn(value.get()))) {
      const Ref held = Ref::Share(root);
      if (Equal(value.get(), root, Py_EQ)) continue;
    }
    const Shape shape = ShapeOf(value.get(), true);
    if (shape == Shape::kDataclass) {
      encoded.AddDataclass(name.get(), value.get());
    } else if (shape != Shape::kScalar) {
      encoded.AddCopy(name.get(), value.get(), shape, true);
    } else {
      const int event = PySet_Contains(plan.event_fields.get(), name.get());
      Check(event);
      encoded.Add(name.get(), event != 0 ? Py_True : value.get());
    }
    if (PyDict_GET_SIZE(values) != size) throw PythonError();  // Flet's code says so
  }
  if (!plan.override_props) return;
  at = 0;
  while (PyDict_Next(plan.override_props.get(), &at, &next_name, &next_value) != 0) {
    if (next_value == Py_None) continue;
    const int there = PyDict_Contains(encoded.result.get(), next_name);
    Check(there);
    if (there == 0) encoded.Add(next_name, next_value);
  }
}

void AddMember(PyObject* object, const EncodedField& member, Encoded& encoded) {
  const Ref value = Ref::Checked(PyObject_GetAttr(object, member.name.get()));
  const Shape shape = ShapeOf(value.get(), false);
  if (shape == Shape::kDataclass) {
    encoded.AddDataclass(member.name.get(), value.get());
  } else if (shape != Shape::kScalar) {
    encoded.AddCopy(member.name.get(), value.get(), shape, false);
  } else if (value.get() != Py_None && Equal(value.get(), member.root_default.get(), Py_NE)) {
    encoded.Add(member.name.get(), value.get());
  }
}

void AddField(PyObject* object, const EncodedField& field, bool is_control, Encoded& encoded) {
  const Ref value = Ref::Checked(PyObject_GetAttr(object, field.name.get()));
  const Shape list_or_dict = ShapeOf(value.get(), false);
  if (list_or_dict == Shape::kList || list_or_dict == Shape::kDict) {
    encoded.AddCopy(field.name.get(), value.get(), list_or_dict, false);
  } else if (field.event) {
    if (value.get() != Py_None) encoded.Add(field.name.get(), Py_True);
  } else if (list_or_dict == Shape::kDataclass) {
    encoded.AddDataclass(field.name.get(), value.get());
  } else if (value.get() != Py_None) {
    PyObject* default_value = is_control ? field.root_default.get() : field.own_default.get();
    // Asked in any case: the app's own comparison may have something to say.
    const bool differs =
        (!is_control && IsBuiltIn(value.get())) || Equal(value.get(), default_value, Py_NE);
    if (differs || !is_control) encoded.Add(field.name.get(), value.get());
  }
}

EncodedField Share(const EncodedField& field) {
  return {Ref::Share(field.name.get()), Ref::Share(field.own_default.get()),
          Ref::Share(field.root_default.get()), field.event};
}

// Null: Flet's own code is to do it.
Ref Encode(PyObject* object, PyObject* control_class) {
  PyTypeObject* type = Py_TYPE(object);
  const EncodingPlan* plan = PlanOf(type);
  if (plan == nullptr || !plan->known) return {};
  if (plan->enumeration) return Ref::Checked(PyObject_GetAttr(object, g_known->value));
  const int is_control = PyObject_IsInstance(object, control_class);
  Check(is_control);
  Encoded encoded;
  const unsigned version = plan->version;
  // The app's code may run from here on, and its classes may change: each part looks again.
  const auto still = [&]() -> const EncodingPlan* {
    const EncodingPlan* now = PlanOf(type);
    return now != nullptr && now->known && now->version == version ? now : nullptr;
  };
  const Ref values = plan->structural && (is_control != 0 || plan->flet_value)
                         ? Attribute(object, g_known->values)
                         : Ref();
  if (values && values.get() != Py_None) {
    if (!PyDict_CheckExact(values.get())) return {};
    const Sparse sparse(*plan);
    AddValues(values.get(), sparse, encoded);
    plan = still();
    if (plan == nullptr) return {};
    for (std::size_t i = 0; i < plan->members.size(); ++i) {
      const EncodedField member = Share(plan->members[i]);
      AddMember(object, member, encoded);
      plan = still();
      if (plan == nullptr) return {};
    }
  } else {
    for (std::size_t i = 0; i < plan->fields.size(); ++i) {
      const EncodedField field = Share(plan->fields[i]);
      AddField(object, field, is_control != 0, encoded);
      plan = still();
      if (plan == nullptr) return {};
    }
  }
  if (!Attribute(object, g_known->frozen)) {
    Check(PyObject_SetAttr(object, g_known->prev_lists, encoded.lists.get()));
    Check(PyObject_SetAttr(object, g_known->prev_dicts, encoded.dicts.get()));
    Check(PyObject_SetAttr(object, g_known->prev_classes, encoded.classes.get()));
  }
  return std::move(encoded.result);
}

// encoder(object); `self` is (control class, Flet's own encoder).
PyObject* CallEncoder(PyObject* self, PyObject* object) {
  bool failed = false;
  try {
    Ref result = Encode(object, PyTuple_GET_ITEM(self, 0));
    if (result) {
      ++g_counters.nodes;
      return result.Release();
    }
  } catch (const PythonError&) {
    PyErr_Clear();
    failed = true;
  }
  ++g_counters.fallbacks;
  PyObject* answer = PyObject_CallOneArg(PyTuple_GET_ITEM(self, 1), object);
  // What Flet's code cannot do either is the app's own error.
  if (failed && answer != nullptr) ++g_counters.failures;
  return answer;
}
PyMethodDef g_encoder = {"encode_object_for_msgpack", CallEncoder, METH_O,
                         "Encode object for MessagePack."};

// Flet makes a new encoder for each message; one for each class of controls is enough.
PyObject* Configure(PyObject* flet, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords) {
  static PyObject* last_class = nullptr;
  static PyObject* last_encoder = nullptr;
  if (g_known != nullptr && count == 1 && keywords == nullptr && arguments[0] == last_class) {
    return Py_NewRef(last_encoder);
  }
  Ref own =
      Ref::Own(PyObject_Vectorcall(flet, arguments, static_cast<std::size_t>(count), keywords));
  if (!own || g_known == nullptr || count != 1 || keywords != nullptr ||
      !PyType_CheckExact(arguments[0])) {
    return own.Release();
  }
  const Ref self = Ref::Own(PyTuple_Pack(2, arguments[0], own.get()));
  PyObject* encoder = self ? PyCFunction_New(&g_encoder, self.get()) : nullptr;
  if (encoder == nullptr) {
    PyErr_Clear();
    ++g_counters.failures;
    return own.Release();
  }
  const Ref old_class = Ref::Own(std::exchange(last_class, Py_NewRef(arguments[0])));
  const Ref old_encoder = Ref::Own(std::exchange(last_encoder, Py_NewRef(encoder)));
  return encoder;
}

// set_up_encoding(_UNSET or None, enum.Enum, dataclasses._FIELD)
PyObject* SetUp(PyObject*, PyObject* arguments) {
  Known known;
  if (PyArg_ParseTuple(arguments, "OOO", &known.unset, &known.enum_class, &known.field_kind) == 0) {
    return nullptr;
  }
  if (known.unset == Py_None) known.unset = nullptr;
  Py_XINCREF(known.unset);
  Py_INCREF(known.enum_class);
  Py_INCREF(known.field_kind);
  known.enum_type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(known.enum_class)));
  known.skip = PyUnicode_InternFromString("skip");
  known.event = PyUnicode_InternFromString("event");
  known.empty = PyFrozenSet_New(nullptr);
  known.whole = PySlice_New(nullptr, nullptr, nullptr);
  if (known.empty == nullptr || known.whole == nullptr) return nullptr;
  g_known = new Known(known);
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {{"set_up_encoding", SetUp, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool AddEncoding(PyObject* module) {
  return PyModule_AddFunctions(module, g_methods) == 0 &&
         AddReplacement(module, "configure_encode_object_for_msgpack", Configure);
}

}  // namespace fletbridge::accelerate
