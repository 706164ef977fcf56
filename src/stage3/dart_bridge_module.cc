#include "src/stage3/dart_bridge_module.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "common/python/api.h"

namespace fletbridge::stage3 {
namespace {

// Below, the GIL may be kept: releasing and taking it again costs more than the copy.
constexpr Py_ssize_t kReleaseGilBytes = 64 * 1024;
// Packets handled per wake-up before the app's other callbacks have their turn.
constexpr int kBatch = 256;
constexpr std::size_t kChannelIdBytes = 4;

// Python's C functions take no context of ours, and there is one interpreter: hence this global.
// All but `channel` is only touched under the GIL.
struct Bridge {
  FfiChannel* channel = nullptr;
  std::int64_t port = 0;
  BridgeEvents events;
  std::map<std::int64_t, PyObject*> handlers;
  PyObject* loop = nullptr;  // the event loop that reads for us, owned
  PyObject* drain = nullptr;
  PyObject* new_session = nullptr;
};
Bridge g_bridge;

PyObject* None() {
  Py().Py_IncRef(Py().none);
  return Py().none;
}

// Replaces an owned reference. The old one goes last: its end may run any code.
void Replace(PyObject*& slot, PyObject* value) {
  if (value != nullptr) Py().Py_IncRef(value);
  PyObject* old = std::exchange(slot, value);
  if (old != nullptr) Py().Py_DecRef(old);
}

bool StopReading() {
  if (g_bridge.loop == nullptr) return true;
  PyObject* closed = Py()._PyObject_CallMethod_SizeT(g_bridge.loop, "is_closed", nullptr);
  const bool is_open = closed != nullptr && closed != Py().none && Py().PyLong_AsLong(closed) == 0;
  if (closed != nullptr) Py().Py_DecRef(closed);
  if (is_open) {
    PyObject* done = Py()._PyObject_CallMethod_SizeT(g_bridge.loop, "remove_reader", "i",
                                                     g_bridge.channel->python_fd());
    if (done != nullptr) Py().Py_DecRef(done);
  }
  Replace(g_bridge.loop, nullptr);
  return Py().PyErr_Occurred() == nullptr;
}

bool StartReading() {
  PyObject* events = Py().PyImport_ImportModule("asyncio.events");
  if (events == nullptr) return false;
  PyObject* loop = Py()._PyObject_CallMethod_SizeT(events, "_get_running_loop", nullptr);
  Py().Py_DecRef(events);
  if (loop == nullptr) return false;
  if (loop == Py().none) {
    Py().Py_DecRef(loop);
    Py().PyErr_SetString(
        *Py().runtime_error,
        "set the handler of the protocol port from a coroutine: its event loop reads for it");
    return false;
  }
  PyObject* done = Py()._PyObject_CallMethod_SizeT(loop, "add_reader", "iO",
                                                   g_bridge.channel->python_fd(), g_bridge.drain);
  if (done != nullptr) {
    Py().Py_DecRef(done);
    Replace(g_bridge.loop, loop);
  }
  Py().Py_DecRef(loop);
  return done != nullptr;
}

PyObject* SetHandler(PyObject*, PyObject* args) {
  long long port = 0;
  PyObject* handler = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "LO:set_enqueue_handler_func", &port, &handler) == 0)
    return nullptr;
  if (handler == Py().none) {
    handler = nullptr;
  } else if (Py().PyCallable_Check(handler) == 0) {
    Py().PyErr_SetString(*Py().type_error, "second argument must be callable or None");
    return nullptr;
  }
  if (port == g_bridge.port) {
    const bool was_open = g_bridge.loop != nullptr;
    if (!StopReading()) return nullptr;
    if (handler != nullptr && !StartReading()) return nullptr;
    if (handler != nullptr) g_bridge.events.on_listening();
    if (handler == nullptr && was_open) g_bridge.events.on_closed();
  }
  PyObject*& slot = g_bridge.handlers[port];
  if (handler == nullptr) {
    PyObject* old = slot;
    g_bridge.handlers.erase(port);
    if (old != nullptr) Py().Py_DecRef(old);
  } else {
    Replace(slot, handler);
  }
  return None();
}

// Calls a handler; what it raises is printed and goes no further.
void Call(PyObject* handler, PyObject* argument) {
  Py().Py_IncRef(handler);  // it may take itself away
  PyObject* result = Py().PyObject_CallFunctionObjArgs(handler, argument, nullptr);
  if (result != nullptr) {
    Py().Py_DecRef(result);
  } else {
    Py().PyErr_WriteUnraisable(handler);
  }
  Py().Py_DecRef(handler);
}

void Handle(const Packet& packet) {
  const Buffer& payload = packet.payload;
  if (packet.type == kNewSessionMarker) {
    if (g_bridge.new_session != nullptr) Call(g_bridge.new_session, nullptr);
    g_bridge.channel->NewSessionBegun();
    return;
  }
  // A data channel has a port of its own, which is its id, and no type byte.
  const bool is_data = packet.type == PacketType::kData;
  std::int64_t port = g_bridge.port;
  std::size_t skipped = 0;
  if (is_data) {
    if (payload.size() < kChannelIdBytes) return;  // Flet drops it on sockets as well
    std::uint32_t id = 0;
    std::memcpy(&id, payload.data(), kChannelIdBytes);
    port = id;
    skipped = kChannelIdBytes;
  }
  const auto found = g_bridge.handlers.find(port);
  if (found == g_bridge.handlers.end()) return;
  const std::size_t prefix = is_data ? 0 : 1;
  const std::size_t size = payload.size() - skipped;
  PyObject* bytes = Py().PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size + prefix));
  if (bytes == nullptr) {
    Py().PyErr_WriteUnraisable(found->second);
    return;
  }
  char* to = Py().PyBytes_AsString(bytes);
  if (!is_data) *to = static_cast<char>(packet.type);
  if (size != 0) std::memcpy(to + prefix, payload.data() + skipped, size);
  Call(found->second, bytes);
  Py().Py_DecRef(bytes);
}

