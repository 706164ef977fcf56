#include "src/accelerate/shadow.h"

#include <algorithm>
#include <unordered_map>

namespace fletbridge::accelerate {
namespace {

// Pages and controls that are updated by themselves; the oldest goes.
[[maybe_unused]] constexpr std::size_t kMostRoots = 256;

struct Root {
  Ref alive;  // a weak reference
  std::unique_ptr<Record> record;
  std::uint64_t used = 0;
};
auto& g_roots = *new std::unordered_map<PyObject*, Root>;
[[maybe_unused]] std::uint64_t g_uses = 0;

[[maybe_unused]] bool IsScalar(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type ||
         value == Py_None;
}

}  // namespace

#ifdef FLETBRIDGE_INLINE_VALUES

namespace {
std::uint64_t VersionOf(PyObject* dict) {
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
}
}  // namespace

bool Record::Holds() const {
  if (!valid || Py_TYPE(object) != plan->type) return false;
  if (plan->epoch != g_epoch && &PlanOf(plan->type) != plan.get()) return false;
  if (PyObject** array = ValuesOf(object)) {
    if (own.dict != nullptr) return false;
    const std::vector<int>& places = plan->WatchedPlaces();
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if ((places[i] >= 0 ? array[places[i]] : nullptr) != watched[i]) return false;
    }
  } else {
    PyObject* dict = DictOf(object);
    if (dict == nullptr || dict != own.dict || VersionOf(dict) != own.version) return false;
  }
  for (const PyObject* dict : {watched[Plan::kDirty], watched[Plan::kChanges]}) {
    if (dict != nullptr && reinterpret_cast<const PyDictObject*>(dict)->ma_used != 0) return false;
  }
  if (values.dict != nullptr && VersionOf(values.dict) != values.version) return false;
  for (const Dict& dict : dicts) {
    if (VersionOf(dict.dict) != dict.version) return false;
  }
  for (const Group& group : groups) {
    if (group.list == nullptr) continue;
    const auto size = static_cast<std::size_t>(PyList_GET_SIZE(group.list));
    if (size != group.items.size()) return false;
    if (size != 0 && !std::equal(group.items.begin(), group.items.end(),
                                 reinterpret_cast<PyListObject*>(group.list)->ob_item)) {
      return false;
    }
  }
  return true;
}

Renewal::Renewal(Record& old) : old_(old) {
  old.valid = false;
  for (Record::Group& group : old.groups) {
    for (std::unique_ptr<Record>& record : group.records) {
      if (record != nullptr) pool_.push_back(std::move(record));
    }
  }
  old.groups.clear();
}

// The place in the pool, or its size.
std::size_t Renewal::Find(PyObject* object, std::size_t& cursor) {
  if (cursor < pool_.size() && pool_[cursor] != nullptr && pool_[cursor]->object == object)
    return cursor++;
  if (places_.empty()) {
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      if (pool_[i] != nullptr) places_.emplace(pool_[i]->object, i);
    }
  }
  const auto found = places_.find(object);
  if (found == places_.end() || pool_[found->second] == nullptr) return pool_.size();
  cursor = found->second + 1;
  return found->second;
}

Record& Renewal::Child(PyObject* object) {
  const std::size_t place = Find(object, met_);
  if (place < pool_.size()) return *pool_[place];
  pool_.push_back(std::make_unique<Record>(object));
  if (!places_.empty() || pool_.size() > 1) places_[object] = place;
  return *pool_.back();
}

std::unique_ptr<Record> Renewal::Take(PyObject* object) {
  const std::size_t place = Find(object, taken_);
  // One that is new is looked at when it is met.
  return place < pool_.size() ? std::move(pool_[place]) : std::make_unique<Record>(object);
}

