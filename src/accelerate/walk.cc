#include "src/accelerate/walk.h"

#include <array>

#include "src/accelerate/function.h"
#include "src/accelerate/reconcile.h"

namespace fletbridge::accelerate {

Originals g_originals;

namespace {

// A call into what is not ours: anything may have changed when it returns.
Ref CallForeign(PyObject* function, std::initializer_list<PyObject*> arguments) {
  Ref result =
      Ref::Own(PyObject_Vectorcall(function, std::data(arguments), arguments.size(), nullptr));
  ++g_epoch;
  if (!result) throw PythonError();
  return result;
}

Ref CallMethod(PyObject* object, PyObject* name) {
  Ref result = Ref::Own(PyObject_CallMethodNoArgs(object, name));
  ++g_epoch;
  if (!result) throw PythonError();
  return result;
}

PyObject* Bool(bool value) { return value ? Py_True : Py_False; }

// `old != new`, as Python asks it.
bool Differ(PyObject* src, PyObject* dst) {
  PyTypeObject* type = Py_TYPE(src);
  if (src == dst &&
      (type == &PyUnicode_Type || type == &PyLong_Type || src == Py_None || type == &PyBool_Type)) {
    return false;
  }
  const Ref result = Ref::Checked(PyObject_RichCompare(src, dst, Py_NE));
  if (type != &PyUnicode_Type && type != &PyLong_Type && type != &PyFloat_Type) ++g_epoch;
  return Truth(result.get());
}

// list(dict.items()), for the few entries that snapshots have.
class Entries {
 public:
  explicit Entries(PyObject* dict) {
    if (dict == nullptr) return;
    if (PyDict_GET_SIZE(dict) > static_cast<Py_ssize_t>(few_.size())) {
      many_ = Ref::Checked(PyDict_Items(dict));
      size_ = PyList_GET_SIZE(many_.get());
      return;
    }
    PyObject *key = nullptr, *value = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value) != 0) {
      few_[static_cast<std::size_t>(size_++)] = {Py_NewRef(key), Py_NewRef(value)};
    }
  }
  Entries(const Entries&) = delete;
  Entries& operator=(const Entries&) = delete;
  ~Entries() {
    if (many_) return;
    for (Py_ssize_t i = 0; i < size_; ++i) {
      Py_DECREF(few_[static_cast<std::size_t>(i)].first);
      Py_DECREF(few_[static_cast<std::size_t>(i)].second);
    }
  }
  [[nodiscard]] Py_ssize_t size() const { return size_; }
  [[nodiscard]] PyObject* key(Py_ssize_t i) const {
    return many_ ? PyTuple_GET_ITEM(PyList_GET_ITEM(many_.get(), i), 0)
                 : few_[static_cast<std::size_t>(i)].first;
  }
  [[nodiscard]] PyObject* value(Py_ssize_t i) const {
    return many_ ? PyTuple_GET_ITEM(PyList_GET_ITEM(many_.get(), i), 1)
                 : few_[static_cast<std::size_t>(i)].second;
  }
  [[nodiscard]] bool Has(PyObject* name) const {  // names are interned
    for (Py_ssize_t i = 0; i < size_; ++i) {
      if (key(i) == name) return true;
    }
    return false;
  }

 private:
  std::array<std::pair<PyObject*, PyObject*>, 6> few_;
  Py_ssize_t size_ = 0;
  Ref many_;
};

bool IsPlainScalar(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type ||
         value == Py_None || type == &PyFloat_Type;
}

// Whether two lists have plain values that are equal.
bool HoldSameItems(PyObject* src, PyObject* dst) {
  const Py_ssize_t size = PyList_GET_SIZE(src);
  if (size != PyList_GET_SIZE(dst)) return false;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* value = PyList_GET_ITEM(src, i);
    PyObject* other = PyList_GET_ITEM(dst, i);
    if (!IsPlainScalar(value) || Py_TYPE(value) != Py_TYPE(other) || Differ(value, other))
      return false;
  }
  return true;
}

// Whether two dictionaries have the same keys and plain values, or lists of some, that are equal.
bool HoldSame(PyObject* src, PyObject* dst) {
  if (PyDict_CheckExact(src) == 0 || PyDict_CheckExact(dst) == 0 ||
      PyDict_GET_SIZE(src) != PyDict_GET_SIZE(dst)) {
    return false;
  }
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(src, &position, &key, &value) != 0) {
    if (PyUnicode_CheckExact(key) == 0) return false;
    PyObject* other = Item(dst, key);
    if (other != nullptr && PyList_CheckExact(value) != 0 && PyList_CheckExact(other) != 0 &&
        HoldSameItems(value, other))
      continue;
    if (other == nullptr || !IsPlainScalar(value) || Py_TYPE(value) != Py_TYPE(other) ||
        Differ(value, other)) {
      return false;
    }
  }
  return true;
}

bool HoldIdentical(PyObject* src, PyObject* dst) {
  if (PyDict_GET_SIZE(src) != PyDict_GET_SIZE(dst)) return false;
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(src, &position, &key, &value) != 0) {
    if (PyUnicode_CheckExact(key) == 0 || Item(dst, key) != value) return false;
  }
  return true;
}

bool HasAttribute(PyObject* object, PyObject* name) {
  return static_cast<bool>(Attribute(object, name));
}

void PopItem(PyObject* dict, PyObject* key) {
  if (Item(dict, key) != nullptr) Check(PyDict_DelItem(dict, key));
}

}  // namespace

Ref ControlKey(PyObject* object) {
  Ref key;
  const Plan& plan = PlanOf(Py_TYPE(object));
  if (plan.native) {
    PyObject* values = plan.values.Read(plan.layout, object);
    if (values != nullptr && PyDict_CheckExact(values) != 0) {
      PyObject* found = Item(values, g_names.key);
      if (found == nullptr) return Ref::Share(Py_None);
      key = Ref::Share(found);
    }
  }
  if (!key) {
    const Ref values = Attribute(object, g_names.values);
    if (values && values.get() != Py_None) {
      static PyObject* const get = PyUnicode_InternFromString("get");
      key = Ref::Checked(PyObject_CallMethodOneArg(values.get(), get, g_names.key));
    } else {
      key = Attribute(object, g_names.key);
      if (!key) return Ref::Share(Py_None);
    }
    ++g_epoch;
  }
  if (PyObject_TypeCheck(key.get(), g_flet.key) == 0) return key;
  return Ref::Checked(PyObject_GetAttr(key.get(), g_names.value));
}

Py_ssize_t Path::Size() const {
  Py_ssize_t size = 0;
  const Path* part = this;
  for (; part->up_ != nullptr; part = part->up_) ++size;
  return size + (part->list_ != nullptr ? PyList_GET_SIZE(part->list_) : 0);
}

