// Room: src/accelerate. The facts about a class that the comparison needs, computed once and
// validated cheaply later: any Python code can change a class at any time.
//
// Threads: whichever holds the GIL.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "src/accelerate/instance.h"
#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Interned names, made once.
struct Names {
  PyObject *frozen, *values, *dirty, *changes, *prev_lists, *prev_dicts, *prev_classes, *parent,
      *isolated, *reported, *internals, *initialized, *i, *c, *fn, *data, *key, *before_update,
      *before_update_safe, *is_isolated, *build, *migrate_state, *did_mount, *will_unmount,
      *dataclass_fields, *control_class, *prop_defaults, *structural_fields, *event_fields, *skip,
      *metadata, *name, *event, *value, *op, *path, *add, *remove, *replace, *move, *from,
      *location, *operation, *notify, *root, *added, *removed, *dst_doc, *control_cls,
      *index_storage2, *setattr, *style;
};
extern Names g_names;
[[nodiscard]] bool MakeNames();

// What set_up_diff() was given: Flet's own things, borrowed for as long as the process lives.
struct Flet {
  PyTypeObject* base_control = nullptr;
  PyTypeObject* page = nullptr;
  PyTypeObject* prop = nullptr;
  PyTypeObject* key = nullptr;  // flet.controls.keys.Key
  PyTypeObject* builder = nullptr;
  PyTypeObject* replace_operation = nullptr;
  PyTypeObject* add_operation = nullptr;
  PyTypeObject* remove_operation = nullptr;
  PyTypeObject* move_operation = nullptr;
  PyObject* patch_exception = nullptr;
  PyObject* logger = nullptr;
  PyObject* control_setattr = nullptr;
  PyObject* unset = nullptr;
  PyObject* validate = nullptr;
  PyObject* describe = nullptr;  // of diff.py: class -> what its hooks and rules read
  PyObject *is_isolated = nullptr, *before_update_safe = nullptr, *before_update = nullptr,
           *build = nullptr, *migrate_state = nullptr;
};
extern Flet g_flet;

// Rises whenever code that is not ours may have run: what is known of classes is then looked at
// again.
extern std::uint64_t g_epoch;

// One of a class's declared fields.
struct Field {
  PyObject* name = nullptr;
  bool skip = false;          // not for the client
  bool event = false;         // on_...: the client learns only whether there is a handler
  bool prop = false;          // held in `_values`, else by the instance
  PyObject* unset = nullptr;  // a prop's default, borrowed from the class
  Slot slot;                  // where it is no prop
};

// A condition on an instance for which a hook of Flet's does nothing.
struct Condition {
  Field field;
  PyObject* is = nullptr;      // the very object, or
  PyObject* is_not = nullptr;  // any but this one, or
  PyObject* equals = nullptr;  // a plain number
};

struct Rule {
  Field field;
  PyObject* check = nullptr;  // check(instance, name, value)
  bool own = false;           // reads nothing but props of the instance
  bool pure = false;          // changes nothing
  bool default_passes = false;
};

enum class Hook : std::uint8_t { kNone, kKnown, kForeign };

struct Plan : std::enable_shared_from_this<Plan> {
  // The first of what a record watches.
  enum First : std::uint8_t {
    kFrozen,
    kDirty,
    kChanges,
    kPrevLists,
    kPrevDicts,
    kPrevClasses,
    kReported
  };
  PyTypeObject* type = nullptr;
  Ref alive;  // a weak reference to the class
  std::uint64_t epoch = 0;
  bool dataclass = false;
  bool control = false;
  // Whether its instances may be walked here; else Flet's own code does them.
  bool native = false;
  bool sparse = false;       // has `_values`, `_prop_defaults` and `_structural_fields`
  bool own_setattr = false;  // object's
  bool isolated_known = false, safe_known = false, build_known = false, migrate_known = false;
  Hook hook = Hook::kForeign;
  std::vector<std::vector<Condition>> quiet;  // of kKnown: one of these alternatives holds
  PyObject* quiet_internal = nullptr;         // and this is not in `_internals`
  std::vector<Rule> rules;
  std::vector<std::pair<PyObject*, bool>> class_rules;  // check(instance), pure
  bool rules_own = false;   // all of them read nothing but the instance's own props
  bool rules_pure = false;  // none of them changes anything

  Layout layout;
  Slot frozen, values, dirty, changes, prev_lists, prev_dicts, prev_classes, parent, isolated,
      reported, internals, initialized, notify, i, c, fn, data, before_update, before_update_safe,
      is_isolated, build, migrate_state, did_mount, will_unmount;
  std::vector<Field> fields;        // as declared
  std::vector<Field> structural;    // in the order of the class's set
  std::vector<std::size_t> stored;  // of `fields`, those for the client that are no props
  std::vector<std::size_t> compound_defaults;  // and props whose default holds something
  PyObject* field_index = nullptr;             // name -> place in `fields`
  PyObject* prop_defaults = nullptr;
  std::vector<std::pair<PyObject*, PyObject*>> looked_up;  // name -> what the class said
  std::vector<PyObject*>
      hooks;  // before_update of each class of its line, for a hook that calls the next one

  std::vector<Slot> watch;  // what of an instance a record compares

  // A sum over what an instance's array of values holds of `watch`, and the version of `_values`:
  // another one where one of them is another, but for 1 of 2^64 cases where several are.
  [[nodiscard]] std::uint64_t Watched(PyObject** array) const;
  // Where that reads the array, a line of the cache each.
  [[nodiscard]] const std::vector<int>& Fetched() const { return fetched_; }
  // Whether before_update() of this instance does nothing.
  [[nodiscard]] bool IsQuiet(PyObject* object) const;
  // The field of that name, or null.
  [[nodiscard]] const Field* Find(PyObject* name) const;
  // Its value in an instance, as getattr gives it: borrowed, null if it is not there.
  [[nodiscard]] PyObject* Get(const Field& field, PyObject* object) const;

 private:
  struct Weight {
    int place;
    std::uint64_t factor;
    bool dict;  // `_values`, which a client's changes are written into without a note of them
  };
  mutable std::vector<Weight> weights_;  // of those that instances hold
  mutable std::vector<int> fetched_;
  mutable Py_ssize_t weights_of_ = -1;  // for how many shared keys
};

// A plan's own reference.
[[nodiscard]] inline std::shared_ptr<Plan> SharedPlan(const Plan& plan) {
  return const_cast<Plan&>(plan).shared_from_this();
}

// hasattr(value, "_frozen"), of a dataclass.
[[nodiscard]] bool HasFrozen(PyObject* value);

// The plan of a class. Throws PythonError. Valid until the next call that may run foreign code has
// returned and PlanOf() was called again.
[[nodiscard]] Plan& PlanOf(PyTypeObject* type);

// `take` is called with each class of controls of which a plan is made for the first time: also one
// that no decorator of Flet's has seen.
void OnControlClass(void (*take)(PyTypeObject*));

// Frees what was made anew; only where no plan is in use.
void ForgetRetiredPlans();

// dataclasses.is_dataclass(object).
[[nodiscard]] bool IsDataclass(PyObject* object);

}  // namespace fletbridge::accelerate
