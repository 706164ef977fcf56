// Room: src/accelerate. The part of CPython's interface that these sources share: a
// reference-counting handle, Python errors as C++ exceptions, the names that are looked up. The
// full interface, not the stable one: the walk reads objects in place. Threads: whichever holds the
// GIL.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <algorithm>
#include <structmember.h>
#include <utility>

namespace fletbridge::accelerate {

// A Python exception is set; thrown by what calls Python and caught where Python called us.
struct PythonError {};

// Owns one reference, or none.
class Ref {
 public:
  Ref() noexcept = default;
  // Takes over a new reference.
  static Ref Own(PyObject* object) noexcept { return Ref(object); }
  // As Own(), for the result of a call: throws PythonError for null.
  static Ref Checked(PyObject* object) {
    if (object == nullptr) throw PythonError();
    return Ref(object);
  }
  static Ref Share(PyObject* object) noexcept {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    // The old object goes last: its end may run any code.
    PyObject* old = std::exchange(object_, std::exchange(other.object_, nullptr));
    Py_XDECREF(old);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  [[nodiscard]] PyObject* get() const noexcept { return object_; }
  [[nodiscard]] PyObject* Release() noexcept { return std::exchange(object_, nullptr); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  explicit Ref(PyObject* object) noexcept : object_(object) {}
  PyObject* object_ = nullptr;
};

// Throws for a call that has set an exception.
inline void Check(int result) {
  if (result < 0) throw PythonError();
}
[[nodiscard]] inline bool Truth(PyObject* object) {
  if (object == Py_True) return true;
  if (object == Py_False || object == Py_None) return false;
  const int result = PyObject_IsTrue(object);
  Check(result);
  return result != 0;
}

// An item of a dictionary: borrowed, null if there is none.
[[nodiscard]] inline PyObject* Item(PyObject* dict, PyObject* key) {
  PyObject* found = PyDict_GetItemWithError(dict, key);
  if (found == nullptr && PyErr_Occurred() != nullptr) throw PythonError();
  return found;
}

// Whether two lists hold the very same objects.
[[nodiscard]] inline bool SameItems(PyObject* left, PyObject* right) {
  const Py_ssize_t size = PyList_GET_SIZE(left);
  if (size != PyList_GET_SIZE(right)) return false;
  PyObject** a = reinterpret_cast<PyListObject*>(left)->ob_item;
  PyObject** b = reinterpret_cast<PyListObject*>(right)->ob_item;
  return size == 0 || std::equal(a, a + size, b);
}

// An attribute, or null where there is none.
[[nodiscard]] inline Ref Attribute(PyObject* object, PyObject* name) {
  PyObject* found = nullptr;
#if PY_VERSION_HEX >= 0x030d0000
  Check(PyObject_GetOptionalAttr(object, name, &found));
#else
  Check(_PyObject_LookupAttr(object, name, &found));
#endif
  return Ref::Own(found);
}

// A class as it was when something was found out about it: CPython gives one that changes another
// version.
class ClassVersion {
 public:
  // Before it is looked at. Throws PythonError.
  void Begin(PyTypeObject* type) {
    type_ = type;
    version_ = 0;
    alive_ = Ref::Checked(PyWeakref_NewRef(reinterpret_cast<PyObject*>(type), nullptr));
  }
  // Afterwards; `name` is any one, whose look-up gives the class a version. False: it can have
  // none.
  bool Settle(PyObject* name) {
    (void)_PyType_Lookup(type_, name);
    version_ = Of(type_);
    return version_ != 0;
  }
  // Whether it is this class, and as it was.
  [[nodiscard]] bool Is(PyTypeObject* type) const {
    return type_ == type && version_ != 0 && version_ == Of(type) &&
           PyWeakref_GetObject(alive_.get()) == reinterpret_cast<PyObject*>(type);
  }

 private:
  static unsigned int Of(const PyTypeObject* type) {
    return (type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) != 0 ? type->tp_version_tag : 0;
  }

  PyTypeObject* type_ = nullptr;
  Ref alive_;  // a weak reference: another class may come to lie where it lay
  unsigned int version_ = 0;
};

}  // namespace fletbridge::accelerate