void Path::Fill(PyObject* list) const {
  Py_ssize_t at = Size();
  const Path* part = this;
  for (; part->up_ != nullptr; part = part->up_) {
    PyObject* item =
        part->name_ != nullptr ? Py_NewRef(part->name_) : PyLong_FromSsize_t(part->place_);
    if (item == nullptr) throw PythonError();
    PyList_SET_ITEM(list, --at, item);
  }
  while (at-- > 0) PyList_SET_ITEM(list, at, Py_NewRef(PyList_GET_ITEM(part->list_, at)));
}

Ref Path::List(PyObject* last) const {
  const Py_ssize_t size = Size();
  Ref list = Ref::Checked(PyList_New(size + (last != nullptr ? 1 : 0)));
  Fill(list.get());
  if (last != nullptr) PyList_SET_ITEM(list.get(), size, Py_NewRef(last));
  return list;
}

Ref Path::List(Py_ssize_t last) const {
  const Ref number = Ref::Checked(PyLong_FromSsize_t(last));
  return List(number.get());
}

Walk::Walk(PyObject* builder) : builder_(builder) {
  root_ = Ref::Checked(PyObject_GetAttr(builder, g_names.root));
  added_ = Ref::Checked(PyObject_GetAttr(builder, g_names.added));
  removed_ = Ref::Checked(PyObject_GetAttr(builder, g_names.removed));
  dst_doc_ = Ref::Checked(PyObject_GetAttr(builder, g_names.dst_doc));
}

bool Walk::IsControl(PyObject* object) {
  return PyObject_TypeCheck(object, g_flet.base_control) != 0;
}

Ref Walk::KeyOf(PyObject* item) {
  if (IsControl(item)) {
    const Plan& plan = PlanOf(Py_TYPE(item));
    PyObject* number = plan.native ? plan.i.Read(plan.layout, item) : nullptr;
    return number != nullptr ? Ref::Share(number) : Ref::Checked(PyObject_GetAttr(item, g_names.i));
  }
  return Ref::Checked(PyUnicode_FromFormat("%zu", reinterpret_cast<std::size_t>(item)));
}

Ref Walk::Insert(PyTypeObject* kind, Ref operation, PyObject* location) {
  ++changes_;
  const Ref made = Ref::Checked(kind->tp_alloc(kind, 0));
  Check(PyObject_GenericSetAttr(made.get(), g_names.location, location));
  Check(PyObject_GenericSetAttr(made.get(), g_names.operation, operation.get()));
  PyObject* root = root_.get();
  const Ref last = Ref::Share(PyList_GET_ITEM(root, 0));
  Ref link = Ref::Checked(PyList_New(3));
  PyList_SET_ITEM(link.get(), 0, Py_NewRef(last.get()));
  PyList_SET_ITEM(link.get(), 1, Py_NewRef(root));
  PyList_SET_ITEM(link.get(), 2, Py_NewRef(made.get()));
  Check(PyList_SetItem(root, 0, Py_NewRef(link.get())));
  Check(PyList_SetItem(last.get(), 1, Py_NewRef(link.get())));
  return link;
}

void Walk::Replaced(const Path& path, PyObject* key, PyObject* item) {
  Ref operation = Ref::Checked(PyDict_New());
  const Ref location = path.List(key);
  Check(PyDict_SetItem(operation.get(), g_names.op, g_names.replace));
  Check(PyDict_SetItem(operation.get(), g_names.path, location.get()));
  Check(PyDict_SetItem(operation.get(), g_names.value, item));
  Insert(g_flet.replace_operation, std::move(operation), location.get());
}

// A value that is another one, with all that it holds.
void Walk::TakeInstead(PyObject* parent, const Path& path, PyObject* key, PyObject* src,
                       PyObject* dst, bool frozen) {
  Replaced(path, key, dst);
  DataclassRemoved(src);
  DataclassAdded(dst, parent, frozen);
}

void Walk::SetParent(PyObject* item, PyObject* parent) {
  const Plan& plan = PlanOf(Py_TYPE(item));
  if (plan.native) {
    PyObject* now = plan.parent.Read(plan.layout, item);
    if (now != nullptr && PyWeakref_CheckRefExact(now) != 0 && PyWeakref_GetObject(now) == parent)
      return;
  }
  const Ref weak = Ref::Checked(PyWeakref_NewRef(parent, nullptr));
  Check(PyObject_SetAttr(item, g_names.parent, weak.get()));
}

void Walk::DataclassAdded(PyObject* item, PyObject* parent, bool frozen) {
  if (IsPlainScalar(item)) return;
  const Recursion recursion;
  if (IsDataclass(item)) {
    if (Truth(parent)) {
      if (parent == item) {
        PyErr_Format(g_flet.patch_exception, "Parent is the same as item: %S", item);
        throw PythonError();
      }
      SetParent(item, parent);
    }
    if (frozen) Check(PyObject_SetAttr(item, g_names.frozen, Py_True));
    const Ref key = KeyOf(item);
    Check(PyDict_SetItem(added_.get(), key.get(), item));
  } else {
    ForEachItem(item, [&](PyObject* value) { DataclassAdded(value, parent, frozen); });
  }
}

void Walk::DataclassRemoved(PyObject* item) {
  if (IsPlainScalar(item)) return;
  const Recursion recursion;
  if (IsDataclass(item)) {
    const Ref key = KeyOf(item);
    Check(PyDict_SetItem(removed_.get(), key.get(), item));
  } else {
    ForEachItem(item, [&](PyObject* value) { DataclassRemoved(value); });
  }
}

Items::Items(PyObject* value) {
  static PyObject* const values_of = PyUnicode_InternFromString("values");
  if (PyList_CheckExact(value) != 0) {
    list_ = Ref::Share(value);
  } else if (PyDict_CheckExact(value) != 0) {
    PyObject *key = nullptr, *held = nullptr;
    Py_ssize_t position = 0;
    bool plain = true;  // as most are, and then there is nothing to meet
    while (plain && PyDict_Next(value, &position, &key, &held) != 0) plain = IsPlainScalar(held);
    if (plain) return;
    const Ref values = Ref::Checked(PyObject_CallMethodNoArgs(value, values_of));
    iterator_ = Ref::Checked(PyObject_GetIter(values.get()));
  } else if (PyList_Check(value) != 0 || PyDict_Check(value) != 0) {
    foreign_ = true;
    const Ref iterated =
        PyList_Check(value) != 0 ? Ref::Share(value) : CallMethod(value, values_of);
    iterator_ = Ref::Own(PyObject_GetIter(iterated.get()));
    ++g_epoch;
    if (!iterator_) throw PythonError();
  }
}

Ref Items::Next() {
  if (list_) {
    return at_ < PyList_GET_SIZE(list_.get()) ? Ref::Share(PyList_GET_ITEM(list_.get(), at_++))
                                              : Ref();
  }
  if (!iterator_) return {};
  Ref item = Ref::Own(PyIter_Next(iterator_.get()));
  if (foreign_) ++g_epoch;
  if (!item && PyErr_Occurred() != nullptr) throw PythonError();
  return item;
}

