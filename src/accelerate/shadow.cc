#include "src/accelerate/shadow.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

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

// Addresses, of nodes that may be gone: another one there is compared once more than it need be.
constexpr std::size_t kMostUnrecorded = 4096;
auto& g_unrecorded = *new std::unordered_set<PyObject*>;

[[maybe_unused]] bool IsScalar(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  // NaN is another value than itself.
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type ||
         value == Py_None ||
         (type == &PyFloat_Type && PyFloat_AS_DOUBLE(value) == PyFloat_AS_DOUBLE(value));
}

}  // namespace

#ifdef FLETBRIDGE_INLINE_VALUES

bool Record::Holds() const {
  if (!valid || Py_TYPE(object) != plan->type) return false;
  if (plan->epoch != g_epoch && &PlanOf(plan->type) != plan.get()) return false;
  const Holdings* const held = holdings.get();
  if (PyObject** values = ValuesOf(object)) {
    if (held != nullptr && held->own.dict != nullptr) return false;
    if (plan->Watched(values) != watched) return false;
  } else {
    PyObject* dict = DictOf(object);
    if (dict == nullptr || held == nullptr || dict != held->own.dict ||
        VersionOf(dict) != held->own.version) {
      return false;
    }
  }
  const auto empty = [](PyObject* dict) {
    return dict == nullptr || reinterpret_cast<const PyDictObject*>(dict)->ma_used == 0;
  };
  if (!empty(dirty)) return false;
  if (held == nullptr) return true;
  if (!empty(held->changes)) return false;
  if (held->values.dict != nullptr && VersionOf(held->values.dict) != held->values.version) {
    return false;
  }
  for (const Dict& dict : held->dicts) {
    if (VersionOf(dict.dict) != dict.version) return false;
  }
  for (const auto& [list, before] : held->inner) {
    if (!SameItems(list, before.get())) return false;
  }
  for (const Group& group : held->groups) {
    if (group.list == nullptr) continue;
    const std::size_t size = group.entries.size();
    if (static_cast<std::size_t>(PyList_GET_SIZE(group.list)) != size) return false;
    PyObject** items = reinterpret_cast<PyListObject*>(group.list)->ob_item;
    for (std::size_t i = 0; i < size; ++i) {
      if (items[i] != group.entries[i].item) return false;
    }
  }
  return true;
}

namespace {

void Fetch(const void* address) { __builtin_prefetch(address); }

void FetchNode(const Record& record) {
  Fetch(reinterpret_cast<PyObject**>(record.object) - 4);  // where its values are
  Fetch(&record.object->ob_type);
  if (record.dirty != nullptr) Fetch(&reinterpret_cast<PyDictObject*>(record.dirty)->ma_used);
  if (record.array != nullptr && record.plan != nullptr) {
    for (int place : record.plan->Fetched()) Fetch(record.array + place);
  }
  if (record.holdings != nullptr) Fetch(record.holdings.get());
}

const Record* At(const std::vector<Record::Entry>& entries, std::size_t place) {
  return place < entries.size() ? entries[place].record.get() : nullptr;
}

const Record::Group* FirstGroup(const Record* record) {
  return record != nullptr && record->HasChildren() ? &record->holdings->groups.front() : nullptr;
}

}  // namespace

// Each step reads what an earlier one has fetched, some records before.
void FetchAhead(const std::vector<Record::Entry>& entries, std::size_t at) {
  constexpr std::size_t kMostChildren = 8;
  if (const Record* record = At(entries, at + 14)) Fetch(record);
  if (const Record* record = At(entries, at + 10)) FetchNode(*record);
  if (const Record* record = At(entries, at + 8); record != nullptr && record->holdings) {
    Fetch(record->holdings->groups.data());
  }
  if (const Record::Group* group = FirstGroup(At(entries, at + 6))) {
    Fetch(group->entries.data());
    if (group->list != nullptr) Fetch(&reinterpret_cast<PyListObject*>(group->list)->ob_item);
    Fetch(group->items);
  }
  const auto for_children = [&](std::size_t place, auto fetch) {
    const Record::Group* group = FirstGroup(At(entries, place));
    if (group == nullptr) return;
    for (std::size_t i = 0; i < std::min(group->entries.size(), kMostChildren); ++i) {
      if (const Record* child = group->entries[i].record.get()) fetch(*child);
    }
  };
  for_children(at + 4, [](const Record& child) { Fetch(&child); });
  for_children(at + 2, FetchNode);
}

