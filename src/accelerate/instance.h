// Room: src/accelerate. Reads an instance's own attributes, without descriptors, hooks or calls.
//
// CPython 3.11 keeps the attributes of most instances in an array beside the object, in the order
// of its class's shared keys (Objects/dictobject.c, Include/internal/pycore_dict.h of 3.11); they
// are read there in place. With other versions, and for instances that have a dictionary, the
// dictionary is read.
//
// Threads: whichever holds the GIL.
#pragma once

#include <cstdint>

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000
#define FLETBRIDGE_INLINE_VALUES 1

struct SharedKeys {  // and behind it the table of indices, then the entries
  Py_ssize_t references;
  std::uint8_t log2_size;
  std::uint8_t log2_index_bytes;
  std::uint8_t kind;
  std::uint32_t version;
  Py_ssize_t usable;
  Py_ssize_t entries;
};
struct SharedEntry {
  PyObject* key;
  PyObject* value;
};

inline PyObject** ValuesOf(PyObject* object) { return reinterpret_cast<PyObject***>(object)[-4]; }
inline PyObject* DictOf(PyObject* object) { return reinterpret_cast<PyObject**>(object)[-3]; }
// Another one after each change of a dictionary.
inline std::uint64_t VersionOf(PyObject* dict) {
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
}
#endif

// How the instances of a class hold their attributes.
class Layout {
 public:
  // False: instances have no dictionary that this knows.
  bool SetUp(PyTypeObject* type) {
#ifdef FLETBRIDGE_INLINE_VALUES
    if ((type->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) return false;
    keys_ =
        reinterpret_cast<SharedKeys*>(reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys);
    return keys_ != nullptr;
#elif PY_VERSION_HEX >= 0x030b0000
    return (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
#else
    return type->tp_dictoffset > 0;
#endif
  }

#ifdef FLETBRIDGE_INLINE_VALUES
  [[nodiscard]] SharedKeys* keys() const { return keys_; }

 private:
  SharedKeys* keys_ = nullptr;
#endif
};

// One attribute of the instances of one class. `name` is interned and lives as long as the process.
class Slot {
 public:
  Slot() = default;
  explicit Slot(PyObject* name) : name_(name) {}
  [[nodiscard]] PyObject* name() const { return name_; }

  // Borrowed; null if the instance does not hold it.
  [[nodiscard]] PyObject* Read(const Layout& layout, PyObject* object) const {
#ifdef FLETBRIDGE_INLINE_VALUES
    if (PyObject** values = ValuesOf(object)) {
      if (index_ < 0 && !Find(*layout.keys())) return nullptr;
      return values[index_];
    }
    PyObject* dict = DictOf(object);
    return dict != nullptr ? Item(dict, name_) : nullptr;
#elif PY_VERSION_HEX >= 0x030b0000
    (void)layout;
    const Ref dict = Ref::Checked(PyObject_GenericGetDict(object, nullptr));
    return Item(dict.get(), name_);
#else
    (void)layout;
    PyObject** dict = _PyObject_GetDictPtr(object);
    return dict != nullptr && *dict != nullptr ? Item(*dict, name_) : nullptr;
#endif
  }

#ifdef FLETBRIDGE_INLINE_VALUES
  // Its place in the arrays of values; -1 if no instance has had it yet.
  [[nodiscard]] int Place(const Layout& layout) const {
    if (index_ < 0) (void)Find(*layout.keys());
    return index_;
  }
#endif

 private:
#ifdef FLETBRIDGE_INLINE_VALUES
  // Keys are only ever added.
  bool Find(const SharedKeys& keys) const {
    if (seen_ == keys.entries) return false;
    const auto* entries = reinterpret_cast<const SharedEntry*>(
        reinterpret_cast<const char*>(&keys + 1) + (std::size_t{1} << keys.log2_index_bytes));
    for (; seen_ < keys.entries; ++seen_) {
      if (entries[seen_].key == name_) {
        index_ = static_cast<int>(seen_);
        return true;
      }
    }
    return false;
  }

  mutable int index_ = -1;
  mutable Py_ssize_t seen_ = 0;
#endif
  PyObject* name_ = nullptr;
};

}  // namespace fletbridge::accelerate