// Snapshots of lists, as _update_list_snapshot() keeps them.
void Walk::UpdateList(PyObject* snapshots, PyObject* key, PyObject* value) {
  PyObject* snapshot = Item(snapshots, key);
  if (snapshot != nullptr && PyList_CheckExact(snapshot) != 0 && PyList_CheckExact(value) != 0 &&
      SameItems(snapshot, value)) {
    return;
  }
  ++changes_;
  if (PyList_CheckExact(value) == 0 || (snapshot != nullptr && PyList_CheckExact(snapshot) == 0)) {
    // A subclass says by methods of its own what it holds.
    const Ref kept = Ref::Share(snapshot);
    const Ref all = Ref::Checked(PySlice_New(nullptr, nullptr, nullptr));
    if (kept) {
      kept_.push_back(Ref::Checked(PyList_AsTuple(kept.get())));
      const int set = PyObject_SetItem(kept.get(), all.get(), value);
      ++g_epoch;  // the app's code ran
      Check(set);
    } else {
      const Ref copy = Ref::Own(PyObject_GetItem(value, all.get()));
      ++g_epoch;
      if (!copy) throw PythonError();
      Check(PyDict_SetItem(snapshots, key, copy.get()));
    }
    return;
  }
  if (snapshot == nullptr) {
    const Ref copy = Ref::Checked(PyList_GetSlice(value, 0, PyList_GET_SIZE(value)));
    Check(PyDict_SetItem(snapshots, key, copy.get()));
    return;
  }
  const Ref kept = Ref::Share(snapshot);
  kept_.push_back(Ref::Checked(PyList_AsTuple(snapshot)));
  Check(PyList_SetSlice(kept.get(), 0, PyList_GET_SIZE(kept.get()), value));
}

void Walk::UpdateDict(PyObject* snapshots, PyObject* key, PyObject* value) {
  PyObject* snapshot = Item(snapshots, key);
  if (PyDict_CheckExact(value) == 0 || (snapshot != nullptr && PyDict_CheckExact(snapshot) == 0)) {
    static PyObject* const copied = PyUnicode_InternFromString("copy");
    static PyObject* const clear = PyUnicode_InternFromString("clear");
    static PyObject* const update = PyUnicode_InternFromString("update");
    const Ref kept = Ref::Share(snapshot);
    if (kept) {
      kept_.push_back(Ref::Checked(PyDict_Copy(kept.get())));
      CallMethod(kept.get(), clear);
      const Ref done = Ref::Own(PyObject_CallMethodOneArg(kept.get(), update, value));
      ++g_epoch;  // the app's code ran
      if (!done) throw PythonError();
    } else {
      const Ref copy = CallMethod(value, copied);
      Check(PyDict_SetItem(snapshots, key, copy.get()));
    }
    return;
  }
  if (snapshot == nullptr) {
    const Ref copy = Ref::Checked(PyDict_Copy(value));
    Check(PyDict_SetItem(snapshots, key, copy.get()));
    return;
  }
  if (PyDict_GET_SIZE(snapshot) == 0 && PyDict_GET_SIZE(value) == 0) return;
  if (!HoldIdentical(snapshot, value)) ++changes_;
  const Ref kept = Ref::Share(snapshot);
  kept_.push_back(Ref::Checked(PyDict_Copy(snapshot)));
  PyDict_Clear(kept.get());
  Check(PyDict_Update(kept.get(), value));
}

// --- hooks ---

void Walk::RunHook(const Plan& plan, PyObject* object) {
  if (!plan.IsQuiet(object)) CallMethod(object, g_names.before_update);
}

// validate(object, suppress_repeated_errors=True).
void Walk::Validate(const Plan& plan, PyObject* object) {
  PyObject* reported = plan.reported.Read(plan.layout, object);
  PyObject* values = plan.values.Read(plan.layout, object);
  if (values == nullptr || PyDict_CheckExact(values) == 0) values = nullptr;
  const bool clean = values != nullptr && reported != nullptr && PySet_CheckExact(reported) != 0 &&
                     PySet_GET_SIZE(reported) == 0;
  bool good = values != nullptr && (clean || reported == nullptr);
  if (good && reported == nullptr) {
    const Ref none = Ref::Checked(PySet_New(nullptr));
    Check(PyObject_SetAttr(object, g_names.reported, none.get()));
  }
  if (good) {
    // An empty _dirty does not say that the values are as they were: what the client has set is not
    // noted there.
    for (const Rule& rule : plan.rules) {
      if (rule.default_passes && Item(values, rule.field.name) == nullptr) continue;
      const Ref value = Ref::Own(PyObject_GetAttr(object, rule.field.name));
      const Ref result = value ? Ref::Own(PyObject_CallFunctionObjArgs(
                                     rule.check, object, rule.field.name, value.get(), nullptr))
                               : Ref();
      if (!rule.pure) ++g_epoch;
      if (!result) {
        good = false;
        break;
      }
      if (!rule.pure) {
        values = plan.values.Read(plan.layout, object);
        if (values == nullptr || PyDict_CheckExact(values) == 0) throw PythonError();
      }
    }
    for (const auto& [check, pure] : plan.class_rules) {
      if (!good) break;
      const Ref result = Ref::Own(PyObject_CallOneArg(check, object));
      if (!pure) ++g_epoch;
      good = static_cast<bool>(result);
    }
    if (good) return;
  }
  // Once more, by the code that knows what is to be said.
  PyErr_Clear();
  static PyObject* const keywords =
      Ref::Checked(Py_BuildValue("(s)", "suppress_repeated_errors")).Release();
  PyObject* arguments[] = {object, Py_True};
  const Ref result = Ref::Own(PyObject_Vectorcall(g_flet.validate, arguments, 1, keywords));
  ++g_epoch;
  if (!result) throw PythonError();
}

// _before_update_safe().
void Walk::BeforeUpdate(const Plan& plan, PyObject* object) {
  if (!plan.native || !plan.safe_known ||
      plan.before_update_safe.Read(plan.layout, object) != nullptr) {
    CallMethod(object, g_names.before_update_safe);
    return;
  }
  const Ref frozen = Ref::Share(plan.frozen.Read(plan.layout, object));
  const bool restore = frozen && frozen.get() != Py_None;
  if (restore) Check(PyObject_SetAttr(object, g_names.frozen, nullptr));
  const std::uint64_t before = g_epoch;
  RunHook(plan, object);
  // The hook may have changed the class.
  const Plan& now = g_epoch == before ? plan : PlanOf(Py_TYPE(object));
  if (now.native) {
    Validate(now, object);
  } else {
    static PyObject* const keywords =
        Ref::Checked(Py_BuildValue("(s)", "suppress_repeated_errors")).Release();
    PyObject* arguments[] = {object, Py_True};
    const Ref result = Ref::Own(PyObject_Vectorcall(g_flet.validate, arguments, 1, keywords));
    ++g_epoch;
    if (!result) throw PythonError();
  }
  if (restore) Check(PyObject_SetAttr(object, g_names.frozen, frozen.get()));
}

