// Room: src/accelerate. Matches the items of two lists of controls. Same result as Flet's keyed
// algorithm, whose cost is quadratic in the length there, in n log n.
//
// Threads: whichever holds the GIL.
#pragma once

#include <cstdint>
#include <vector>

#include "src/accelerate/walk.h"

namespace fletbridge::accelerate {

class Reconciliation {
 public:
  enum class How : std::uint8_t {
    kNothing,    // both hold the same, in which nothing can change
    kPositions,  // the same keys in the same order
    kKeys,       // keys that have moved, come or gone
    kFlet        // left to Flet's code
  };
  // What Flet finds an item again by: ("k", key), ("id", id(item)), ("pos", n) or ("prim", n).
  struct Key {
    enum Kind : std::uint8_t { kExplicit, kIdentity, kPosition, kPrimitive } kind;
    std::uintptr_t value;
    bool operator==(const Key& other) const { return kind == other.kind && value == other.value; }
  };

  Reconciliation(Walk& walk, PyObject* parent, const Path& path, bool frozen)
      : walk_(walk), parent_(parent), path_(path), frozen_(frozen) {}
  // What two lists need. Throws PythonError.
  [[nodiscard]] How Judge(PyObject* src, PyObject* dst);
  // After kKeys, for the same lists. False, with nothing done, for what Flet's code must do: keys
  // that are there twice. Throws PythonError; IndexError where a hook has made `dst` longer than
  // its keys, as Flet does.
  [[nodiscard]] bool Run(PyObject* dst);

 private:
  void Update(Py_ssize_t place, PyObject* old_item, PyObject* new_item);
  void Added(Py_ssize_t place, PyObject* item, PyObject* key);
  void Removed(Py_ssize_t place, PyObject* item, PyObject* key);
  void Moved(Py_ssize_t from, Py_ssize_t to);
  void Remember(std::size_t which, PyObject* key, PyObject* link);
  [[nodiscard]] bool IsRemembered();

  Walk& walk_;
  PyObject* parent_;
  const Path& path_;
  bool frozen_;
  Ref list_;                   // the path
  Ref old_items_, new_items_;  // tuples, as they were judged
  std::vector<Key> old_keys_, new_keys_;
};

}  // namespace fletbridge::accelerate
