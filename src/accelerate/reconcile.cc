#include "src/accelerate/reconcile.h"

#include <algorithm>
#include <unordered_map>

namespace fletbridge::accelerate {
namespace {

bool IsPlainScalar(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type ||
         value == Py_None;
}

using Key = Reconciliation::Key;

struct HashKey {
  std::size_t operator()(const Key& key) const {
    return (key.value ^ (static_cast<std::uintptr_t>(key.kind) << 61)) * 0x9e3779b97f4a7c15u >> 7;
  }
};

// The keys of both lists. Explicit keys are numbered, equal ones alike.
class Keys {
 public:
  explicit Keys(bool frozen) : frozen_(frozen) {}

  // False: a key that is left to Flet's code.
  bool Read(PyObject* items, std::vector<Key>& keys) {
    std::uintptr_t unkeyed = 0;
    std::uintptr_t primitives = 0;
    const Py_ssize_t size = PyTuple_GET_SIZE(items);
    keys.reserve(static_cast<std::size_t>(size));
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* item = PyTuple_GET_ITEM(items, i);
      if (PyType_Check(item) != 0) return false;
      if (!IsDataclass(item)) {
        keys.push_back({Key::kPrimitive, primitives++});
        continue;
      }
      const Ref key = ControlKey(item);
      if (key.get() == Py_None) {
        keys.push_back(frozen_ ? Key{Key::kPosition, unkeyed++}
                               : Key{Key::kIdentity, reinterpret_cast<std::uintptr_t>(item)});
        continue;
      }
      if (PyUnicode_CheckExact(key.get()) == 0 && PyLong_CheckExact(key.get()) == 0) return false;
      if (!numbers_) numbers_ = Ref::Checked(PyDict_New());
      PyObject* number = Item(numbers_.get(), key.get());
      if (number == nullptr) {
        const Ref next = Ref::Checked(PyLong_FromSsize_t(PyDict_GET_SIZE(numbers_.get())));
        Check(PyDict_SetItem(numbers_.get(), key.get(), next.get()));
        number = next.get();
        keys.push_back({Key::kExplicit, PyLong_AsSize_t(number)});
        continue;
      }
      keys.push_back({Key::kExplicit, PyLong_AsSize_t(number)});
    }
    return true;
  }

  // The tuple that Flet makes of an item's key.
  static Ref Tuple(const Key& key, PyObject* item) {
    switch (key.kind) {
      case Key::kExplicit: {
        const Ref explicit_key = ControlKey(item);
        return Ref::Checked(Py_BuildValue("(sO)", "k", explicit_key.get()));
      }
      case Key::kIdentity:
        return Ref::Checked(
            Py_BuildValue("(sK)", "id", static_cast<unsigned long long>(key.value)));
      case Key::kPosition:
        return Ref::Checked(
            Py_BuildValue("(sK)", "pos", static_cast<unsigned long long>(key.value)));
      case Key::kPrimitive:
        break;
    }
    return Ref::Checked(Py_BuildValue("(sK)", "prim", static_cast<unsigned long long>(key.value)));
  }

 private:
  bool frozen_;
  Ref numbers_;
};

// How many of the old items before a place have not been used yet.
class Remaining {
 public:
  explicit Remaining(std::size_t size) : tree_(size + 1) {
    for (std::size_t i = 1; i <= size; ++i) {
      tree_[i] += 1;
      if (const std::size_t next = i + (i & (~i + 1)); next <= size) tree_[next] += tree_[i];
    }
  }
  [[nodiscard]] Py_ssize_t Before(std::size_t place) const {
    Py_ssize_t sum = 0;
    for (std::size_t i = place; i > 0; i -= i & (~i + 1)) sum += tree_[i];
    return sum;
  }
  void Take(std::size_t place) {
    for (std::size_t i = place + 1; i < tree_.size(); i += i & (~i + 1)) tree_[i] -= 1;
  }

 private:
  std::vector<Py_ssize_t> tree_;
};

}  // namespace

Reconciliation::How Reconciliation::Judge(PyObject* src, PyObject* dst) {
  PyObject** old_items = reinterpret_cast<PyListObject*>(src)->ob_item;
  PyObject** new_items = reinterpret_cast<PyListObject*>(dst)->ob_item;
  const Py_ssize_t old_size = PyList_GET_SIZE(src);
  const Py_ssize_t new_size = PyList_GET_SIZE(dst);
  if (old_size == new_size && std::equal(old_items, old_items + old_size, new_items)) {
    bool children = false;
    for (Py_ssize_t i = 0; i < new_size; ++i) {
      PyObject* item = new_items[i];
      if (IsPlainScalar(item)) continue;
      if (PyList_Check(item) != 0 || PyDict_Check(item) != 0 || PyType_Check(item) != 0 ||
          !IsDataclass(item)) {
        return How::kFlet;  // it may have changed within, or not be equal to itself
      }
      children = true;
    }
    return children ? How::kPositions : How::kNothing;
  }
  bool any = false;
  for (Py_ssize_t i = 0; i < old_size && !any; ++i)
    any = PyType_Check(old_items[i]) != 0 || IsDataclass(old_items[i]);
  for (Py_ssize_t i = 0; i < new_size && !any; ++i)
    any = PyType_Check(new_items[i]) != 0 || IsDataclass(new_items[i]);
  if (!any) return How::kFlet;
  old_items_ = Ref::Checked(PyList_AsTuple(src));
  new_items_ = Ref::Checked(PyList_AsTuple(dst));
  Keys keys(frozen_);
  if (!keys.Read(old_items_.get(), old_keys_) || !keys.Read(new_items_.get(), new_keys_)) {
    return How::kFlet;
  }
  return old_keys_ == new_keys_ ? How::kPositions : How::kKeys;
}

