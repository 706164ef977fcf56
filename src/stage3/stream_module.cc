#include "src/stage3/stream_module.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "common/python/api.h"
#include "src/stage3/dart_bridge_module.h"

namespace fletbridge::stage3 {
namespace {

// A piece of a stream: as much as one read of a socket takes, so that a paused UI gets few packets.
constexpr std::size_t kPiece = 64 * 1024;
constexpr long long kEnded = -1;

// Globals, since Python passes no context of ours to C functions. There is one stream.
FfiChannel* g_channel = nullptr;
Delivery* g_delivery = nullptr;
std::int64_t g_port = 0;

PyObject* None() {
  Py().Py_IncRef(Py().none);
  return Py().none;
}

PyObject* Listen(PyObject*, PyObject* handler) {
  return g_delivery->SetHandler(g_port, handler != Py().none ? handler : nullptr) ? None()
                                                                                  : nullptr;
}

PyObject* Send(PyObject*, PyObject* args) {
  unsigned int session = 0;
  const char* data = nullptr;
  Py_ssize_t size = 0;
  Py_ssize_t offset = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "Iy#n:send", &session, &data, &size, &offset) == 0)
    return nullptr;
  if (g_delivery->forked()) return Py().PyLong_FromLongLong(kEnded);  // the stream is the parent's
  std::string_view rest(data, static_cast<std::size_t>(size));
  rest.remove_prefix(
      std::min(rest.size(), static_cast<std::size_t>(std::max(offset, Py_ssize_t{0}))));
  const std::size_t most =
      std::min(kPiece, std::max<std::size_t>(g_channel->limits().max_packet, 1));
  long long accepted = 0;
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, most);
    const FfiChannel::Sent sent = g_channel->SendOnStreamFromPython(session, Buffer(piece));
    if (sent == FfiChannel::Sent::kClosed) return Py().PyLong_FromLongLong(kEnded);
    if (sent != FfiChannel::Sent::kOk) break;
    accepted += static_cast<long long>(piece.size());
    rest.remove_prefix(piece.size());
  }
  return Py().PyLong_FromLongLong(accepted);
}

PyObject* End(PyObject*, PyObject* args) {
  unsigned int session = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "I:end", &session) == 0) return nullptr;
  if (!g_delivery->forked()) g_channel->EndStreamFromPython(session);
  return None();
}

PyObject* Taken(PyObject*, PyObject*) {
  g_delivery->Taken();
  return None();
}

PyMethodDef g_methods[] = {
    {"listen", Listen, METH_O, nullptr}, {"send", Send, METH_VARARGS, nullptr},
    {"end", End, METH_VARARGS, nullptr}, {"taken", Taken, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_module = {PyModuleDef_HEAD_INIT,
                        "_fletbridge_stream",
                        nullptr,
                        -1,
                        g_methods,
                        nullptr,
                        nullptr,
                        nullptr,
                        nullptr};

PyObject* Init() {
  if (!PrepareBridge()) return nullptr;
  return Py().PyModule_Create2(&g_module, PYTHON_ABI_VERSION);
}

}  // namespace

std::vector<BuiltinModule> StreamModules(FfiChannel& channel, Delivery& delivery, Outlet& outlet,
                                         std::int64_t port) {
  g_channel = &channel;
  g_delivery = &delivery;
  g_port = port;
  // Flet of these generations looks for no `dart_bridge`, and on sockets the app has none.
  (void)BridgeModules(channel.inbox(), delivery, outlet);
  return {{"_fletbridge_stream", Init}};
}

}  // namespace fletbridge::stage3
