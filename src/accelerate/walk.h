// Room: src/accelerate. One comparison in progress: Flet's DiffBuilder, seen from C++. It adds its
// operations to the builder's own chain, so that Flet's code and ours can alternate.
//
// Threads: the one that holds the GIL and began the comparison.
#pragma once

#include "src/accelerate/plan.h"
#include "src/accelerate/python.h"
#include "src/accelerate/shadow.h"

namespace fletbridge::accelerate {

// Values may hold themselves, and lead as deep as an app likes.
class Recursion {
 public:
  Recursion() {
    if (Py_EnterRecursiveCall("") != 0) throw PythonError();
  }
  Recursion(const Recursion&) = delete;
  Recursion& operator=(const Recursion&) = delete;
  ~Recursion() { Py_LeaveRecursiveCall(); }
};

// What a loop of Python over a list, or over the values of a dictionary, meets: code of an app may
// change either meanwhile. Nothing of any other value.
class Items {
 public:
  explicit Items(PyObject* value);
  [[nodiscard]] Ref Next();  // null: the end

 private:
  Ref list_;  // exactly a list
  Py_ssize_t at_ = 0;
  Ref iterator_;
  bool foreign_ = false;  // a class of the app says what it holds
};

template <typename Visit>
void ForEachItem(PyObject* value, Visit visit) {
  Items items(value);
  while (const Ref item = items.Next()) visit(item.get());
}

// Where a value is: made into a list of Python only when an operation needs it.
class Path {
 public:
  // A path that Flet has made.
  explicit Path(PyObject* list) : list_(list) {}
  Path(const Path& up, PyObject* name) : up_(&up), name_(name) {}
  Path(const Path& up, Py_ssize_t place) : up_(&up), place_(place) {}
  // A new list; with `last` appended, unless it is null.
  [[nodiscard]] Ref List(PyObject* last = nullptr) const;
  [[nodiscard]] Ref List(Py_ssize_t last) const;

 private:
  [[nodiscard]] Py_ssize_t Size() const;
  void Fill(PyObject* list) const;
  const Path* up_ = nullptr;
  PyObject* list_ = nullptr;
  PyObject* name_ = nullptr;
  Py_ssize_t place_ = 0;
};

class Walk {
 public:
  // `builder`: borrowed for the walk. Throws PythonError.
  explicit Walk(PyObject* builder);

  // A whole comparison, in place, that begins at `root`: what has not changed since the last one is
  // passed over.
  void CompareRoot(PyObject* parent, const Path& path, PyObject* root);

  // Flet's methods of the same names. Throw PythonError.
  void CompareValues(PyObject* parent, const Path& path, PyObject* key, PyObject* src,
                     PyObject* dst, bool frozen);
  void CompareLists(PyObject* parent, const Path& path, PyObject* src, PyObject* dst, bool frozen);
  void CompareDataclasses(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                          bool frozen);
  void DataclassAdded(PyObject* item, PyObject* parent, bool frozen);
  void DataclassRemoved(PyObject* item);
  void Configure(PyObject* item, PyObject* parent, bool frozen, bool setattr_only, PyObject* found);
  void RemovedControls(PyObject* item, bool recurse, PyObject* found);
  [[nodiscard]] PyObject* added() const { return added_.get(); }
  [[nodiscard]] PyObject* removed() const { return removed_.get(); }

 private:
  friend class Reconciliation;

  void Visit(Record& record, PyObject* parent, const Path& path, bool single);
  void VisitChildren(Record& record, const Path& path);
  void UpdateList(PyObject* snapshots, PyObject* key, PyObject* value);
  void UpdateDict(PyObject* snapshots, PyObject* key, PyObject* value);
  void CompareNode(PyObject* parent, const Path& path, PyObject* dst);
  void InPlace(const Path& path, PyObject* dst);
  class Rest;
  void Frozen(PyObject* parent, const Path& path, const Plan& plan, PyObject* src, PyObject* dst);
  void CompareDirty(const Path& path, const Plan& plan, PyObject* dst, PyObject* dirty,
                    PyObject* lists, PyObject* dicts, PyObject* classes);
  void CompareItem(PyObject* parent, const Path& path, Py_ssize_t place, PyObject* before,
                   PyObject* after, bool frozen);
  void ComparePositions(PyObject* parent, const Path& path, PyObject* src, PyObject* dst,
                        bool frozen);
  void CompareDicts(PyObject* parent, const Path& path, PyObject* src, PyObject* dst, bool frozen);
  void BeforeUpdate(const Plan& plan, PyObject* object);
  void MigrateState(const Plan& plan, PyObject* dst, PyObject* src);
  void RunHook(const Plan& plan, PyObject* object);
  void Validate(const Plan& plan, PyObject* object);
  [[nodiscard]] bool IsControl(PyObject* object);
  [[nodiscard]] bool IsIsolated(PyObject* parent);
  [[nodiscard]] bool HoldsControl(PyObject* value);
  [[nodiscard]] bool EffectivelyFrozen(PyObject* old_item, PyObject* new_item, bool frozen);
  [[nodiscard]] bool SameComponent(PyObject* src, PyObject* dst);
  void TakeInstead(PyObject* parent, const Path& path, PyObject* key, PyObject* src, PyObject* dst,
                   bool frozen);
  void SetParent(PyObject* item, PyObject* parent);
  [[nodiscard]] Ref KeyOf(PyObject* item);  // _get_dataclass_key

  // Appends an operation to the builder's chain; returns its link.
  Ref Insert(PyTypeObject* kind, Ref operation, PyObject* location);
  void Replaced(const Path& path, PyObject* key, PyObject* item);
  void RemovedAndAdded(PyObject* parent, const Path& path, Py_ssize_t place, PyObject* old_item,
                       PyObject* new_item, bool frozen);

  PyObject* builder_;
  Ref root_, added_, removed_, dst_doc_;
  Renewal* renewal_ = nullptr;  // of the node whose children are compared
  PyObject* forgotten_for_ = nullptr;
  std::uint64_t changes_ = 0;  // operations, and snapshots that became others
  std::vector<Ref>
      kept_;  // what snapshots let go: its end may run code of the app, so it comes after the walk
};

// What set_up_diff() hands over: Flet's functions that ours call for what they do not know.
struct Originals {
  PyObject *compare_values = nullptr, *compare_lists = nullptr, *compare_dataclasses = nullptr,
           *compare_dicts = nullptr, *configure = nullptr, *removed_controls = nullptr;
};
extern Originals g_originals;

// The explicit key of a control, or None: get_control_key(). Throws PythonError.
[[nodiscard]] Ref ControlKey(PyObject* object);

}  // namespace fletbridge::accelerate