// --- comparisons ---

bool Walk::IsIsolated(PyObject* parent) {
  const Plan& plan = PlanOf(Py_TYPE(parent));
  if (plan.native && plan.isolated_known && plan.is_isolated.Read(plan.layout, parent) == nullptr) {
    PyObject* isolated = plan.isolated.Read(plan.layout, parent);
    return isolated != nullptr && Truth(isolated);
  }
  return Truth(CallMethod(parent, g_names.is_isolated).get());
}

bool Walk::HoldsControl(PyObject* value) {
  if (IsControl(value)) return true;
  const Ref of_tuple = PyTuple_Check(value) != 0 ? Ref::Checked(PySequence_List(value)) : Ref();
  Items items(of_tuple ? of_tuple.get() : value);
  while (const Ref item = items.Next()) {
    if (IsControl(item.get())) return true;
  }
  return false;
}

bool Walk::SameComponent(PyObject* src, PyObject* dst) {
  // getattr(x, "_c", None) == "C" on both sides: components alone.
  const auto is_component = [](PyObject* object) {
    const Plan& plan = PlanOf(Py_TYPE(object));
    PyObject* held = plan.native ? plan.c.Read(plan.layout, object) : nullptr;
    const Ref kind = held != nullptr ? Ref::Share(held) : Attribute(object, g_names.c);
    return kind && PyUnicode_Check(kind.get()) != 0 &&
           PyUnicode_CompareWithASCIIString(kind.get(), "C") == 0;
  };
  if (!is_component(src) || !is_component(dst)) return true;
  const Ref old_fn = Attribute(src, g_names.fn);
  const Ref new_fn = Attribute(dst, g_names.fn);
  PyObject* one = old_fn ? old_fn.get() : Py_None;
  PyObject* other = new_fn ? new_fn.get() : Py_None;
  return one == other;
}

bool Walk::EffectivelyFrozen(PyObject* old_item, PyObject* new_item, bool frozen) {
  if (frozen) return true;
  if (old_item == new_item) return false;
  const Ref old_key = ControlKey(old_item);
  if (old_key.get() == Py_None) return false;
  const Ref new_key = ControlKey(new_item);
  const Ref equal = Ref::Checked(PyObject_RichCompare(old_key.get(), new_key.get(), Py_EQ));
  return Truth(equal.get());
}

namespace {

// For a while, no record is made of what is compared.
class WithoutRecords {
 public:
  explicit WithoutRecords(Renewal*& place) : place_(place), above_(std::exchange(place, nullptr)) {}
  WithoutRecords(const WithoutRecords&) = delete;
  WithoutRecords& operator=(const WithoutRecords&) = delete;
  ~WithoutRecords() { place_ = above_; }

 private:
  Renewal*& place_;
  Renewal* above_;
};

}  // namespace

void Walk::CompareDataclasses(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                              bool frozen) {
  const Recursion recursion;
  const Plan& plan = PlanOf(Py_TYPE(dst));
  if (!plan.native || Py_TYPE(src) != Py_TYPE(dst) || (!frozen && src != dst) ||
      (!frozen && plan.frozen.Read(plan.layout, dst) != nullptr)) {
    ++g_counters.fallbacks;
    const Ref list = path.List();
    CallForeign(g_originals.compare_dataclasses,
                {builder_, parent, list.get(), src, dst, Bool(frozen)});
    return;
  }
  if (frozen && src == dst) {
    if (parent != Py_None && parent != dst) SetParent(dst, parent);
    return;
  }
  if (IsControl(parent) && IsIsolated(parent) && parent != dst_doc_.get()) {
    if (Py_TYPE(parent) != Py_TYPE(dst_doc_.get())) return;
    const Ref different = Ref::Checked(PyObject_RichCompare(parent, dst_doc_.get(), Py_NE));
    ++g_epoch;
    if (Truth(different.get())) return;
  }
  if (frozen) {
    const WithoutRecords without(renewal_);
    ++g_counters.nodes;
    Frozen(parent, path, plan, src, dst);
  } else if (renewal_ != nullptr) {
    Visit(renewal_->Child(dst), parent, path, false);
  } else {
    const std::uint64_t before = changes_;
    CompareNode(parent, path, dst);
    if (changes_ != before) NoteUnrecorded(dst);
  }
}

void Walk::CompareRoot(PyObject* parent, const Path& path, PyObject* root) {
  Record* record = RootRecord(root);
  forgotten_for_ = root;
  if (record != nullptr) {
    Visit(*record, parent, path, false);
  } else {
    CompareDataclasses(parent, path, root, root, false);
  }
}

void Walk::Visit(Record& record, PyObject* parent, const Path& path, bool single) {
  if (record.Holds() && !(g_any_unrecorded && IsUnrecorded(record.object))) {
    ++g_counters.nodes;
    // What asks for more than the node itself is asked again.
    if (record.plan->control && !record.plan->rules_own) Validate(*record.plan, record.object);
    if (!record.closed && record.HasChildren()) VisitChildren(record, path);
    return;
  }
  const Ref dst = Ref::Share(record.object);
  if (single && HasFrozen(dst.get())) return;
  if (forgotten_for_ != nullptr) {
    ForgetOthers(forgotten_for_);
    forgotten_for_ = nullptr;
  }
  Renewal renewal(record);
  Renewal* const above = std::exchange(renewal_, &renewal);
  struct Restore {
    Renewal*& place;
    Renewal* value;
    ~Restore() { place = value; }
  } restore{renewal_, above};
  CompareNode(parent, path, dst.get());
  const Plan& plan = PlanOf(Py_TYPE(dst.get()));
  if (!plan.native) return;
  // From an isolated control Flet does not go on, unless it began there.
  bool closed = false;
  if (plan.control && plan.isolated_known && dst.get() != dst_doc_.get()) {
    PyObject* isolated = plan.isolated.Read(plan.layout, dst.get());
    closed = isolated != nullptr && isolated != Py_False;
    if (closed && plan.type == Py_TYPE(dst_doc_.get())) return;
  }
  renewal.Finish(plan, dst.get(), closed);
}

void Walk::CompareNode(PyObject* parent, const Path& path, PyObject* dst) {
  const Recursion recursion;
  const Plan& plan = PlanOf(Py_TYPE(dst));
  if (!plan.native || plan.frozen.Read(plan.layout, dst) != nullptr) {
    ++g_counters.fallbacks;
    const Ref list = path.List();
    CallForeign(g_originals.compare_dataclasses,
                {builder_, parent, list.get(), dst, dst, Py_False});
    return;
  }
  ++g_counters.nodes;
  if (plan.control) BeforeUpdate(plan, dst);
  InPlace(path, dst);
}

