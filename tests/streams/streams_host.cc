// Hosts CPython with stage 3's stream and runs a Python program in it, which is both ends: the
// app's by asyncio, through the shim, and the host's by the built-in module `_peer`.
//     streams_host PYTHON SCRIPT [ARGUMENT...]
#include <cstdio>
#include <future>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/event_loop.h"
#include "common/platform/wake_up.h"
#include "common/python/api.h"
#include "common/python/hosted.h"
#include "common/python/interpreter.h"
#include "src/stage3/channel_outlet.h"
#include "src/stage3/delivery.h"
#include "src/stage3/ffi_channel.h"
#include "src/stage3/stream_module.h"

namespace fletbridge::stage3 {
namespace {

constexpr std::int64_t kPort = std::int64_t{1} << 40;
// Small, so that a test fills them at once.
constexpr FlowLimits kLimits{
    .max_packet = std::size_t{64} << 20, .high_water = 256 * 1024, .low_water = 64 * 1024};

// The host's end of the stream, for the module's functions, which run with the GIL.
class Peer final : public PacketSink {
 public:
  explicit Peer(Delivery::Hooks hooks)
      : channel_(loop_, kLimits, kPort, FfiChannel::Form::kStream),
        delivery_(channel_.inbox(), std::move(hooks)),
        outlet_(channel_, kPort, [](const Error&) {}) {
    loop_.Start();
    delivery_.Open();
    OnLoop([this] { channel_.Start(); });
  }

  std::vector<BuiltinModule> Modules() {
    return StreamModules(channel_, delivery_, outlet_, kPort);
  }

  void Connect() {
    OnLoop([this] { channel_.OpenSession(*this); });
  }
  void Close() {
    OnLoop([this] { channel_.CloseSession(); });
  }
  SendResult Send(std::string_view bytes) {
    return channel_.SendOnStream({}, Packet{PacketType::kControl, Buffer(bytes)});
  }
  void Pause() { channel_.PauseReceiving(); }
  void Resume() { channel_.ResumeReceiving(); }
  std::size_t queued() const { return channel_.queued_bytes(); }
  int fd() const { return news_.fd(); }
  // What has come since the last call, and whether the app's stream has ended.
  std::pair<std::string, bool> Take() {
    news_.Clear();
    const std::lock_guard lock(mutex_);
    return {std::exchange(received_, {}), ended_};
  }

 private:
  template <class Task>
  void OnLoop(Task task) {
    std::promise<void> done;
    loop_.Post([&] {
      task();
      const std::lock_guard lock(mutex_);
      ended_ = false;
      done.set_value();
    });
    done.get_future().wait();
  }

  void OnPacket(Packet&& packet) override {
    {
      const std::lock_guard lock(mutex_);
      received_ += packet.payload.text();
      ended_ = ended_ || packet.payload.size() == 0;
    }
    news_.Signal();
  }
  void OnWritable() override { news_.Signal(); }
  void OnRefused(const Error&) override {}

  EventLoop loop_;
  FfiChannel channel_;
  Delivery delivery_;
  ChannelOutlet outlet_;
  platform::WakeUp news_{platform::WakeUp::Reader::kLoop};
  std::mutex mutex_;
  std::string received_;
  bool ended_ = false;
};

Peer* g_peer = nullptr;

PyObject* None() {
  Py().Py_IncRef(Py().none);
  return Py().none;
}
template <void (Peer::*method)()>
PyObject* Do(PyObject*, PyObject*) {
  (g_peer->*method)();
  return None();
}
PyObject* Send(PyObject*, PyObject* args) {
  const char* data = nullptr;
  Py_ssize_t size = 0;
  if (Py()._PyArg_ParseTuple_SizeT(args, "y#:send", &data, &size) == 0) return nullptr;
  return Py().PyBool_FromLong(g_peer->Send({data, static_cast<std::size_t>(size)}) ==
                              SendResult::kAccepted);
}
PyObject* Take(PyObject*, PyObject*) {
  const auto [bytes, ended] = g_peer->Take();
  const PyRef list = PyRef::Own(Py().PyList_New(0));
  const PyRef text = PyRef::Own(
      Py().PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
  const PyRef end = PyRef::Own(Py().PyBool_FromLong(ended ? 1 : 0));
  if (!list || !text || Py().PyList_Append(list.get(), text.get()) != 0 ||
      Py().PyList_Append(list.get(), end.get()) != 0) {
    return nullptr;
  }
  Py().Py_IncRef(list.get());
  return list.get();
}
PyObject* Queued(PyObject*, PyObject*) {
  return Py().PyLong_FromUnsignedLongLong(g_peer->queued());
}
PyObject* Fd(PyObject*, PyObject*) { return Py().PyLong_FromLongLong(g_peer->fd()); }

PyMethodDef g_methods[] = {
    {"connect", Do<&Peer::Connect>, METH_NOARGS, nullptr},
    {"close", Do<&Peer::Close>, METH_NOARGS, nullptr},
    {"send", Send, METH_VARARGS, nullptr},
    {"take", Take, METH_NOARGS, nullptr},
    {"pause", Do<&Peer::Pause>, METH_NOARGS, nullptr},
    {"resume", Do<&Peer::Resume>, METH_NOARGS, nullptr},
    {"queued", Queued, METH_NOARGS, nullptr},
    {"fd", Fd, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT, "_peer", nullptr, -1, g_methods, nullptr, nullptr, nullptr, nullptr};
PyObject* InitPeer() { return Py().PyModule_Create2(&g_module, PYTHON_ABI_VERSION); }

int Main(int argc, char** argv) {
  if (argc < 3) return 2;
  Result<Interpreter> python = ProbeInterpreter(argv[1]);
  if (!python) {
    std::fprintf(stderr, "%s\n", python.error().Line().c_str());
    return 70;
  }
  Delivery::Hooks hooks;
  hooks.fixed_port = kPort;
  hooks.stream = true;
  g_peer = new Peer(std::move(hooks));  // the app's threads may call it until the process ends
  HostedOptions options;
  options.libpython = python->libpython;
  options.python = argv[1];
  options.arguments.assign(argv + 2, argv + argc);
  options.environment = {{"FLETBRIDGE_STREAM", "/dev/null/fletbridge"}};
  options.modules = g_peer->Modules();
  options.modules.push_back({"_peer", InitPeer});
  options.at_end = [](int code) { return code; };
  const Result<int> code = RunHosted(std::move(options));
  if (!code) std::fprintf(stderr, "%s\n", code.error().Line().c_str());
  return code ? *code : 70;
}

}  // namespace
}  // namespace fletbridge::stage3

int main(int argc, char** argv) { return fletbridge::stage3::Main(argc, argv); }
