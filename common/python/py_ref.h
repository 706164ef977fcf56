// Room: common/python. A reference to one of Python's objects that gives itself back. Needs no
// Python.h, so that headers may hold one.
#pragma once

#include <utility>

typedef struct _object PyObject;

namespace fletbridge {

// Owns one reference, or none.
// Threads: whichever holds the GIL, also at its end, which may run any code.
class PyRef {
 public:
  PyRef() noexcept = default;
  // Takes over a new reference, such as a call's result; null for a failed one.
  [[nodiscard]] static PyRef Own(PyObject* object) noexcept { return PyRef(object); }
  // One reference more to a borrowed object, or to null.
  [[nodiscard]] static PyRef Share(PyObject* object) noexcept;
  PyRef(PyRef&& other) noexcept : object_(other.Release()) {}
  // The old object goes last: its end may look at this one.
  PyRef& operator=(PyRef&& other) noexcept {
    const PyRef old(std::exchange(object_, other.Release()));
    return *this;
  }
  PyRef(const PyRef&) = delete;
  PyRef& operator=(const PyRef&) = delete;
  ~PyRef() {
    if (object_ != nullptr) GiveBack(object_);
  }

  [[nodiscard]] PyObject* get() const noexcept { return object_; }
  [[nodiscard]] PyObject* Release() noexcept { return std::exchange(object_, nullptr); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  explicit PyRef(PyObject* object) noexcept : object_(object) {}
  static void GiveBack(PyObject* object) noexcept;

  PyObject* object_ = nullptr;
};

}  // namespace fletbridge