Record::Holdings& Record::Held() {
  if (holdings == nullptr) holdings = std::make_unique<Holdings>();
  return *holdings;
}

void Renewal::Empty(Record& record) {
  if (record.holdings == nullptr) return;
  for (Record::Group& group : record.holdings->groups) {
    for (Record::Entry& entry : group.entries) {
      if (entry.record != nullptr) pool_.push_back({std::move(entry.record)});
    }
  }
  record.holdings = nullptr;
}

Renewal::Renewal(Record& old) : old_(old) {
  old.valid = false;
  Empty(old);
}

// The place in the pool, or its size.
std::size_t Renewal::Find(PyObject* object, std::size_t& cursor) {
  const auto holds = [&](std::size_t place) {
    const Record* record = pool_[place].record.get();
    return record != nullptr && record->object == object;
  };
  if (cursor < pool_.size() && holds(cursor)) return cursor++;
  if (places_.empty()) {
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      if (pool_[i].record != nullptr) places_.emplace(pool_[i].record->object, i);
    }
  }
  const auto found = places_.find(object);
  if (found == places_.end() || !holds(found->second)) return pool_.size();
  cursor = found->second + 1;
  return found->second;
}

Record& Renewal::Child(PyObject* object) {
  const std::size_t place = Find(object, met_);
  if (place == pool_.size()) {
    pool_.push_back({std::make_unique<Record>(object)});
    if (!places_.empty() || pool_.size() > 1) places_[object] = place;
  }
  pool_[place].met = true;
  return *pool_[place].record;
}

std::unique_ptr<Record> Renewal::Take(PyObject* object) {
  const std::size_t place = Find(object, taken_);
  // One that is new is looked at when it is met.
  return place < pool_.size() && pool_[place].met ? std::move(pool_[place].record)
                                                  : std::make_unique<Record>(object);
}

bool Renewal::AddList(PyObject* name, PyObject* list, Record& made) {
  Record::Group& group = made.Held().groups.emplace_back();
  group.name = name;
  group.list = list;
  group.items = reinterpret_cast<PyListObject*>(list)->ob_item;
  const Py_ssize_t size = PyList_GET_SIZE(list);
  group.entries.reserve(static_cast<std::size_t>(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = PyList_GET_ITEM(list, i);
    if (IsScalar(item)) {
      group.entries.push_back({item, nullptr});
      continue;
    }
    if (PyType_Check(item) != 0 || !IsDataclass(item)) return false;
    group.entries.push_back({item, made.closed ? nullptr : Take(item)});
  }
  return true;
}

// A list of scalars; most lists of a kind hold the same ones, and share what is kept of them.
bool Renewal::AddInner(PyObject* list, Record& made) {
  static Ref& last = *new Ref;
  if (PyList_CheckExact(list) == 0) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    if (!IsScalar(PyList_GET_ITEM(list, i))) return false;
  }
  if (!last || !SameItems(list, last.get()))
    last = Ref::Checked(PyList_GetSlice(list, 0, PyList_GET_SIZE(list)));
  made.Held().inner.emplace_back(list, Ref::Share(last.get()));
  return true;
}

