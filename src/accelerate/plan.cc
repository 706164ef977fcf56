#include "src/accelerate/plan.h"

#include <algorithm>
#include <unordered_map>

namespace fletbridge::accelerate {

Names g_names;
Flet g_flet;
std::uint64_t g_epoch = 1;

namespace {

// Classes that are gone are forgotten when there are more than so many.
constexpr std::size_t kMostPlans = 4096;

// Never destroyed: the interpreter is gone before this library's own end.
auto& g_plans = *new std::unordered_map<PyTypeObject*, std::shared_ptr<Plan>>;
// What is still in use above us, while a class was looked at again.
auto& g_retired = *new std::vector<std::shared_ptr<Plan>>;

// Borrowed; null without an exception if there is none.
PyObject* Lookup(PyTypeObject* type, PyObject* name) { return _PyType_Lookup(type, name); }

// What classes are asked for: where one of them changes, the plan is made anew.
const std::vector<PyObject*>& Asked() {
  static const std::vector<PyObject*> names = {g_names.dataclass_fields,
                                               g_names.prop_defaults,
                                               g_names.structural_fields,
                                               g_names.event_fields,
                                               g_names.before_update,
                                               g_names.before_update_safe,
                                               g_names.is_isolated,
                                               g_names.build,
                                               g_names.migrate_state,
                                               g_names.control_class,
                                               g_names.frozen,
                                               g_names.values,
                                               g_names.dirty,
                                               g_names.changes,
                                               g_names.prev_lists,
                                               g_names.prev_dicts,
                                               g_names.prev_classes,
                                               g_names.parent,
                                               g_names.isolated,
                                               g_names.reported,
                                               g_names.internals,
                                               g_names.initialized,
                                               g_names.setattr};
  return names;
}

std::vector<PyObject*> HooksOf(PyTypeObject* type) {
  std::vector<PyObject*> found;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); ++i) {
    auto* owner = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_mro, i));
    // A static type of 3.12 has it elsewhere, and no hook.
    PyObject* hook =
        owner->tp_dict != nullptr ? Item(owner->tp_dict, g_names.before_update) : nullptr;
    if (hook != nullptr) found.push_back(hook);
  }
  return found;
}

bool IsCurrent(const Plan& plan) {
  if (plan.hook == Hook::kKnown && plan.native && HooksOf(plan.type) != plan.hooks) return false;
  for (const auto& [name, found] : plan.looked_up) {
    if (Lookup(plan.type, name) != found) return false;
  }
  return true;
}

// A field's entry in a mapping that says no more than yes or no; absent: `otherwise`.
bool Metadata(PyObject* field, PyObject* key, bool otherwise) {
  const Ref metadata = Ref::Checked(PyObject_GetAttr(field, g_names.metadata));
  const Ref value = Ref::Own(PyObject_GetItem(metadata.get(), key));
  if (!value) {
    if (PyErr_ExceptionMatches(PyExc_KeyError) == 0) throw PythonError();
    PyErr_Clear();
    return otherwise;
  }
  return Truth(value.get());
}

Field MakeField(const Plan& plan, PyObject* name) {
  Field result;
  result.name = name;
  result.slot = Slot(name);
  PyObject* descriptor = Lookup(plan.type, name);
  if (descriptor != nullptr && Py_TYPE(descriptor) == g_flet.prop) {
    result.prop = true;
    result.unset = Item(plan.prop_defaults, name);
  }
  return result;
}

// Whether an instance's own attribute of that name is what getattr gives.
bool IsInstanceFirst(PyTypeObject* type, PyObject* name) {
  PyObject* found = Lookup(type, name);
  return found == nullptr || Py_TYPE(found)->tp_descr_set == nullptr;
}

bool StartsWith(PyObject* text, const char* start) {
  const char* data = PyUnicode_AsUTF8(text);
  if (data == nullptr) throw PythonError();
  for (; *start != '\0'; ++start, ++data) {
    if (*data != *start) return false;
  }
  return true;
}