bool Reconciliation::Run(PyObject* dst) {
  std::unordered_map<Key, std::size_t, HashKey> old_places;
  std::unordered_map<Key, std::size_t, HashKey> new_places;
  for (std::size_t i = 0; i < old_keys_.size(); ++i) {
    if (!old_places.emplace(old_keys_[i], i).second) return false;
  }
  for (std::size_t i = 0; i < new_keys_.size(); ++i) {
    if (!new_places.emplace(new_keys_[i], i).second) return false;
  }
  list_ = path_.List();
  if (IsRemembered()) return false;

  // Flet works on a copy of the old list in which it puts each item in its place, from the front.
  // So the remaining old items follow this position, in the old order.
  Remaining remaining(old_keys_.size());
  std::vector<bool> used(old_keys_.size());
  std::size_t front = 0;
  const auto skip = [&] {
    while (front < used.size() && used[front]) ++front;
  };
  const auto take = [&](std::size_t place) {
    used[place] = true;
    remaining.Take(place);
    skip();
  };
  // A hook may change the new list meanwhile; its keys stay those of the beginning.
  std::size_t i = 0;
  for (; static_cast<Py_ssize_t>(i) < PyList_GET_SIZE(dst); ++i) {
    if (i >= new_keys_.size()) {
      PyErr_SetString(PyExc_IndexError, "list index out of range");
      throw PythonError();
    }
    const auto at = static_cast<Py_ssize_t>(i);
    while (front < used.size() && new_places.find(old_keys_[front]) == new_places.end()) {
      PyObject* item = PyTuple_GET_ITEM(old_items_.get(), static_cast<Py_ssize_t>(front));
      Removed(at, item, Keys::Tuple(old_keys_[front], item).get());
      take(front);
    }
    const Ref item = Ref::Share(PyList_GET_ITEM(dst, at));
    const auto found = old_places.find(new_keys_[i]);
    if (found == old_places.end()) {
      PyObject* judged = PyTuple_GET_ITEM(new_items_.get(), at);
      Added(at, item.get(), Keys::Tuple(new_keys_[i], judged).get());
      continue;
    }
    const std::size_t place = found->second;
    const Py_ssize_t now = at + remaining.Before(place);
    Update(now, PyTuple_GET_ITEM(old_items_.get(), static_cast<Py_ssize_t>(place)), item.get());
    if (now != at) Moved(now, at);
    take(place);
  }
  // What is left is in none of the new places; from the end, so that the numbers hold.
  Py_ssize_t last = static_cast<Py_ssize_t>(i) + remaining.Before(old_keys_.size());
  for (std::size_t place = old_keys_.size(); place-- > front;) {
    if (used[place]) continue;
    --last;
    if (new_places.find(old_keys_[place]) != new_places.end()) continue;  // the list became shorter
    PyObject* item = PyTuple_GET_ITEM(old_items_.get(), static_cast<Py_ssize_t>(place));
    Removed(last, item, Keys::Tuple(old_keys_[place], item).get());
  }
  return true;
}

// emit_replace_at().
void Reconciliation::Update(Py_ssize_t place, PyObject* old_item, PyObject* new_item) {
  if (IsDataclass(old_item) && IsDataclass(new_item)) {
    const auto has_frozen = [](PyObject* item) {
      return static_cast<bool>(Attribute(item, g_names.frozen));
    };
    const bool frozen = has_frozen(old_item) || has_frozen(new_item) ||
                        walk_.EffectivelyFrozen(old_item, new_item, frozen_);
    bool same = old_item == new_item;
    if (!same && frozen && Py_TYPE(old_item) == Py_TYPE(new_item) &&
        walk_.SameComponent(old_item, new_item)) {
      const Ref old_key = ControlKey(old_item);
      const Ref new_key = ControlKey(new_item);
      same = old_key.get() == Py_None || new_key.get() == Py_None;
      if (!same) {
        const Ref equal = Ref::Checked(PyObject_RichCompare(old_key.get(), new_key.get(), Py_EQ));
        same = Truth(equal.get());
      }
    }
    if (same) {
      walk_.CompareDataclasses(parent_, Path(path_, place), old_item, new_item, frozen);
      return;
    }
  }
  if (old_item == new_item && IsPlainScalar(old_item)) return;
  if (Py_TYPE(old_item) == Py_TYPE(new_item)) {
    const Ref different = Ref::Checked(PyObject_RichCompare(old_item, new_item, Py_NE));
    ++g_epoch;
    if (!Truth(different.get())) return;
  }
  if (IsDataclass(old_item) || IsDataclass(new_item)) {
    walk_.RemovedAndAdded(parent_, path_, place, old_item, new_item, frozen_);
  } else {
    const Ref number = Ref::Checked(PyLong_FromSsize_t(place));
    walk_.Replaced(path_, number.get(), new_item);
  }
}

