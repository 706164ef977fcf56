// Room: src/accelerate. Two lists of controls: which item went where. Flet's keyed algorithm, whose
// cost grows with the square of the length there, in n log n.
#pragma once

#include <cstdint>
#include <vector>

#include "src/accelerate/walk.h"

namespace fletbridge::accelerate {

class Reconciliation {
 public:
  enum class How : std::uint8_t {
    kNothing,    // both hold the same, in which nothing can change
    kChildren,   // both hold the same controls
    kPositions,  // the same keys in the same order
    kKeys,       // keys that have moved, come or gone
    kFlet        // left to Flet's code
  };
  struct Verdict {
    How how;
  };
  // What two lists need. Throws PythonError.
  static Verdict Judge(PyObject* src, PyObject* dst, bool frozen);

  Reconciliation(Walk& walk, PyObject* parent, const Path& path, bool frozen)
      : walk_(walk), parent_(parent), path_(path), frozen_(frozen) {}
  // False, with nothing done, for what Flet's code must do: keys that are there twice.
  [[nodiscard]] bool Run(PyObject* src, PyObject* dst);

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
  Ref list_;  // the path
};

}  // namespace fletbridge::accelerate