// The fields; false where the class has something in their place that this does not know.
bool ReadFields(Plan& plan, PyObject* declared) {
  if (PyDict_Check(declared) == 0) return false;
  plan.field_index = PyDict_New();
  if (plan.field_index == nullptr) throw PythonError();
  static PyObject* const kind = PyUnicode_InternFromString("_field_type");
  static PyObject* const field_kind = [] {
    const Ref module = Ref::Checked(PyImport_ImportModule("dataclasses"));
    return Ref::Checked(PyObject_GetAttrString(module.get(), "_FIELD")).Release();
  }();
  PyObject *name = nullptr, *field = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(declared, &position, &name, &field) != 0) {
    const Ref its_kind = Ref::Checked(PyObject_GetAttr(field, kind));
    if (its_kind.get() != field_kind) continue;  // as dataclasses.fields() does
    if (PyUnicode_CheckExact(name) == 0) return false;
    PyObject* interned = Py_NewRef(name);
    PyUnicode_InternInPlace(&interned);  // lives as long as the class, which has it as a name
    Field made = MakeField(plan, interned);
    made.skip = Metadata(field, g_names.skip, false);
    made.event = StartsWith(interned, "on_") && Metadata(field, g_names.event, true);
    if (!made.prop && !IsInstanceFirst(plan.type, interned)) return false;
    if (made.prop && made.unset == nullptr) return false;
    const Ref place = Ref::Checked(PyLong_FromSize_t(plan.fields.size()));
    Check(PyDict_SetItem(plan.field_index, interned, place.get()));
    plan.fields.push_back(made);
  }
  return true;
}

void ReadStructural(Plan& plan, PyObject* names) {
  const Ref iterator = Ref::Checked(PyObject_GetIter(names));
  while (true) {
    Ref name = Ref::Own(PyIter_Next(iterator.get()));
    if (!name) break;
    const Field* field = plan.Find(name.get());
    plan.structural.push_back(field != nullptr ? *field : MakeField(plan, name.get()));
    (void)name.Release();  // the plan has it
  }
  if (PyErr_Occurred() != nullptr) throw PythonError();
}

// What diff.py says of the class: (hook, alternatives, internal, rules, class rules).
void ReadHooks(Plan& plan) {
  const Ref described =
      Ref::Checked(PyObject_CallOneArg(g_flet.describe, reinterpret_cast<PyObject*>(plan.type)));
  int hook = 0;
  PyObject *alternatives = nullptr, *internal = nullptr, *rules = nullptr, *class_rules = nullptr;
  if (PyArg_ParseTuple(described.get(), "iOOOO", &hook, &alternatives, &internal, &rules,
                       &class_rules) == 0) {
    throw PythonError();
  }
  plan.hook = static_cast<Hook>(hook);
  if (plan.hook == Hook::kKnown) plan.hooks = HooksOf(plan.type);
  plan.quiet_internal = internal == Py_None ? nullptr : Py_NewRef(internal);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(alternatives); ++i) {
    PyObject* conditions = PyTuple_GET_ITEM(alternatives, i);
    std::vector<Condition>& made = plan.quiet.emplace_back();
    for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(conditions); ++j) {
      PyObject *name = nullptr, *value = nullptr;
      const char* how = nullptr;
      if (PyArg_ParseTuple(PyTuple_GET_ITEM(conditions, j), "OsO", &name, &how, &value) == 0) {
        throw PythonError();
      }
      PyObject* interned = Py_NewRef(name);
      PyUnicode_InternInPlace(&interned);
      Condition condition;
      const Field* field = plan.Find(interned);
      condition.field = field != nullptr ? *field : MakeField(plan, interned);
      (how[0] == '='   ? condition.equals
       : how[0] == '!' ? condition.is_not
                       : condition.is) = Py_NewRef(value);
      made.push_back(condition);
    }
  }
  plan.rules_own = plan.rules_pure = true;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(rules); ++i) {
    PyObject *name = nullptr, *check = nullptr;
    int kind = 0, passes = 0;
    if (PyArg_ParseTuple(PyTuple_GET_ITEM(rules, i), "OOip", &name, &check, &kind, &passes) == 0) {
      throw PythonError();
    }
    PyObject* interned = Py_NewRef(name);
    PyUnicode_InternInPlace(&interned);
    Rule rule;
    const Field* field = plan.Find(interned);
    rule.field = field != nullptr ? *field : MakeField(plan, interned);
    rule.check = Py_NewRef(check);
    rule.own = kind == 2 && rule.field.prop;
    rule.pure = kind != 0;
    rule.default_passes = passes != 0 && rule.field.prop;
    plan.rules_own = plan.rules_own && rule.own;
    plan.rules_pure = plan.rules_pure && rule.pure;
    plan.rules.push_back(rule);
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(class_rules); ++i) {
    PyObject* check = nullptr;
    int pure = 0;
    if (PyArg_ParseTuple(PyTuple_GET_ITEM(class_rules, i), "Op", &check, &pure) == 0) {
      throw PythonError();
    }
    plan.class_rules.emplace_back(Py_NewRef(check), pure != 0);
    plan.rules_own = false;
    plan.rules_pure = plan.rules_pure && pure != 0;
  }
}