// What of an in-place comparison comes after the lists.
class Walk::Rest {
 public:
  Rest(Walk& walk, const Path& path, PyObject* dst, const Plan& plan)
      : walk_(walk), path_(path), dst_(dst), plan_(plan) {}

  const Plan& Current() const {
    const Plan& now = PlanOf(Py_TYPE(dst_));
    return now.native ? now : plan_;
  }
  Ref Value(PyObject* name) const {
    const Plan& now = Current();
    const Field* field = now.Find(name);
    PyObject* held = field != nullptr ? now.Get(*field, dst_) : nullptr;
    return held != nullptr ? Ref::Share(held) : Ref::Checked(PyObject_GetAttr(dst_, name));
  }

  void CompareList(PyObject* name, PyObject* old, PyObject* lists) {
    const Ref value = Value(name);
    if (PyList_CheckExact(value.get()) != 0 && PyList_CheckExact(old) != 0 &&
        PyList_GET_SIZE(old) != 0 && PyList_GET_SIZE(value.get()) != 0) {
      walk_.CompareLists(dst_, Path(path_, name), old, value.get(), false);
    } else {
      if (PyList_Check(value.get()) == 0) Check(PyDict_DelItem(lists, name));
      walk_.CompareValues(dst_, path_, name, old, value.get(), false);
    }
    if (PyList_Check(value.get()) != 0) walk_.UpdateList(lists, name, value.get());
  }

  void Run(const Entries& old_lists, Ref& lists, Ref& dicts, Ref& classes, PyObject* dirty,
           bool snapshots) {
    const Entries old_dicts(dicts.get());
    for (Py_ssize_t i = 0; i < old_dicts.size(); ++i) {
      PyObject* name = old_dicts.key(i);
      PyObject* old = old_dicts.value(i);
      const Ref value = Value(name);
      if (PyDict_CheckExact(value.get()) != 0 && PyDict_CheckExact(old) != 0 &&
          PyDict_GET_SIZE(old) == 0 && PyDict_GET_SIZE(value.get()) == 0) {
        continue;
      }
      if (PyDict_Check(value.get()) == 0) Check(PyDict_DelItem(dicts.get(), name));
      walk_.CompareValues(dst_, path_, name, old, value.get(), false);
      if (PyDict_Check(value.get()) != 0) walk_.UpdateDict(dicts.get(), name, value.get());
    }

    RunClasses(0, old_lists, &old_dicts, lists, dicts, classes, dirty, snapshots);
  }

  // From the `first` of the single ones on.
  void RunClasses(Py_ssize_t first, const Entries& old_lists, const Entries* old_dicts, Ref& lists,
                  Ref& dicts, Ref& classes, PyObject* dirty, bool snapshots) {
    const Entries old_classes(classes.get());
    for (Py_ssize_t i = first; i < old_classes.size(); ++i) {
      PyObject* name = old_classes.key(i);
      PyObject* old = old_classes.value(i);
      const Ref value = Value(name);
      if (value.get() != old) walk_.kept_.push_back(Ref::Share(old));
      if (!IsDataclass(value.get())) {
        Check(PyDict_DelItem(classes.get(), name));
      } else if (Item(classes.get(), name) != value.get()) {
        Check(PyDict_SetItem(classes.get(), name, value.get()));
      }
      walk_.CompareValues(dst_, path_, name, old, value.get(), false);
    }

    if (!snapshots) return;
    const Plan& last = Current();
    for (std::size_t i = 0; i < last.structural.size(); ++i) {
      const Field& field = last.structural[i];
      PyObject* found = last.Get(field, dst_);
      if (found != nullptr && IsPlainScalar(found)) continue;
      PyObject* name = field.name;
      if (old_lists.Has(name) || (old_dicts != nullptr && old_dicts->Has(name)) ||
          old_classes.Has(name) || (dirty != nullptr && Item(dirty, name) != nullptr) ||
          (lists && Item(lists.get(), name) != nullptr) ||
          (dicts && Item(dicts.get(), name) != nullptr) ||
          (classes && Item(classes.get(), name) != nullptr)) {
        continue;
      }
      const Ref value =
          found != nullptr ? Ref::Share(found) : Ref::Checked(PyObject_GetAttr(dst_, name));
      const auto keep = [](Ref& there) {
        if (!there) there = Ref::Checked(PyDict_New());
        return there.get();
      };
      if (PyList_Check(value.get()) != 0) {
        if (PyObject_Length(value.get()) <= 0) continue;
        walk_.CompareValues(dst_, path_, name, Py_None, value.get(), false);
        walk_.UpdateList(keep(lists), name, value.get());
      } else if (PyDict_Check(value.get()) != 0) {
        if (PyObject_Length(value.get()) <= 0) continue;
        walk_.CompareValues(dst_, path_, name, Py_None, value.get(), false);
        walk_.UpdateDict(keep(dicts), name, value.get());
      } else if (IsDataclass(value.get())) {
        walk_.CompareValues(dst_, path_, name, Py_None, value.get(), false);
        Check(PyDict_SetItem(keep(classes), name, value.get()));
      }
    }
  }

 private:
  Walk& walk_;
  const Path& path_;
  PyObject* dst_;
  const Plan& plan_;
};

// Of a list that is no longer all is in the caches by the time that it would be fetched.
constexpr std::size_t kShortList = 8;

// The items of a list as they were sent; null if Flet keeps none.
Ref Snapshot(const Plan& plan, PyObject* object, PyObject* name) {
  PyObject* lists =
      Py_TYPE(object) == plan.type ? plan.prev_lists.Read(plan.layout, object) : nullptr;
  PyObject* found = lists != nullptr && PyDict_CheckExact(lists) != 0 ? Item(lists, name) : nullptr;
  return found != nullptr && PyList_CheckExact(found) != 0 ? Ref::Share(found) : Ref();
}