bool Renewal::Describe(const Plan& plan, PyObject* object, Record& made) {
  if (!plan.native) return false;
  const auto read = [&](Plan::First what) { return plan.watch[what].Read(plan.layout, object); };
  made.array = ValuesOf(object);
  if (made.array != nullptr) {
    made.watched = plan.Watched(made.array);
  } else {
    // Its dictionary's version changes with every change.
    PyObject* dict = DictOf(object);
    if (dict == nullptr || PyDict_CheckExact(dict) == 0) return false;
    made.Held().own = {dict, VersionOf(dict)};
    PyObject* values = plan.values.Read(plan.layout, object);
    if (values != nullptr && PyDict_CheckExact(values) != 0) {
      made.Held().values = {values, VersionOf(values)};
    }
  }
  made.dirty = read(Plan::kDirty);
  PyObject* const changes = read(Plan::kChanges);
  if (changes != nullptr) made.Held().changes = changes;
  const auto empty_dict = [](PyObject* dict) {
    return dict == nullptr || (PyDict_CheckExact(dict) != 0 && PyDict_GET_SIZE(dict) == 0);
  };
  if (read(Plan::kFrozen) != nullptr || !empty_dict(made.dirty) || !empty_dict(changes)) {
    return false;
  }
  if (plan.control) {
    PyObject* reported = read(Plan::kReported);
    if (!plan.IsQuiet(object) || !plan.safe_known || !plan.isolated_known || !plan.rules_pure ||
        reported == nullptr || PySet_CheckExact(reported) == 0 || PySet_GET_SIZE(reported) != 0 ||
        plan.before_update_safe.Read(plan.layout, object) != nullptr ||
        plan.is_isolated.Read(plan.layout, object) != nullptr) {
      return false;
    }
  }
  PyObject* snapshots[] = {read(Plan::kPrevLists), read(Plan::kPrevDicts),
                           read(Plan::kPrevClasses)};
  for (PyObject* snapshot : snapshots) {
    if (snapshot != nullptr && PyDict_CheckExact(snapshot) == 0) return false;
  }
  const auto current = [&](PyObject* name) -> PyObject* {
    const Field* field = plan.Find(name);
    if (field == nullptr || field->skip) return nullptr;
    if (field->prop) {
      PyObject* values = plan.values.Read(plan.layout, object);
      if (values == nullptr || PyDict_CheckExact(values) == 0) return nullptr;
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
    PyObject** before = reinterpret_cast<PyListObject*>(snapshot)->ob_item;
    for (const Record::Entry& entry : made.Held().groups.back().entries) {
      if (entry.item != *before++) return false;
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
      if (Item(snapshot, key) != value) return false;
      if (!IsScalar(value) && !AddInner(value, made)) return false;
    }
    made.Held().dicts.push_back({dict, VersionOf(dict)});
  }
  position = 0;
  while (snapshots[2] != nullptr && PyDict_Next(snapshots[2], &position, &name, &snapshot) != 0) {
    PyObject* child = current(name);
    if (child != snapshot || PyType_Check(child) != 0 || !IsDataclass(child) || HasFrozen(child))
      return false;
    Record::Group& group = made.Held().groups.emplace_back();
    group.name = name;
    group.entries.push_back({child, made.closed ? nullptr : Take(child)});
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
    Empty(made);
    Record::Group rest;
    for (Pooled& pooled : pool_) {
      if (pooled.record == nullptr || !pooled.met) continue;
      PyObject* item = pooled.record->object;
      rest.entries.push_back({item, std::move(pooled.record)});
    }
    if (!rest.entries.empty()) made.Held().groups.push_back(std::move(rest));
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
Record::Holdings& Record::Held() { return *holdings; }
Renewal::Renewal(Record& old) : old_(old) {}
void FetchAhead(const std::vector<Record::Entry>&, std::size_t) {}
Record& Renewal::Child(PyObject*) { return old_; }
void Renewal::Finish(const Plan&, PyObject*, bool) {}
Record* RootRecord(PyObject*) { return nullptr; }

#endif

void NoteUnrecorded(PyObject* object) {
  if (g_roots.empty()) return;
  g_unrecorded.insert(object);
  g_any_unrecorded = true;
}

bool IsUnrecorded(PyObject* object) { return g_unrecorded.count(object) != 0; }

namespace {

void ForgetUnrecordedIn(Record& record) {
  if (IsUnrecorded(record.object)) record.valid = false;
  if (!record.HasChildren()) return;
  for (Record::Group& group : record.holdings->groups) {
    for (Record::Entry& entry : group.entries) {
      if (entry.record != nullptr) ForgetUnrecordedIn(*entry.record);
    }
  }
}

}  // namespace

void ForgetUnrecorded() {
  if (!g_any_unrecorded) return;
  if (g_unrecorded.size() > kMostUnrecorded) {
    ForgetAllRoots();
  } else {
    for (auto& [object, root] : g_roots) ForgetUnrecordedIn(*root.record);
  }
  g_unrecorded.clear();
  g_any_unrecorded = false;
}

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