bool Renewal::AddList(PyObject* name, PyObject* list, Record& made) {
  Record::Group& group = made.groups.emplace_back();
  group.name = name;
  group.list = list;
  const Py_ssize_t size = PyList_GET_SIZE(list);
  group.items.reserve(static_cast<std::size_t>(size));
  group.records.reserve(static_cast<std::size_t>(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = PyList_GET_ITEM(list, i);
    group.items.push_back(item);
    if (IsScalar(item)) {
      group.records.push_back(nullptr);
      continue;
    }
    if (PyType_Check(item) != 0 || !IsDataclass(item)) return false;
    group.records.push_back(made.closed ? nullptr : Take(item));
  }
  return true;
}

bool Renewal::Describe(const Plan& plan, PyObject* object, Record& made) {
  if (!plan.native) return false;
  made.watched.reserve(plan.watch.size());
  for (const Slot& slot : plan.watch) made.watched.push_back(slot.Read(plan.layout, object));
  if (ValuesOf(object) == nullptr) {
    // Its dictionary's version tells of every change.
    PyObject* dict = DictOf(object);
    if (dict == nullptr || PyDict_CheckExact(dict) == 0) return false;
    made.own = {dict, VersionOf(dict)};
    made.watched.resize(Plan::kReported + 1);
  }
  const auto empty_dict = [](PyObject* dict) {
    return dict == nullptr || (PyDict_CheckExact(dict) != 0 && PyDict_GET_SIZE(dict) == 0);
  };
  if (made.watched[Plan::kFrozen] != nullptr || !empty_dict(made.watched[Plan::kDirty]) ||
      !empty_dict(made.watched[Plan::kChanges])) {
    return false;
  }
  if (plan.control) {
    PyObject* reported = made.watched[Plan::kReported];
    if (!plan.IsQuiet(object) || !plan.safe_known || !plan.isolated_known || !plan.rules_pure ||
        reported == nullptr || PySet_CheckExact(reported) == 0 || PySet_GET_SIZE(reported) != 0 ||
        plan.before_update_safe.Read(plan.layout, object) != nullptr ||
        plan.is_isolated.Read(plan.layout, object) != nullptr) {
      return false;
    }
  }
  PyObject* snapshots[] = {made.watched[Plan::kPrevLists], made.watched[Plan::kPrevDicts],
                           made.watched[Plan::kPrevClasses]};
  for (PyObject* snapshot : snapshots) {
    if (snapshot != nullptr && PyDict_CheckExact(snapshot) == 0) return false;
  }
  const auto current = [&](PyObject* name) -> PyObject* {
    const Field* field = plan.Find(name);
    if (field == nullptr || field->skip) return nullptr;
    if (field->prop && made.values.dict == nullptr) {
      PyObject* values = plan.values.Read(plan.layout, object);
      if (values == nullptr || PyDict_CheckExact(values) == 0) return nullptr;
      made.values = {values, VersionOf(values)};
    }
    return plan.Get(*field, object);
  };
  PyObject *name = nullptr, *snapshot = nullptr;
  Py_ssize_t position = 0;
  while (snapshots[0] != nullptr && PyDict_Next(snapshots[0], &position, &name, &snapshot) != 0) {
    PyObject* list = current(name);
    if (list == nullptr || PyList_CheckExact(list) == 0 || PyList_CheckExact(snapshot) == 0 ||
        PyList_GET_SIZE(list) != PyList_GET_SIZE(snapshot) || !AddList(name, list, made)) {
      return false;
    }
    if (!std::equal(made.groups.back().items.begin(), made.groups.back().items.end(),
                    reinterpret_cast<PyListObject*>(snapshot)->ob_item)) {
      return false;
    }
  }
  position = 0;
  while (snapshots[1] != nullptr && PyDict_Next(snapshots[1], &position, &name, &snapshot) != 0) {
    PyObject* dict = current(name);
    if (dict == nullptr || PyDict_CheckExact(dict) == 0 || PyDict_CheckExact(snapshot) == 0 ||
        PyDict_GET_SIZE(dict) != PyDict_GET_SIZE(snapshot)) {
      return false;
    }
    PyObject *key = nullptr, *value = nullptr;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value) != 0) {
      if (!IsScalar(value) || Item(snapshot, key) != value) return false;
    }
    made.dicts.push_back({dict, VersionOf(dict)});
  }
  position = 0;
  while (snapshots[2] != nullptr && PyDict_Next(snapshots[2], &position, &name, &snapshot) != 0) {
    PyObject* child = current(name);
    if (child != snapshot || PyType_Check(child) != 0 || !IsDataclass(child) || HasFrozen(child))
      return false;
    Record::Group& group = made.groups.emplace_back();
    group.name = name;
    group.records.push_back(made.closed ? nullptr : Take(child));
  }
  for (const Field& field : plan.structural) {
    PyObject* value = plan.Get(field, object);
    if (value == nullptr || IsScalar(value)) continue;
    if (PyList_Check(value) == 0 && PyDict_Check(value) == 0 && !IsDataclass(value)) continue;
    bool known = false;
    for (PyObject* held : snapshots)
      known = known || (held != nullptr && Item(held, field.name) != nullptr);
    if (!known) return false;
  }
  return true;
}