// The children of a node that is as it was. Code of the app may run for each of them: from then on
// nothing that the record says is taken as true without a look.
void Walk::VisitChildren(Record& record, const Path& path) {
  const Recursion recursion;
  const Ref dst = Ref::Share(record.object);
  const std::shared_ptr<Plan> plan = record.plan;
  std::uint64_t seen = g_epoch;
  std::size_t next = 0;
  Py_ssize_t singles = 0;
  const auto holds = [&] {
    if (g_epoch == seen) return true;
    seen = g_epoch;
    return record.Holds();
  };
  std::vector<Record::Group>& groups = record.holdings->groups;
  for (; next < groups.size() && holds(); ++next) {
    Record::Group& group = groups[next];
    const Path field(path, group.name);
    if (group.list == nullptr) {
      ++singles;
      Visit(*group.entries.front().record, dst.get(), field, true);
      continue;
    }
    const Ref list = Ref::Share(group.list);
    const bool ahead = group.entries.size() > kShortList;
    Ref before;  // the snapshot, once code of the app has run
    for (std::size_t i = 0; i < group.entries.size(); ++i) {
      if (ahead) FetchAhead(group.entries, i);
      std::unique_ptr<Record>& child = group.entries[i].record;
      const auto at = static_cast<Py_ssize_t>(i);
      if (g_epoch == seen) {
        if (child != nullptr) Visit(*child, dst.get(), Path(field, at), false);
        continue;
      }
      if (!before) before = Snapshot(*plan, dst.get(), group.name);
      if (!before || at >= PyList_GET_SIZE(before.get()) || at >= PyList_GET_SIZE(list.get())) {
        break;
      }
      const Ref old_item = Ref::Share(PyList_GET_ITEM(before.get(), at));
      const Ref item = Ref::Share(PyList_GET_ITEM(list.get(), at));
      if (old_item.get() == item.get() && child != nullptr && item.get() == child->object) {
        Visit(*child, dst.get(), Path(field, at), false);
        continue;
      }
      if (child != nullptr || old_item.get() != item.get()) {
        child = nullptr;
        record.valid = false;
      }
      const WithoutRecords without(renewal_);
      CompareItem(dst.get(), field, at, old_item.get(), item.get(), false);
    }
    if (g_epoch != seen) {
      const Ref lists = Attribute(dst.get(), g_names.prev_lists);
      if (lists && PyDict_CheckExact(lists.get()) != 0) {
        UpdateList(lists.get(), group.name, list.get());
      }
    }
  }
  if (next == groups.size() && holds()) return;

  // On from here as for a node that has changed, and without what the records say.
  record.valid = false;
  groups.resize(next);
  const WithoutRecords without(renewal_);
  const Plan& now = PlanOf(Py_TYPE(dst.get()));
  const Plan& known = now.native ? now : *plan;
  Ref lists = Ref::Share(known.prev_lists.Read(known.layout, dst.get()));
  Ref dicts = Ref::Share(known.prev_dicts.Read(known.layout, dst.get()));
  Ref classes = Ref::Share(known.prev_classes.Read(known.layout, dst.get()));
  const Ref dirty = Ref::Share(known.dirty.Read(known.layout, dst.get()));
  const bool snapshots = lists || dicts || classes;
  Rest rest(*this, path, dst.get(), known);
  const Entries old_lists(lists.get());
  if (singles != 0) {
    rest.RunClasses(singles, old_lists, nullptr, lists, dicts, classes, dirty.get(), snapshots);
    return;
  }
  for (Py_ssize_t i = static_cast<Py_ssize_t>(next); i < old_lists.size(); ++i) {
    rest.CompareList(old_lists.key(i), old_lists.value(i), lists.get());
  }
  rest.Run(old_lists, lists, dicts, classes, dirty.get(), snapshots);
}

void Walk::InPlace(const Path& path, PyObject* dst) {
  const Plan& plan = PlanOf(Py_TYPE(dst));  // a hook may have changed the class
  if (!plan.native) {
    PyErr_SetString(PyExc_RuntimeError, "fletbridge: a class has changed during its comparison");
    throw PythonError();
  }
  const Ref dirty = Ref::Share(plan.dirty.Read(plan.layout, dst));
  Ref lists = Ref::Share(plan.prev_lists.Read(plan.layout, dst));
  Ref dicts = Ref::Share(plan.prev_dicts.Read(plan.layout, dst));
  Ref classes = Ref::Share(plan.prev_classes.Read(plan.layout, dst));
  const bool snapshots = lists || dicts || classes;
  const bool is_dirty = dirty && PyDict_GET_SIZE(dirty.get()) != 0;
  if (is_dirty) {
    if (!lists) lists = Ref::Checked(PyDict_New());
    if (!dicts) dicts = Ref::Checked(PyDict_New());
    if (!classes) classes = Ref::Checked(PyDict_New());
    CompareDirty(path, plan, dst, dirty.get(), lists.get(), dicts.get(), classes.get());
  }
  Rest rest(*this, path, dst, plan);
  if (const Ref changes = Ref::Share(plan.changes.Read(plan.layout, dst));
      changes && PyDict_CheckExact(changes.get()) != 0 && PyDict_GET_SIZE(changes.get()) != 0) {
    const Entries changed(changes.get());
    for (Py_ssize_t i = 0; i < changed.size(); ++i) {
      const Field* field = rest.Current().Find(changed.key(i));
      if (field == nullptr || field->skip) continue;
      const Ref now = Ref::Checked(PyObject_GetAttr(dst, field->name));
      Replaced(path, field->name, field->event ? Bool(now.get() != Py_None) : now.get());
    }
    PyDict_Clear(changes.get());
  }

  const Entries old_lists(lists.get());
  for (Py_ssize_t i = 0; i < old_lists.size(); ++i) {
    PyObject* name = old_lists.key(i);
    PyObject* old = old_lists.value(i);
    rest.CompareList(name, old, lists.get());
  }
  rest.Run(old_lists, lists, dicts, classes, dirty.get(), snapshots);
}

void Walk::CompareDirty(const Path& path, const Plan& plan, PyObject* dst, PyObject* dirty,
                        PyObject* lists, PyObject* dicts, PyObject* classes) {
  const Entries names(dirty);
  for (Py_ssize_t i = 0; i < names.size(); ++i) {
    PyObject* name = names.key(i);
    const Field* field = plan.Find(name);
    if (field == nullptr || field->skip) continue;
    Ref raw = Attribute(dst, name);
    if (!raw) raw = Ref::Share(Py_None);
    if (PyList_Check(raw.get()) != 0) {
      const Ref found = Ref::Share(Item(lists, name));
      const Ref old = found ? Ref::Share(found.get()) : Ref::Checked(PyList_New(0));
      PopItem(lists, name);
      CompareValues(dst, path, name, old.get(), raw.get(), false);
      UpdateList(lists, name, raw.get());
      continue;
    }
    if (PyDict_Check(raw.get()) != 0) {
      const Ref found = Ref::Share(Item(dicts, name));
      const Ref old = found ? Ref::Share(found.get()) : Ref::Checked(PyDict_New());
      PopItem(dicts, name);
      CompareValues(dst, path, name, old.get(), raw.get(), false);
      UpdateDict(dicts, name, raw.get());
      continue;
    }
    if (IsDataclass(raw.get())) {
      const Ref found = Ref::Share(Item(classes, name));
      PopItem(classes, name);
      CompareValues(dst, path, name, found ? found.get() : Py_None, raw.get(), false);
      Check(PyDict_SetItem(classes, name, raw.get()));
      continue;
    }
    if (raw.get() == Py_None) {
      bool done = false;
      for (PyObject* snapshots : {classes, lists, dicts}) {
        const Ref old = Ref::Share(Item(snapshots, name));
        if (!old) continue;
        PopItem(snapshots, name);
        CompareValues(dst, path, name, old.get(), Py_None, false);
        done = true;
        break;
      }
      if (done) continue;
    }
    Ref now = Ref::Share(raw.get());
    if (PyObject* values = plan.values.Read(plan.layout, dst);
        values != nullptr && plan.prop_defaults != nullptr) {
      PyObject* value = Item(values, name);
      if (value == nullptr) value = Item(plan.prop_defaults, name);
      if (value == nullptr) {
        PyErr_SetObject(PyExc_KeyError, name);
        throw PythonError();
      }
      now = Ref::Share(value);
    }
    Replaced(path, name, field->event ? Bool(now.get() != Py_None) : now.get());
  }
  if (const Ref now = Attribute(dst, g_names.dirty); now && PyDict_CheckExact(now.get()) != 0) {
    PyDict_Clear(now.get());
  }
}