// _item_added() and _item_removed(), for keys that are there once: nothing to pair them with.
void Reconciliation::Added(Py_ssize_t place, PyObject* item, PyObject* key) {
  Ref operation = Ref::Checked(PyDict_New());
  const Ref location = path_.List(place);
  Check(PyDict_SetItem(operation.get(), g_names.op, g_names.add));
  Check(PyDict_SetItem(operation.get(), g_names.path, location.get()));
  Check(PyDict_SetItem(operation.get(), g_names.value, item));
  const Ref link = walk_.Insert(g_flet.add_operation, std::move(operation), location.get());
  Remember(0, key, link.get());
  walk_.DataclassAdded(item, parent_, frozen_);
}

void Reconciliation::Removed(Py_ssize_t place, PyObject* item, PyObject* key) {
  Ref operation = Ref::Checked(PyDict_New());
  const Ref location = path_.List(place);
  Check(PyDict_SetItem(operation.get(), g_names.op, g_names.remove));
  Check(PyDict_SetItem(operation.get(), g_names.path, location.get()));
  Check(PyDict_SetItem(operation.get(), g_names.value, item));
  const Ref link = walk_.Insert(g_flet.remove_operation, std::move(operation), location.get());
  Remember(1, key, link.get());
  walk_.DataclassRemoved(item);
}

void Reconciliation::Moved(Py_ssize_t from, Py_ssize_t to) {
  Ref operation = Ref::Checked(PyDict_New());
  const Ref source = path_.List(from);
  const Ref location = path_.List(to);
  Check(PyDict_SetItem(operation.get(), g_names.op, g_names.move));
  Check(PyDict_SetItem(operation.get(), g_names.from, source.get()));
  Check(PyDict_SetItem(operation.get(), g_names.path, location.get()));
  walk_.Insert(g_flet.move_operation, std::move(operation), location.get());
}

// store_index(), for a key that has no hash since it holds a list.
void Reconciliation::Remember(std::size_t which, PyObject* key, PyObject* link) {
  const Ref stores = Ref::Checked(PyObject_GetAttr(walk_.builder_, g_names.index_storage2));
  const Ref store = Ref::Checked(PySequence_GetItem(stores.get(), static_cast<Py_ssize_t>(which)));
  // take_index() looks no further where no key of this type was ever stored.
  static PyObject* const name = PyUnicode_InternFromString("index_storage");
  const Ref typed_stores = Ref::Checked(PyObject_GetAttr(walk_.builder_, name));
  const Ref typed =
      Ref::Checked(PySequence_GetItem(typed_stores.get(), static_cast<Py_ssize_t>(which)));
  auto* tuple = reinterpret_cast<PyObject*>(&PyTuple_Type);
  if (Item(typed.get(), tuple) == nullptr) {
    const Ref none = Ref::Checked(PyDict_New());
    Check(PyDict_SetItem(typed.get(), tuple, none.get()));
  }
  const Ref value = Ref::Checked(PyTuple_Pack(2, key, list_.get()));
  const Ref entry = Ref::Checked(PyList_New(3));
  PyList_SET_ITEM(entry.get(), 0, Py_NewRef(reinterpret_cast<PyObject*>(&PyTuple_Type)));
  PyList_SET_ITEM(entry.get(), 1, Py_NewRef(value.get()));
  PyList_SET_ITEM(entry.get(), 2, Py_NewRef(link));
  Check(PyList_Append(store.get(), entry.get()));
}

// Whether an operation on a list at the same place waits for its counterpart.
bool Reconciliation::IsRemembered() {
  const Ref stores = Ref::Checked(PyObject_GetAttr(walk_.builder_, g_names.index_storage2));
  for (Py_ssize_t which = 0; which < 2; ++which) {
    const Ref store = Ref::Checked(PySequence_GetItem(stores.get(), which));
    PyObject* seen = nullptr;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(store.get()); ++i) {
      PyObject* value = PyList_GET_ITEM(PyList_GET_ITEM(store.get(), i), 1);
      if (PyTuple_Check(value) == 0 || PyTuple_GET_SIZE(value) != 2) continue;
      PyObject* path = PyTuple_GET_ITEM(value, 1);
      if (path == seen || PyList_Check(path) == 0) continue;
      seen = path;
      const int equal = PyObject_RichCompareBool(path, list_.get(), Py_EQ);
      Check(equal);
      if (equal != 0) return true;
    }
  }
  return false;
}

}  // namespace fletbridge::accelerate
