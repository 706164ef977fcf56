#include "src/stage3/asyncio_loop.h"

#include <utility>

#include "common/python/api.h"

namespace fletbridge::stage3 {
namespace {

// Names of asyncio.base_events.BaseEventLoop and selector_events.BaseSelectorEventLoop, 3.10
// to 3.14.
constexpr const char* kWriteToSelf = "_write_to_self";
constexpr const char* kReady = "_ready";
constexpr const char* kDebug = "_debug";

// Rounds of callbacks after a delivery, and callbacks in each, before the kernel is asked again.
constexpr int kRounds = 2;
constexpr Py_ssize_t kMostPerRound = 64;

PyObject* Nothing(PyObject*, PyObject*) {
  Py().Py_IncRef(Py().none);
  return Py().none;
}
PyMethodDef g_nothing = {kWriteToSelf, Nothing, METH_NOARGS, nullptr};

bool IsTrue(PyObject* object, const char* attribute) {
  PyObject* value = Py().PyObject_GetAttrString(object, attribute);
  if (value == nullptr) {
    Py().PyErr_Clear();
    return false;
  }
  const bool result = Py().PyObject_IsTrue(value) == 1;
  Py().Py_DecRef(value);
  return result;
}

// As BaseEventLoop._run_once() does it.
bool RunHandle(PyObject* handle) {
  if (IsTrue(handle, "_cancelled")) return true;
  PyObject* result = Py()._PyObject_CallMethod_SizeT(handle, "_run", nullptr);
  if (result == nullptr) return false;
  Py().Py_DecRef(result);
  return true;
}

}  // namespace

PyObject* RunningLoop() {
  PyObject* modules = Py().PyImport_GetModuleDict();
  PyObject* events = Py().PyDict_GetItemString(modules, "asyncio.events");
  if (events == nullptr) return nullptr;
  PyObject* loop = Py()._PyObject_CallMethod_SizeT(events, "_get_running_loop", nullptr);
  if (loop == nullptr) {
    Py().PyErr_Clear();
    return nullptr;
  }
  if (loop != Py().none) return loop;
  Py().Py_DecRef(loop);
  return nullptr;
}

bool IsClosed(PyObject* loop) {
  PyObject* closed = Py()._PyObject_CallMethod_SizeT(loop, "is_closed", nullptr);
  const bool result = closed == nullptr || Py().PyObject_IsTrue(closed) != 0;
  if (closed != nullptr) {
    Py().Py_DecRef(closed);
  } else {
    Py().PyErr_Clear();
  }
  return result;
}

LoopTurn::LoopTurn(PyObject* loop) {
  if (loop == nullptr) return;
  // Only where the class has it does it mean what we take it for.
  PyObject* own =
      Py().PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(loop)), kWriteToSelf);
  if (own == nullptr || IsTrue(loop, kDebug)) {
    Py().PyErr_Clear();
    if (own != nullptr) Py().Py_DecRef(own);
    return;
  }
  Py().Py_DecRef(own);
  PyObject* nothing = Py().PyCMethod_New(&g_nothing, nullptr, nullptr, nullptr);
  if (nothing != nullptr && Py().PyObject_SetAttrString(loop, kWriteToSelf, nothing) == 0) {
    Py().Py_IncRef(loop);
    loop_ = loop;
    ready_ = Py().PyObject_GetAttrString(loop, kReady);
    if (ready_ != nullptr && Py().PyObject_Size(ready_) != 0) {
      Py().Py_DecRef(ready_);
      ready_ = nullptr;
    }
  }
  if (nothing != nullptr) Py().Py_DecRef(nothing);
  Py().PyErr_Clear();
}

LoopTurn::~LoopTurn() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  Py().PyErr_Fetch(&type, &value, &trace);
  WakeItselfAgain();
  if (ready_ != nullptr) Py().Py_DecRef(ready_);
  Py().PyErr_Restore(type, value, trace);
}

void LoopTurn::WakeItselfAgain() {
  PyObject* loop = std::exchange(loop_, nullptr);
  if (loop == nullptr) return;
  if (Py().PyObject_SetAttrString(loop, kWriteToSelf, nullptr) != 0) Py().PyErr_Clear();
  Py().Py_DecRef(loop);
}

bool LoopTurn::Finish() {
  if (ready_ == nullptr) return true;
  for (int round = 0; round < kRounds; ++round) {
    const Py_ssize_t count = Py().PyObject_Size(ready_);
    if (count <= 0 || count > kMostPerRound) break;
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* handle = Py()._PyObject_CallMethod_SizeT(ready_, "popleft", nullptr);
      const bool ok = handle != nullptr && RunHandle(handle);
      if (handle != nullptr) Py().Py_DecRef(handle);
      if (!ok) return false;
    }
  }
  return true;
}

}  // namespace fletbridge::stage3