std::shared_ptr<Plan> Make(PyTypeObject* type) {
  auto plan = std::make_shared<Plan>();
  plan->type = type;
  plan->alive = Ref::Checked(PyWeakref_NewRef(reinterpret_cast<PyObject*>(type), nullptr));
  for (PyObject* name : Asked()) plan->looked_up.emplace_back(name, Lookup(type, name));
  PyObject* declared = Lookup(type, g_names.dataclass_fields);
  plan->dataclass = declared != nullptr;
  if (!plan->dataclass) {
    // A metaclass may have it, and then hasattr() finds it too.
    const Ref found = Attribute(reinterpret_cast<PyObject*>(type), g_names.dataclass_fields);
    plan->dataclass = static_cast<bool>(found);
    return plan;
  }
  plan->control = PyType_IsSubtype(type, g_flet.base_control) != 0;
  plan->prop_defaults = Lookup(type, g_names.prop_defaults);
  Py_XINCREF(plan->prop_defaults);
  PyObject* structural = Lookup(type, g_names.structural_fields);
  plan->sparse = plan->prop_defaults != nullptr && structural != nullptr;
  if (plan->prop_defaults != nullptr && PyDict_CheckExact(plan->prop_defaults) == 0) return plan;
  plan->own_setattr = type->tp_setattro == PyObject_GenericSetAttr;
  if (type->tp_getattro != PyObject_GenericGetAttr || !plan->layout.SetUp(type)) return plan;
  if (plan->control && !plan->own_setattr) return plan;
  if (!plan->own_setattr && Lookup(type, g_names.setattr) != g_flet.control_setattr) return plan;
  if (plan->control && !plan->sparse) return plan;
  for (const auto& [name, found] : plan->looked_up) {
    // What Flet keeps in instances must not stand in the class.
    const bool kept =
        name == g_names.frozen || name == g_names.values || name == g_names.dirty ||
        name == g_names.changes || name == g_names.prev_lists || name == g_names.prev_dicts ||
        name == g_names.prev_classes || name == g_names.parent || name == g_names.isolated ||
        name == g_names.reported || name == g_names.internals || name == g_names.initialized;
    if (kept && found != nullptr) return plan;
  }
  if (!ReadFields(*plan, declared)) return plan;
  if (plan->sparse) ReadStructural(*plan, structural);
  for (std::size_t i = 0; i < plan->fields.size(); ++i) {
    const Field& field = plan->fields[i];
    if (field.skip) continue;
    if (!field.prop) {
      plan->stored.push_back(i);
    } else if (PyList_Check(field.unset) != 0 || PyDict_Check(field.unset) != 0 ||
               IsDataclass(field.unset)) {
      plan->compound_defaults.push_back(i);
    }
  }

  Plan& made = *plan;
  const std::pair<Slot*, PyObject*> slots[] = {
      {&made.frozen, g_names.frozen},
      {&made.values, g_names.values},
      {&made.dirty, g_names.dirty},
      {&made.changes, g_names.changes},
      {&made.prev_lists, g_names.prev_lists},
      {&made.prev_dicts, g_names.prev_dicts},
      {&made.prev_classes, g_names.prev_classes},
      {&made.parent, g_names.parent},
      {&made.isolated, g_names.isolated},
      {&made.reported, g_names.reported},
      {&made.internals, g_names.internals},
      {&made.initialized, g_names.initialized},
      {&made.notify, g_names.notify},
      {&made.i, g_names.i},
      {&made.c, g_names.c},
      {&made.fn, g_names.fn},
      {&made.data, g_names.data},
      {&made.before_update, g_names.before_update},
      {&made.before_update_safe, g_names.before_update_safe},
      {&made.is_isolated, g_names.is_isolated},
      {&made.build, g_names.build},
      {&made.migrate_state, g_names.migrate_state},
      {&made.did_mount, g_names.did_mount},
      {&made.will_unmount, g_names.will_unmount}};
  for (const auto& [slot, name] : slots) *slot = Slot(name);
  if (plan->control) {
    plan->isolated_known = Lookup(type, g_names.is_isolated) == g_flet.is_isolated;
    plan->safe_known = Lookup(type, g_names.before_update_safe) == g_flet.before_update_safe;
    plan->build_known = Lookup(type, g_names.build) == g_flet.build;
    plan->migrate_known = Lookup(type, g_names.migrate_state) == g_flet.migrate_state;
    ReadHooks(*plan);
  }
  for (PyObject* name :
       {g_names.frozen, g_names.dirty, g_names.changes, g_names.prev_lists, g_names.prev_dicts,
        g_names.prev_classes, g_names.reported, g_names.values, g_names.isolated, g_names.internals,
        g_names.before_update, g_names.before_update_safe, g_names.is_isolated}) {
    plan->watch.emplace_back(name);
  }
  const auto watch = [&](const Field& field) {
    const auto same = [&](const Slot& slot) { return slot.name() == field.name; };
    if (!field.prop && std::none_of(plan->watch.begin(), plan->watch.end(), same))
      plan->watch.emplace_back(field.name);
  };
  for (const Field& field : plan->structural) watch(field);
  if (!plan->sparse) {
    for (const Field& field : plan->fields) {
      if (!field.skip) watch(field);
    }
  }
  for (const std::vector<Condition>& conditions : plan->quiet) {
    for (const Condition& condition : conditions) watch(condition.field);
  }
  plan->native = true;
  return plan;
}