void Renewal::Finish(const Plan& plan, PyObject* object, bool closed) {
  Record made(object);
  made.closed = closed;
  made.valid = Describe(plan, object, made);
  if (!made.valid) {
    // It is looked at again each time; its children need not be.
    Record::Group rest;
    for (Record::Group& group : made.groups) {
      for (std::unique_ptr<Record>& record : group.records) {
        if (record != nullptr) rest.records.push_back(std::move(record));
      }
    }
    for (std::unique_ptr<Record>& record : pool_) {
      if (record != nullptr) rest.records.push_back(std::move(record));
    }
    made.groups.clear();
    made.groups.push_back(std::move(rest));
  }
  made.plan = SharedPlan(plan);
  old_ = std::move(made);
}

Record* RootRecord(PyObject* root) {
  auto found = g_roots.find(root);
  if (found != g_roots.end() && PyWeakref_GetObject(found->second.alive.get()) != root) {
    g_roots.erase(found);
    found = g_roots.end();
  }
  if (found == g_roots.end()) {
    Ref weak = Ref::Own(PyWeakref_NewRef(root, nullptr));
    if (!weak) {
      PyErr_Clear();
      return nullptr;
    }
    if (g_roots.size() >= kMostRoots) {
      auto oldest = g_roots.begin();
      for (auto it = g_roots.begin(); it != g_roots.end(); ++it) {
        if (it->second.used < oldest->second.used) oldest = it;
      }
      g_roots.erase(oldest);
    }
    found = g_roots.emplace(root, Root()).first;
    found->second.alive = std::move(weak);
    found->second.record = std::make_unique<Record>(root);
  }
  found->second.used = ++g_uses;
  return found->second.record.get();
}

#else

bool Record::Holds() const { return false; }
Renewal::Renewal(Record& old) : old_(old) {}
Record& Renewal::Child(PyObject*) { return old_; }
void Renewal::Finish(const Plan&, PyObject*, bool) {}
Record* RootRecord(PyObject*) { return nullptr; }

#endif

void ForgetOthers(PyObject* root) {
  if (g_roots.size() < 2) return;
  const auto is_page = [](PyObject* object) { return Py_TYPE(object) == g_flet.page; };
  const bool page = is_page(root);
  for (auto it = g_roots.begin(); it != g_roots.end();) {
    const bool alive = PyWeakref_GetObject(it->second.alive.get()) == it->first;
    it = it->first == root || (page && alive && is_page(it->first)) ? std::next(it)
                                                                    : g_roots.erase(it);
  }
}

void ForgetRoot(PyObject* root) {
  if (!g_roots.empty()) g_roots.erase(root);
}

void ForgetAllRoots() { g_roots.clear(); }

}  // namespace fletbridge::accelerate
