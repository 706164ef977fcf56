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

// Iterations after a delivery, and callbacks in each, before the kernel is polled again.
constexpr int kRounds = 2;
constexpr Py_ssize_t kMostPerRound = 64;

PyObject* Nothing(PyObject*, PyObject*) {
  Py().Py_IncRef(Py().none);
  return Py().none;
}
PyMethodDef g_nothing = {kWriteToSelf, Nothing, METH_NOARGS, nullptr};

bool IsTrue(PyObject* object, const char* attribute) {
  const PyRef value = PyRef::Own(Py().PyObject_GetAttrString(object, attribute));
  if (value) return Py().PyObject_IsTrue(value.get()) == 1;
  Py().PyErr_Clear();
  return false;
}

// As BaseEventLoop._run_once() does.
bool RunHandle(PyObject* handle) {
  if (IsTrue(handle, "_cancelled")) return true;
  return static_cast<bool>(PyRef::Own(Py()._PyObject_CallMethod_SizeT(handle, "_run", nullptr)));
}

}  // namespace

PyRef RunningLoop() {
  PyObject* modules = Py().PyImport_GetModuleDict();
  PyObject* events = Py().PyDict_GetItemString(modules, "asyncio.events");
  if (events == nullptr) return {};
  PyRef loop = PyRef::Own(Py()._PyObject_CallMethod_SizeT(events, "_get_running_loop", nullptr));
  if (!loop) Py().PyErr_Clear();
  return loop.get() != Py().none ? std::move(loop) : PyRef();
}

bool IsClosed(PyObject* loop) {
  const PyRef closed = PyRef::Own(Py()._PyObject_CallMethod_SizeT(loop, "is_closed", nullptr));
  if (closed) return Py().PyObject_IsTrue(closed.get()) != 0;
  Py().PyErr_Clear();
  return true;
}

LoopTurn::LoopTurn(PyObject* loop) {
  if (loop == nullptr) return;
  // An attribute of the class, so it is asyncio's method and not somebody's patch of the loop.
  const PyRef own = PyRef::Own(
      Py().PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(loop)), kWriteToSelf));
  if (!own || IsTrue(loop, kDebug)) {
    Py().PyErr_Clear();
    return;
  }
  const PyRef nothing = PyRef::Own(Py().PyCMethod_New(&g_nothing, nullptr, nullptr, nullptr));
  if (nothing && Py().PyObject_SetAttrString(loop, kWriteToSelf, nothing.get()) == 0) {
    loop_ = PyRef::Share(loop);
    ready_ = PyRef::Own(Py().PyObject_GetAttrString(loop, kReady));
    if (ready_ && Py().PyObject_Size(ready_.get()) != 0) ready_ = PyRef();
  }
  Py().PyErr_Clear();
}

LoopTurn::~LoopTurn() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  Py().PyErr_Fetch(&type, &value, &trace);
  WakeItselfAgain();
  ready_ = PyRef();
  Py().PyErr_Restore(type, value, trace);
}

void LoopTurn::WakeItselfAgain() {
  const PyRef loop = std::move(loop_);
  if (loop && Py().PyObject_SetAttrString(loop.get(), kWriteToSelf, nullptr) != 0)
    Py().PyErr_Clear();
}

bool LoopTurn::Finish() {
  if (!ready_) return true;
  for (int round = 0; round < kRounds; ++round) {
    const Py_ssize_t count = Py().PyObject_Size(ready_.get());
    if (count <= 0 || count > kMostPerRound) break;
    for (Py_ssize_t i = 0; i < count; ++i) {
      const PyRef handle =
          PyRef::Own(Py()._PyObject_CallMethod_SizeT(ready_.get(), "popleft", nullptr));
      if (!handle || !RunHandle(handle.get())) return false;
    }
  }
  return true;
}

}  // namespace fletbridge::stage3