auto& g_takers = *new std::vector<void (*)(PyTypeObject*)>;

void ForgetTheDead() {
  for (auto it = g_plans.begin(); it != g_plans.end();) {
    if (PyWeakref_GetObject(it->second->alive.get()) == Py_None) {
      g_retired.push_back(std::move(it->second));
      it = g_plans.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace

bool MakeNames() {
  const std::pair<PyObject**, const char*> all[] = {
      {&g_names.frozen, "_frozen"},
      {&g_names.values, "_values"},
      {&g_names.dirty, "_dirty"},
      {&g_names.changes, "__changes"},
      {&g_names.prev_lists, "__prev_lists"},
      {&g_names.prev_dicts, "__prev_dicts"},
      {&g_names.prev_classes, "__prev_classes"},
      {&g_names.parent, "_parent"},
      {&g_names.isolated, "_isolated"},
      {&g_names.reported, "__reported_validation_errors"},
      {&g_names.internals, "_internals"},
      {&g_names.initialized, "_initialized"},
      {&g_names.i, "_i"},
      {&g_names.c, "_c"},
      {&g_names.fn, "fn"},
      {&g_names.data, "data"},
      {&g_names.key, "key"},
      {&g_names.before_update, "before_update"},
      {&g_names.before_update_safe, "_before_update_safe"},
      {&g_names.is_isolated, "is_isolated"},
      {&g_names.build, "build"},
      {&g_names.migrate_state, "_migrate_state"},
      {&g_names.did_mount, "did_mount"},
      {&g_names.will_unmount, "will_unmount"},
      {&g_names.dataclass_fields, "__dataclass_fields__"},
      {&g_names.control_class, "__flet_control_cls__"},
      {&g_names.prop_defaults, "_prop_defaults"},
      {&g_names.structural_fields, "_structural_fields"},
      {&g_names.event_fields, "_event_fields"},
      {&g_names.skip, "skip"},
      {&g_names.metadata, "metadata"},
      {&g_names.name, "name"},
      {&g_names.event, "event"},
      {&g_names.value, "value"},
      {&g_names.op, "op"},
      {&g_names.path, "path"},
      {&g_names.add, "add"},
      {&g_names.remove, "remove"},
      {&g_names.replace, "replace"},
      {&g_names.move, "move"},
      {&g_names.from, "from"},
      {&g_names.location, "location"},
      {&g_names.operation, "operation"},
      {&g_names.notify, "_notify"},
      {&g_names.root, "_DiffBuilder__root"},
      {&g_names.added, "_added_dataclasses"},
      {&g_names.removed, "_removed_dataclasses"},
      {&g_names.dst_doc, "dst_doc"},
      {&g_names.control_cls, "control_cls"},
      {&g_names.index_storage2, "index_storage2"},
      {&g_names.setattr, "__setattr__"},
      {&g_names.style, "style"}};
  for (const auto& [place, text] : all) {
    *place = PyUnicode_InternFromString(text);
    if (*place == nullptr) return false;
  }
  return true;
}

const Field* Plan::Find(PyObject* name) const {
  PyObject* place = Item(field_index, name);
  return place != nullptr ? &fields[PyLong_AsSize_t(place)] : nullptr;
}

#ifdef FLETBRIDGE_INLINE_VALUES
namespace {
constexpr std::uint64_t kVersionFactor = 0xa0761d6478bd642e;  // even: an odd factor stays odd
}

std::uint64_t Plan::Watched(PyObject** array) const {
  if (weights_of_ != layout.keys()->entries) {
    weights_.clear();
    std::uint64_t factor = 0x9e3779b97f4a7c15;
    for (const Slot& slot : watch) {
      // An odd factor each: one value that is another makes another sum for certain.
      factor = factor * 0xd1342543de82ef95 + 2;
      const int place = slot.Place(layout);
      if (place >= 0) weights_.push_back({place, factor | 1, slot.name() == g_names.values});
    }
    weights_of_ = layout.keys()->entries;
    std::vector<int> places;
    for (const Weight& weight : weights_) places.push_back(weight.place);
    std::sort(places.begin(), places.end());
    constexpr int kLine = 64 / sizeof(PyObject*);
    fetched_.clear();
    for (int place : places) {
      if (fetched_.empty() || place - fetched_.back() >= kLine) fetched_.push_back(place);
    }
    if (!places.empty() && fetched_.back() != places.back()) fetched_.push_back(places.back());
  }
  std::uint64_t sum = 0;
  for (const Weight& weight : weights_) {
    PyObject* held = array[weight.place];
    sum += reinterpret_cast<std::uintptr_t>(held) * weight.factor;
    if (weight.dict && held != nullptr && PyDict_CheckExact(held) != 0) {
      sum += VersionOf(held) * (weight.factor ^ kVersionFactor);
    }
  }
  return sum;
}
#endif

bool Plan::IsQuiet(PyObject* object) const {
  if (before_update.Read(layout, object) != nullptr || hook == Hook::kForeign) return false;
  if (hook == Hook::kNone) return true;
  if (quiet_internal != nullptr) {
    PyObject* held = internals.Read(layout, object);
    if (held == nullptr || PyDict_CheckExact(held) == 0) return false;
    if (PyDict_GET_SIZE(held) != 0 && Item(held, quiet_internal) != nullptr) return false;
  }
  const auto holds = [&](const Condition& condition) {
    PyObject* value = Get(condition.field, object);
    if (value == nullptr) return false;
    if (condition.is != nullptr) return value == condition.is;
    if (condition.is_not != nullptr) return value != condition.is_not;
    return PyLong_CheckExact(value) != 0 &&
           PyObject_RichCompareBool(value, condition.equals, Py_EQ) == 1;
  };
  return std::any_of(quiet.begin(), quiet.end(), [&](const std::vector<Condition>& alternative) {
    return std::all_of(alternative.begin(), alternative.end(), holds);
  });
}

bool HasFrozen(PyObject* value) {
  const Plan& plan = PlanOf(Py_TYPE(value));
  return plan.native ? plan.frozen.Read(plan.layout, value) != nullptr
                     : static_cast<bool>(Attribute(value, g_names.frozen));
}

PyObject* Plan::Get(const Field& field, PyObject* object) const {
  if (!field.prop) {
    PyObject* found = field.slot.Read(layout, object);
    return found != nullptr ? found : Lookup(type, field.name);
  }
  PyObject* held = values.Read(layout, object);
  if (held == nullptr || PyDict_CheckExact(held) == 0) return nullptr;
  PyObject* value = Item(held, field.name);
  return value != nullptr ? value : field.unset;
}

Plan& PlanOf(PyTypeObject* type) {
  // Most calls ask for one of the last few classes.
  struct Recent {
    PyTypeObject* type = nullptr;
    Plan* plan = nullptr;
    std::uint64_t epoch = 0;
  };
  static Recent recent[64];
  Recent& slot = recent[(reinterpret_cast<std::uintptr_t>(type) >> 6) % 64];
  if (slot.type == type && slot.epoch == g_epoch) return *slot.plan;

  std::shared_ptr<Plan>& plan = g_plans[type];
  if (plan != nullptr && plan->epoch != g_epoch &&
      (PyWeakref_GetObject(plan->alive.get()) != reinterpret_cast<PyObject*>(type) ||
       !IsCurrent(*plan))) {
    g_retired.push_back(std::move(plan));
  }
  if (plan == nullptr) {
    if (g_flet.base_control != nullptr && PyType_IsSubtype(type, g_flet.base_control) != 0) {
      for (auto* take : g_takers) take(type);
    }
    std::shared_ptr<Plan> made = Make(type);  // which may run Python, and so come here again
    std::shared_ptr<Plan>& place = g_plans[type];
    if (place != nullptr) g_retired.push_back(std::move(place));
    place = std::move(made);
    place->epoch = g_epoch;
    slot = {type, place.get(), g_epoch};
    if (g_plans.size() > kMostPlans) ForgetTheDead();
    return *place;
  }
  plan->epoch = g_epoch;
  slot = {type, plan.get(), g_epoch};
  return *plan;
}

void OnControlClass(void (*take)(PyTypeObject*)) { g_takers.push_back(take); }

void ForgetRetiredPlans() { g_retired.clear(); }

bool IsDataclass(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type ||
      type == &PyFloat_Type || object == Py_None || type == &PyList_Type || type == &PyDict_Type ||
      type == &PyTuple_Type) {
    return false;
  }
  // A class that is one counts as well.
  if (PyType_Check(object) != 0)
    return static_cast<bool>(Attribute(object, g_names.dataclass_fields));
  return PlanOf(type).dataclass;
}

}  // namespace fletbridge::accelerate