void Walk::CompareDicts(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                        bool frozen) {
  if (HoldSame(src, dst)) return;
  // With one key and the same there is no order that a set decides, as there is in Flet's code.
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t position = 0;
  if (PyDict_CheckExact(src) != 0 && PyDict_CheckExact(dst) != 0 && PyDict_GET_SIZE(src) == 1 &&
      PyDict_GET_SIZE(dst) == 1 && PyDict_Next(src, &position, &key, &value) != 0 &&
      PyUnicode_CheckExact(key) != 0) {
    if (PyObject* other = Item(dst, key); other != nullptr) {
      const Ref name = Ref::Share(key);
      const Ref before = Ref::Share(value);
      const Ref now = Ref::Share(other);
      CompareValues(parent, path, name.get(), before.get(), now.get(), frozen);
      return;
    }
  }
  const Ref list = path.List();
  CallForeign(g_originals.compare_dicts, {builder_, parent, list.get(), src, dst, Bool(frozen)});
}

void Walk::CompareValues(PyObject* parent, const Path& path, PyObject* key, PyObject* src,
                         PyObject* dst, bool frozen) {
  // What has not changed, and needs no look into it.
  if (src == dst && IsPlainScalar(src) && Py_TYPE(src) != &PyFloat_Type) return;
  const bool odd = PyType_Check(src) != 0 || PyType_Check(dst) != 0 || key == Py_None ||
                   (PyList_Check(src) != 0 && PyList_CheckExact(src) == 0) ||
                   (PyList_Check(dst) != 0 && PyList_CheckExact(dst) == 0) ||
                   (PyDict_Check(src) != 0 && PyDict_CheckExact(src) == 0) ||
                   (PyDict_Check(dst) != 0 && PyDict_CheckExact(dst) == 0);
  if (!odd) {
    const bool dicts = PyDict_CheckExact(src) != 0 && PyDict_CheckExact(dst) != 0;
    if (dicts || (PyList_CheckExact(src) != 0 && PyList_CheckExact(dst) != 0)) {
      const Py_ssize_t before = dicts ? PyDict_GET_SIZE(src) : PyList_GET_SIZE(src);
      const Py_ssize_t after = dicts ? PyDict_GET_SIZE(dst) : PyList_GET_SIZE(dst);
      if (before == 0 && after == 0) return;
      if (before != 0 && after != 0) {
        (this->*(dicts ? &Walk::CompareDicts : &Walk::CompareLists))(parent, Path(path, key), src,
                                                                     dst, frozen);
        return;
      }
      TakeInstead(parent, path, key, src, dst, frozen);
      return;
    }
    if (IsDataclass(src) && IsDataclass(dst)) {
      frozen = frozen || HasFrozen(src) || HasFrozen(dst);
      const bool same_component = src == dst || SameComponent(src, dst);
      bool keys_match = true;
      {
        const Ref old_key = ControlKey(src);
        const Ref new_key = src == dst ? Ref::Share(old_key.get()) : ControlKey(dst);
        if (old_key.get() != new_key.get() || !IsPlainScalar(old_key.get())) {
          const Ref equal = Ref::Checked(PyObject_RichCompare(old_key.get(), new_key.get(), Py_EQ));
          keys_match = Truth(equal.get());
        }
      }
      const bool same_type = Py_TYPE(src) == Py_TYPE(dst);
      if (frozen ? (src != dst && same_type && same_component && keys_match) : src == dst) {
        CompareDataclasses(parent, Path(path, key), src, dst, frozen);
      } else if (frozen ? (!same_type || !same_component || !keys_match) : src != dst) {
        TakeInstead(parent, path, key, src, dst, frozen);
      }
      return;
    }
    if (Py_TYPE(src) == Py_TYPE(dst) && IsPlainScalar(src) && !Differ(src, dst)) return;
  }
  // Something has changed: what that means for the snapshots, Flet's own code knows.
  const Ref list = path.List();
  CallForeign(g_originals.compare_values,
              {builder_, parent, list.get(), key, src, dst, Bool(frozen)});
}

void Walk::RemovedAndAdded(PyObject* parent, const Path& path, Py_ssize_t place, PyObject* old_item,
                           PyObject* new_item, bool frozen) {
  static PyObject* const removed = PyUnicode_InternFromString("_item_removed");
  static PyObject* const added = PyUnicode_InternFromString("_item_added");
  static PyObject* const keywords = Ref::Checked(Py_BuildValue("(s)", "frozen")).Release();
  const Ref list = path.List();
  const Ref number = Ref::Checked(PyLong_FromSsize_t(place));
  {
    PyObject* arguments[] = {builder_, list.get(), number.get(), old_item, Bool(frozen)};
    const Ref done = Ref::Own(PyObject_VectorcallMethod(removed, arguments, 4, keywords));
    ++g_epoch;
    if (!done) throw PythonError();
  }
  PyObject* arguments[] = {builder_, parent, list.get(), number.get(), new_item, Bool(frozen)};
  const Ref done = Ref::Own(PyObject_VectorcallMethod(added, arguments, 5, keywords));
  ++g_epoch;
  if (!done) throw PythonError();
}

// One place of two lists whose keys are the same.
void Walk::CompareItem(PyObject* parent, const Path& path, Py_ssize_t place, PyObject* before,
                       PyObject* after, bool frozen) {
  if (before == after && IsPlainScalar(before) && PyFloat_CheckExact(before) == 0) return;
  if (PyDict_Check(before) != 0 && PyDict_Check(after) != 0) {
    CompareDicts(parent, Path(path, place), before, after, frozen);
  } else if (PyList_Check(before) != 0 && PyList_Check(after) != 0) {
    CompareLists(parent, Path(path, place), before, after, frozen);
  } else if (IsDataclass(before) && IsDataclass(after)) {
    if (Py_TYPE(before) == Py_TYPE(after) && (before == after || SameComponent(before, after))) {
      CompareDataclasses(parent, Path(path, place), before, after,
                         EffectivelyFrozen(before, after, frozen));
    } else {
      RemovedAndAdded(parent, path, place, before, after, frozen);
    }
  } else if (Py_TYPE(before) != Py_TYPE(after) || Differ(before, after)) {
    const Ref number = Ref::Checked(PyLong_FromSsize_t(place));
    Replaced(path, number.get(), after);
  }
}

