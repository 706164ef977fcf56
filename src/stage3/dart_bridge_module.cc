#include "src/stage3/dart_bridge_module.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "common/platform/threads.h"
#include "common/python/api.h"
#include "src/stage3/bytes_object.h"

namespace fletbridge::stage3 {
namespace {

// Globals, since Python passes no context of ours to C functions. There is one bridge.
Inbox* g_inbox = nullptr;
Delivery* g_delivery = nullptr;
Outlet* g_outlet = nullptr;
std::atomic<std::uint64_t> g_sent{0};
std::atomic<std::uint64_t> g_sent_bytes{0};

void InForkedChild() {
  if (g_delivery != nullptr) g_delivery->BecomeFork();
}

PyObject* None() {
  Py().Py_IncRef(Py().none);
  return Py().none;
}

PyObject* TypeError(const char* text) {
  Py().PyErr_SetString(*Py().type_error, text);
  return nullptr;
}

PyObject* SetHandler(PyObject*, PyObject* args) {
  long long port = 0;
  PyObject* handler = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "LO:set_enqueue_handler_func", &port, &handler) == 0)
    return nullptr;
  if (handler == Py().none) {
    handler = nullptr;
  } else if (Py().PyCallable_Check(handler) == 0) {
    return TypeError("second argument must be callable or None");
  }
  return g_delivery->SetHandler(port, handler) ? None() : nullptr;
}

PyObject* SendBytes(PyObject*, PyObject* args) {
  long long port = 0;
  const char* data = nullptr;
  Py_ssize_t size = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "Ly#:send_bytes", &port, &data, &size) == 0)
    return nullptr;
  if (port == 0) {
    RaiseRuntimeError("Dart port is 0 (invalid)");
    return nullptr;
  }
  if (g_delivery->forked()) {
    RaiseRuntimeError("this is a forked process: only the one that shows the app can send to Dart");
    return nullptr;
  }
  PyObject* owner = Py().PyTuple_GetItem(args, 1);
  if (reinterpret_cast<PyObject*>(Py_TYPE(owner)) != Py().bytes_type) owner = nullptr;
  if (!g_outlet->Send(port, owner, {data, static_cast<std::size_t>(size)})) return nullptr;
  g_sent.fetch_add(1, std::memory_order_relaxed);
  g_sent_bytes.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
  return Py().PyBool_FromLong(1);
}

PyObject* AddSessionRestartHandler(PyObject*, PyObject* handler) {
  if (Py().PyCallable_Check(handler) == 0) return TypeError("argument must be callable");
  return g_delivery->AddRestartHandler(handler) ? None() : nullptr;
}

PyObject* NativeLogWrite(PyObject*, PyObject* args) {
  int is_stderr = 0;
  const char* text = nullptr;
  Py_ssize_t size = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "is#:_native_log_write", &is_stderr, &text, &size) == 0)
    return nullptr;
  std::FILE* to = is_stderr != 0 ? stderr : stdout;
  // Without the GIL, since the reader of a pipe may be slow. Lines are flushed, since the process
  // may end by _exit(); an empty text is a request to flush.
  PyThreadState* thread = Py().PyEval_SaveThread();
  std::fwrite(text, 1, static_cast<std::size_t>(size), to);
  if (size == 0 || std::memchr(text, '\n', static_cast<std::size_t>(size)) != nullptr)
    std::fflush(to);
  Py().PyEval_RestoreThread(thread);
  return None();
}

PyObject* Statistics(PyObject*, PyObject*) {
  const BridgeStatistics now = StatisticsOf(*g_inbox);
  const std::pair<const char*, std::uint64_t> figures[] = {
      {"queued_bytes", now.queued_bytes},
      {"queued_bytes_peak", now.queued_bytes_peak},
      {"accepted", now.accepted},
      {"refused", now.refused},
      {"delivered", now.delivered},
      {"dropped", now.dropped},
      {"sent", now.sent},
      {"sent_bytes", now.sent_bytes},
      {"lent_bytes", now.lent_bytes},
  };
  PyRef dict = PyRef::Own(Py().PyDict_New());
  if (!dict) return nullptr;
  for (const auto& [name, value] : figures) {
    const PyRef number = PyRef::Own(Py().PyLong_FromUnsignedLongLong(value));
    if (!number || Py().PyDict_SetItemString(dict.get(), name, number.get()) != 0) return nullptr;
  }
  return dict.Release();
}

PyObject* SetNewSessionHandler(PyObject*, PyObject* handler) {
  g_delivery->SetNewClientHandler(handler != Py().none ? handler : nullptr);
  return None();
}

PyMethodDef g_bridge_methods[] = {
    {"set_enqueue_handler_func", SetHandler, METH_VARARGS, nullptr},
    {"send_bytes", SendBytes, METH_VARARGS, nullptr},
    {"add_session_restart_handler", AddSessionRestartHandler, METH_O, nullptr},
    {"_native_log_write", NativeLogWrite, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_bridge_module = {PyModuleDef_HEAD_INIT,
                               "dart_bridge",
                               nullptr,
                               -1,
                               g_bridge_methods,
                               nullptr,
                               nullptr,
                               nullptr,
                               nullptr};

PyMethodDef g_ffi_methods[] = {
    {"statistics", Statistics, METH_NOARGS, nullptr},
    {"set_new_session_handler", SetNewSessionHandler, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_ffi_module = {PyModuleDef_HEAD_INIT,
                            "_fletbridge_ffi",
                            nullptr,
                            -1,
                            g_ffi_methods,
                            nullptr,
                            nullptr,
                            nullptr,
                            nullptr};

PyObject* Close(PyObject*, PyObject*) {
  g_delivery->Close();
  return None();
}
PyMethodDef g_close = {"close", Close, METH_NOARGS, nullptr};

bool CloseAtExit() {
  const PyRef atexit = PyRef::Own(Py().PyImport_ImportModule("atexit"));
  if (!atexit) return false;
  const PyRef close = PyRef::Own(Py().PyCMethod_New(&g_close, nullptr, nullptr, nullptr));
  return close &&
         PyRef::Own(Py()._PyObject_CallMethod_SizeT(atexit.get(), "register", "O", close.get()));
}

PyObject* InitBridge() {
  if (!PrepareBridge()) return nullptr;
  return Py().PyModule_Create2(&g_bridge_module, PYTHON_ABI_VERSION);
}
PyObject* InitFfi() { return Py().PyModule_Create2(&g_ffi_module, PYTHON_ABI_VERSION); }

}  // namespace

bool PrepareBridge() {
  LearnBytesLayout();
  return !g_delivery->closes_at_exit() || CloseAtExit();
}

BridgeStatistics StatisticsOf(const Inbox& inbox) noexcept {
  BridgeStatistics now{inbox.statistics()};
  now.sent = g_sent.load();
  now.sent_bytes = g_sent_bytes.load();
  if (g_outlet != nullptr) now.lent_bytes = g_outlet->lent_bytes();
  return now;
}

std::vector<BuiltinModule> BridgeModules(Inbox& inbox, Delivery& delivery, Outlet& outlet) {
  if (std::exchange(g_inbox, &inbox) == nullptr) platform::OnFork(InForkedChild);
  g_delivery = &delivery;
  g_outlet = &outlet;
  return {{"dart_bridge", InitBridge}, {"_fletbridge_ffi", InitFfi}};
}

bool RaiseRuntimeError(const std::string& text) {
  Py().PyErr_SetString(*Py().runtime_error, text.c_str());
  return false;
}

}  // namespace fletbridge::stage3