// Called by the app's event loop when packets wait.
PyObject* Drain(PyObject*, PyObject*) {
  FfiChannel& channel = *g_bridge.channel;
  channel.ClearPythonWake();
  Packet packet;
  for (int i = 0; i < kBatch; ++i) {
    if (!channel.NextForPython(packet)) {
      if (channel.PythonMaySleep()) return None();
      continue;
    }
    Handle(packet);
    if (g_bridge.loop == nullptr) break;  // the handler is gone: the rest waits for another
  }
  channel.WakePython();
  return None();
}

PyObject* Fail(const char* text) {
  Py().PyErr_SetString(*Py().runtime_error, text);
  return nullptr;
}

PyObject* SendBytes(PyObject*, PyObject* args) {
  long long port = 0;
  const char* data = nullptr;
  Py_ssize_t size = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "Ly#:send_bytes", &port, &data, &size) == 0)
    return nullptr;
  if (port == 0) return Fail("Dart port is 0 (invalid)");
  const bool is_protocol = port == g_bridge.port;
  if (!is_protocol && (port < 0 || port > 0xffffffffLL)) return Fail("Dart_PostCObject_DL failed");
  Packet packet;
  if (is_protocol) {
    if (size == 0) return Py().PyBool_FromLong(1);  // Flet's client skips an empty packet
    packet.type = static_cast<PacketType>(static_cast<unsigned char>(data[0]));
    packet.payload = Buffer(static_cast<std::size_t>(size - 1));
  } else {
    packet.type = PacketType::kData;
    packet.payload = Buffer(static_cast<std::size_t>(size) + kChannelIdBytes);
  }
  const auto copy = [&] {
    std::byte* to = packet.payload.data();
    if (is_protocol) {
      if (size > 1) std::memcpy(to, data + 1, static_cast<std::size_t>(size - 1));
    } else {
      const auto id = static_cast<std::uint32_t>(port);
      std::memcpy(to, &id, kChannelIdBytes);
      if (size > 0) std::memcpy(to + kChannelIdBytes, data, static_cast<std::size_t>(size));
    }
  };
  if (size < kReleaseGilBytes) {
    copy();
  } else {
    PyThreadState* thread = Py().PyEval_SaveThread();
    copy();
    Py().PyEval_RestoreThread(thread);
  }
  const std::size_t payload_size = packet.payload.size();
  for (;;) {
    std::uint32_t room = 0;
    switch (g_bridge.channel->SendFromPython(std::move(packet), room)) {
      case FfiChannel::Sent::kOk:
        return Py().PyBool_FromLong(1);
      case FfiChannel::Sent::kClosed:
        return Fail("Dart_PostCObject_DL failed");
      case FfiChannel::Sent::kTooLarge: {
        const std::string text =
            "refused a packet of " + std::to_string(payload_size) + " bytes, limit " +
            std::to_string(g_bridge.channel->limits().max_packet) + "; raise it with --max-packet";
        g_bridge.events.on_refused(MakeError(Errc::kLimit, text));
        return Fail(text.c_str());
      }
      case FfiChannel::Sent::kFull: {
        PyThreadState* thread = Py().PyEval_SaveThread();
        g_bridge.channel->WaitForRoom(room);
        Py().PyEval_RestoreThread(thread);
      }
    }
  }
}

// Kept for Flet, which calls it; the ports of a process never change here.
PyObject* AddSessionRestartHandler(PyObject*, PyObject* handler) {
  if (Py().PyCallable_Check(handler) == 0) {
    Py().PyErr_SetString(*Py().type_error, "argument must be callable");
    return nullptr;
  }
  return None();
}

PyObject* NativeLogWrite(PyObject*, PyObject* args) {
  int is_stderr = 0;
  const char* text = nullptr;
  Py_ssize_t size = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "ps#:_native_log_write", &is_stderr, &text, &size) == 0)
    return nullptr;
  std::FILE* to = is_stderr != 0 ? stderr : stdout;
  std::fwrite(text, 1, static_cast<std::size_t>(size), to);
  std::fflush(to);
  return None();
}

PyObject* SetNewSessionHandler(PyObject*, PyObject* handler) {
  Replace(g_bridge.new_session, handler);
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
    {"drain", Drain, METH_NOARGS, nullptr},
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

PyObject* InitFfi() { return Py().PyModule_Create2(&g_ffi_module, PYTHON_ABI_VERSION); }

PyObject* InitBridge() {
  PyObject* ffi = Py().PyImport_ImportModule("_fletbridge_ffi");
  if (ffi == nullptr) return nullptr;
  g_bridge.drain = Py().PyObject_GetAttrString(ffi, "drain");
  Py().Py_DecRef(ffi);
  return Py().PyModule_Create2(&g_bridge_module, PYTHON_ABI_VERSION);
}

}  // namespace

std::vector<BuiltinModule> BridgeModules(FfiChannel& channel, std::int64_t port,
                                         BridgeEvents events) {
  g_bridge.channel = &channel;
  g_bridge.port = port;
  g_bridge.events = std::move(events);
  return {{"dart_bridge", InitBridge}, {"_fletbridge_ffi", InitFfi}};
}

}  // namespace fletbridge::stage3