// As zip() does: a hook may change the lists meanwhile, and what follows is met as it is then.
void Walk::ComparePositions(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                            bool frozen) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(src) && i < PyList_GET_SIZE(dst); ++i) {
    const Ref before = Ref::Share(PyList_GET_ITEM(src, i));
    const Ref after = Ref::Share(PyList_GET_ITEM(dst, i));
    CompareItem(parent, path, i, before.get(), after.get(), frozen);
  }
}

void Walk::CompareLists(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                        bool frozen) {
  const Recursion recursion;
  if (PyList_CheckExact(src) != 0 && PyList_CheckExact(dst) != 0) {
    Reconciliation compare(*this, parent, path, frozen);
    switch (compare.Judge(src, dst)) {
      case Reconciliation::How::kNothing:
        return;
      case Reconciliation::How::kPositions:
        ComparePositions(parent, path, src, dst, frozen);
        return;
      case Reconciliation::How::kKeys:
        if (compare.Run(dst)) return;
        break;
      case Reconciliation::How::kFlet:
        break;
    }
  }
  const Ref list = path.List();
  CallForeign(g_originals.compare_lists, {builder_, parent, list.get(), src, dst, Bool(frozen)});
}

// dst._migrate_state(src)
void Walk::MigrateState(const Plan& plan, PyObject* dst, PyObject* src) {
  PyObject* number = plan.i.Read(plan.layout, src);
  if (plan.migrate_known && plan.migrate_state.Read(plan.layout, dst) == nullptr &&
      number != nullptr) {
    Check(PyObject_SetAttr(dst, g_names.i, Ref::Share(number).get()));
    const Ref data = Ref::Checked(PyObject_GetAttr(dst, g_names.data));
    if (data.get() == Py_None) {
      const Ref old = Ref::Checked(PyObject_GetAttr(src, g_names.data));
      Check(PyObject_SetAttr(dst, g_names.data, old.get()));
    }
    return;
  }
  PyObject* arguments[] = {dst, src};
  const Ref done =
      Ref::Own(PyObject_VectorcallMethod(g_names.migrate_state, arguments, 2, nullptr));
  ++g_epoch;
  if (!done) throw PythonError();
}

void Walk::Frozen(PyObject* parent, const Path& path, const Plan& first_plan, PyObject* src,
                  PyObject* dst) {
  if (first_plan.control) {
    if (first_plan.i.Read(first_plan.layout, src) != nullptr) {
      MigrateState(first_plan, dst, src);
      const Plan& now = PlanOf(Py_TYPE(dst));
      const bool initialized = now.native ? now.initialized.Read(now.layout, dst) != nullptr
                                          : HasAttribute(dst, g_names.initialized);
      if (!initialized) {
        const Ref frozen = Attribute(dst, g_names.frozen);
        const bool restore = frozen && frozen.get() != Py_None;
        if (restore) Check(PyObject_SetAttr(dst, g_names.frozen, nullptr));
        const Plan& plan = PlanOf(Py_TYPE(dst));
        if (!plan.native || !plan.build_known || plan.build.Read(plan.layout, dst) != nullptr) {
          CallMethod(dst, g_names.build);
        }
        if (restore) Check(PyObject_GenericSetAttr(dst, g_names.frozen, frozen.get()));
        Check(PyObject_GenericSetAttr(dst, g_names.initialized, Py_True));
      }
      if (parent != Py_None && parent != dst) {
        SetParent(dst, parent);
        DataclassAdded(dst, parent, true);
        DataclassRemoved(src);
      }
    }
    BeforeUpdate(PlanOf(Py_TYPE(dst)), dst);
  }
  const Plan& plan = PlanOf(Py_TYPE(dst));
  const Ref old_values = Ref::Share(plan.native ? plan.values.Read(plan.layout, src) : nullptr);
  const Ref new_values = Ref::Share(plan.native ? plan.values.Read(plan.layout, dst) : nullptr);
  if (!plan.native ||
      (plan.sparse && !(old_values && new_values && PyDict_CheckExact(old_values.get()) != 0 &&
                        PyDict_CheckExact(new_values.get()) != 0))) {
    PyErr_SetString(PyExc_RuntimeError, "fletbridge: a class has changed during its comparison");
    throw PythonError();
  }
  if (plan.sparse) {
    for (std::size_t i = 0; i < plan.structural.size(); ++i) {
      const Field& field = plan.structural[i];
      const Ref before = Ref::Share(plan.Get(field, src));
      const Ref after = Ref::Share(plan.Get(field, dst));
      if (!before || !after) {
        PyErr_SetObject(PyExc_AttributeError, field.name);
        throw PythonError();
      }
      CompareValues(dst, path, field.name, before.get(), after.get(), true);
    }
    const auto compare = [&](PyObject* name, PyObject* before, PyObject* after) {
      if (before == after) return;
      if (!HoldsControl(after) && !Differ(before, after)) return;
      const Field* field = plan.Find(name);
      if (field != nullptr && field->event) {
        before = Bool(before != Py_None);
        after = Bool(after != Py_None);
      }
      CompareValues(dst, path, name, before, after, true);
    };
    const auto absent = [&](PyObject* name) {
      PyObject* value = Item(plan.prop_defaults, name);
      return value != nullptr ? value : Py_None;
    };
    const Ref union_of = Ref::Checked(PyDict_Copy(old_values.get()));
    Check(PyDict_Update(union_of.get(), new_values.get()));
    const Ref names = Ref::Checked(PyDict_Keys(union_of.get()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names.get()); ++i) {
      PyObject* name = PyList_GET_ITEM(names.get(), i);
      PyObject* before = Item(old_values.get(), name);
      PyObject* after = Item(new_values.get(), name);
      const Ref held_before = Ref::Share(before != nullptr ? before : absent(name));
      const Ref held_after = Ref::Share(after != nullptr ? after : absent(name));
      compare(name, held_before.get(), held_after.get());
    }
  } else {
    for (std::size_t i = 0; i < plan.fields.size(); ++i) {
      const Field& field = plan.fields[i];
      if (field.skip) continue;
      Ref before = Ref::Checked(PyObject_GetAttr(src, field.name));
      Ref after = Ref::Checked(PyObject_GetAttr(dst, field.name));
      if (field.event) {
        before = Ref::Share(Bool(before.get() != Py_None));
        after = Ref::Share(Bool(after.get() != Py_None));
      }
      CompareValues(dst, path, field.name, before.get(), after.get(), true);
    }
  }
  DataclassRemoved(src);
  DataclassAdded(dst, parent, true);
}

}  // namespace fletbridge::accelerate
