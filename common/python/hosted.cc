#include "common/python/hosted.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <utility>

#include "common/base/environment.h"
#include "common/base/log.h"
#include "common/process/surroundings.h"
#include "common/python/api.h"
#include "common/python/hosting.h"

namespace fletbridge {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// There is one interpreter in a process, and its hooks (signal handlers, exit handlers, module
// functions) take no context: hence this one global.
struct State {
  pid_t pid = 0;
  pthread_t main_thread{};
  int signal_pipe = -1;
  std::function<int(int)> at_end;
  std::atomic<bool> running{false};  // what is above has been set
  std::atomic<pthread_t> ender{};    // the thread that is ending the process; none yet
  bool interrupted = false;  // under the GIL: the app ended by an unhandled KeyboardInterrupt
  struct sigaction before[NSIG] = {};
  // as a guest: set by InitGuest(), and what RunHosted() leaves for the interpreter's own thread
  int (*run)(int fd) = nullptr;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<BuiltinModule> modules;
  std::vector<std::pair<std::string, std::string>> told;  // to the shim, however we are hosted
};
State g_state;

// A thread that is told "to this thread" below must not tell the host what the host just said.
std::atomic<int> g_own_signals{0};
std::atomic<bool> g_host_interrupts{false};  // the host has raised a KeyboardInterrupt

void OnSignal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const struct sigaction& before = g_state.before[signal];
  if (::getpid() == g_state.pid) {
    if (g_own_signals.load() > 0) {
      g_own_signals.fetch_sub(1);
    } else {
      const bool handled = (before.sa_flags & SA_SIGINFO) != 0 ||
                           (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN);
      const auto number = static_cast<unsigned char>(handled ? signal : signal | kUnhandled);
      [[maybe_unused]] const ssize_t n = ::write(g_state.signal_pipe, &number, 1);
    }
  }
  errno = saved_errno;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else if (before.sa_handler == SIG_DFL && ::getpid() != g_state.pid) {
    // A fork of the app is an ordinary process, from its first instruction: a pool's workers are
    // ended by SIGTERM, which may come before any other hook of a fork could have run.
    ::sigaction(signal, &before, nullptr);
    ::kill(::getpid(), signal);
  }
}

// Puts our handler in front of whatever Python, or the app, has installed.
void WatchSignals() {
  for (const int signal : kSignals) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == OnSignal) continue;
    if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN)
      continue;  // as nohup wants it
    g_state.before[signal] = now;
    struct sigaction ours {};
    ours.sa_sigaction = OnSignal;
    ours.sa_flags = SA_SIGINFO;  // no SA_RESTART: Python relies on EINTR
    sigemptyset(&ours.sa_mask);
    ::sigaction(signal, &ours, nullptr);
  }
}

// Whether this thread is the one that ends the process, from now on or already.
bool BeginEnd() {
  pthread_t nobody{};
  const pthread_t self = ::pthread_self();
  return g_state.ender.compare_exchange_strong(nobody, self) || nobody == self;
}

// Another thread ends the process, whatever this one still had to do.
[[noreturn]] void Rest() {
  for (;;) ::pause();
}

// The process's end, once: from whatever thread and by whatever way the app ended.
int End(int code) {
  if (!BeginEnd()) Rest();
  const int result = g_state.at_end(code);
  std::fflush(nullptr);
  FlushLog();
  return result;
}

bool IsHost() { return ::getpid() == g_state.pid; }  // and not a fork of it

// sys.exit() in the main program makes Python call exit(): glibc tells us the code.
void OnExit(int code, void*) {
  if (!IsHost()) {
    // A fork of the app has had its own end by now. What comes next in exit() is the end of
    // libraries of ours, whose threads it does not have.
    std::fflush(nullptr);
    ::_exit(code);
  }
  if (g_state.ender.load() == ::pthread_self()) return;  // what End() returned to
  ::_exit(End(code));
}

// The last thing a finalised interpreter calls. After an unhandled KeyboardInterrupt it would now
// kill the process by SIGINT; the host's own ending says the same.
void OnFinalized() {
  if (IsHost()) {
    if (g_state.ender.load() == ::pthread_self()) return;
    if (g_state.interrupted) ::_exit(End(128 + SIGINT));
  }
  // exit() is next. It begins with what was registered last: without this, with the end of
  // libraries that were opened meanwhile and still run, such as the engine of a window.
  ::on_exit(OnExit, nullptr);
}

PyObject* None() {
  Py().Py_IncRef(Py().none);
  return Py().none;
}

PyObject* PyWatchSignals(PyObject*, PyObject*) {
  if (IsHost()) WatchSignals();
  return None();
}

// In a fork of the app, first of all: it is an ordinary process.
PyObject* PyForked(PyObject*, PyObject*) {
  for (const int signal : kSignals) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (!IsHost() && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == OnSignal)
      ::sigaction(signal, &g_state.before[signal], nullptr);
  }
  return None();
}

PyObject* PyInterrupted(PyObject*, PyObject*) {
  g_state.interrupted = true;
  return None();
}

PyObject* PyHostInterrupts(PyObject*, PyObject*) {
  return Py().PyBool_FromLong(g_host_interrupts.load() ? 1 : 0);
}

PyObject* PyExitNow(PyObject*, PyObject* argument) {
  const long code = Py().PyLong_AsLong(argument);
  if (code == -1 && Py().PyErr_Occurred() != nullptr) return nullptr;
  if (IsHost()) {
    Py().PyEval_SaveThread();
    ::_exit(End(static_cast<int>(code & 0xff)));
  }
  ::_exit(static_cast<int>(code));
}

// os.environ exists by now, so that the C library's environment alone would not do.
bool SetEnvironment() {
  const PyRef os = PyRef::Own(Py().PyImport_ImportModule("os"));
  if (!os) return false;
  const PyRef environment = PyRef::Own(Py().PyObject_GetAttrString(os.get(), "environb"));
  if (!environment) return false;
  for (const auto& [name, value] : g_state.environment) {
    if (!PyRef::Own(Py()._PyObject_CallMethod_SizeT(environment.get(), "__setitem__", "yy",
                                                    name.c_str(), value.c_str())))
      return false;
  }
  return true;
}

// told(b"NAME") -> what the host has to say to the shim by this name, in bytes, or None. In a
// process of its own the shim finds that in the environment.
PyObject* PyTold(PyObject*, PyObject* args) {
  const char* name = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "y:told", &name) == 0) return nullptr;
  for (const auto& [told, value] : g_state.told) {
    if (told == name)
      return Py().PyBytes_FromStringAndSize(value.data(), static_cast<Py_ssize_t>(value.size()));
  }
  return None();
}

// set_variable(b"NAME", b"value") and unset_variable(b"NAME"), of which the shim has seen to that
// they are good.
PyObject* PySetVariable(PyObject*, PyObject* args) {
  const char* name = nullptr;
  const char* value = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "yy:set_variable", &name, &value) == 0) return nullptr;
  SetVariable(name, value);
  return None();
}
PyObject* PyUnsetVariable(PyObject*, PyObject* args) {
  const char* name = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "y:unset_variable", &name) == 0) return nullptr;
  UnsetVariable(name);
  return None();
}

// start(fd) -> the names of the modules that create() makes, in bytes, with blanks between them.
PyObject* PyStart(PyObject*, PyObject* argument) {
  const long fd = Py().PyLong_AsLong(argument);
  if (fd == -1 && Py().PyErr_Occurred() != nullptr) return nullptr;
  if (g_state.run == nullptr || g_state.running.load()) {
    Py().PyErr_SetString(*Py().runtime_error, "there is nothing to start");
    return nullptr;
  }
  // A Ctrl-C meanwhile waits until there is somebody whom it can be told.
  sigset_t watched;
  sigset_t before;
  HoldStreams();  // the interpreter has seen by now which are closed
  sigemptyset(&watched);
  for (const int signal : kSignals) sigaddset(&watched, signal);
  ::pthread_sigmask(SIG_BLOCK, &watched, &before);
  PyThreadState* thread = Py().PyEval_SaveThread();
  const int code = g_state.run(static_cast<int>(fd));
  if (!g_state.running.load()) {
    std::fflush(nullptr);
    ::_exit(code);
  }
  Py().PyEval_RestoreThread(thread);
  WatchSignals();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!SetEnvironment()) return nullptr;
  Py().Py_AtExit(OnFinalized);
  std::string names;
  for (const BuiltinModule& module : g_state.modules) names += std::string(module.name) + " ";
  return Py().PyBytes_FromStringAndSize(names.data(), static_cast<Py_ssize_t>(names.size()));
}

PyObject* PyCreate(PyObject*, PyObject* args) {
  const char* name = nullptr;
  if (Py()._PyArg_ParseTuple_SizeT(args, "s:create", &name) == 0) return nullptr;
  for (const BuiltinModule& module : g_state.modules) {
    if (std::strcmp(module.name, name) == 0) return module.init();
  }
  Py().PyErr_SetString(*Py().runtime_error, "no such module is built in");
  return nullptr;
}

PyMethodDef g_methods[] = {
    {"start", PyStart, METH_O, nullptr},
    {"create", PyCreate, METH_VARARGS, nullptr},
    {"told", PyTold, METH_VARARGS, nullptr},
    {"set_variable", PySetVariable, METH_VARARGS, nullptr},
    {"unset_variable", PyUnsetVariable, METH_VARARGS, nullptr},
    {"watch_signals", PyWatchSignals, METH_NOARGS, nullptr},
    {"forked", PyForked, METH_NOARGS, nullptr},
    {"exit_now", PyExitNow, METH_O, nullptr},
    {"interrupted", PyInterrupted, METH_NOARGS, nullptr},
    {"host_interrupts", PyHostInterrupts, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_module = {PyModuleDef_HEAD_INIT,
                        "_fletbridge",
                        nullptr,
                        -1,
                        g_methods,
                        nullptr,
                        nullptr,
                        nullptr,
                        nullptr};

PyObject* InitFletbridge() { return Py().PyModule_Create2(&g_module, PYTHON_ABI_VERSION); }

// By the loader of any module: from the bytecode beside the file, where that is for this Python.
PyRef CodeOfShim(PyObject* file) {
  const PyApi& py = Py();
  const PyRef importing = PyRef::Own(py.PyImport_ImportModule("_frozen_importlib_external"));
  if (!importing) return {};
  const PyRef loader = PyRef::Own(py._PyObject_CallMethod_SizeT(importing.get(), "SourceFileLoader",
                                                                "sO", "sitecustomize", file));
  if (!loader) return {};
  return PyRef::Own(py._PyObject_CallMethod_SizeT(loader.get(), "get_code", "s", "sitecustomize"));
}

// `site` imports sitecustomize before the app's first line: the shim, as a built-in module. It is
// executed as the import's last step, so that it can give its place to the machine's own.
int ExecuteShim(PyObject* module) {
  const PyApi& py = Py();
  PyObject* names = py.PyModule_GetDict(module);
  py.PyDict_SetItemString(names, "__builtins__", py.PyEval_GetBuiltins());
  const PyRef file = PyRef::Own(py.PyUnicode_DecodeFSDefault(ShimFile().c_str()));
  if (!file) return -1;
  py.PyDict_SetItemString(names, "__file__", file.get());
  const PyRef code = CodeOfShim(file.get());
  if (!code || !PyRef::Own(py.PyEval_EvalCode(code.get(), names, names))) return -1;
  py.Py_AtExit(OnFinalized);  // not before the start: CPython 3.12 crashes
  return 0;
}

PyModuleDef_Slot g_shim_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(ExecuteShim)},
                                   {0, nullptr}};
PyModuleDef g_shim_module = {PyModuleDef_HEAD_INIT, "sitecustomize", nullptr, 0,      nullptr,
                             g_shim_slots,          nullptr,         nullptr, nullptr};

PyObject* InitShim() { return Py().PyModuleDef_Init(&g_shim_module); }

}  // namespace

Result<int> RunHosted(HostedOptions options) {
  if (Result<> loaded = LoadPyApi(options.libpython); !loaded) return loaded.error();
  g_state.pid = ::getpid();
  g_state.main_thread = ::pthread_self();
  g_state.signal_pipe = options.signal_pipe;
  g_state.at_end = std::move(options.at_end);
  g_state.running.store(true);
  // What is for the shim alone never is in the environment, where it would leave a trace.
  const auto for_app = std::stable_partition(
      options.environment.begin(), options.environment.end(),
      [](const auto& variable) { return variable.first.starts_with("FLETBRIDGE_"); });
  g_state.told.assign(options.environment.begin(), for_app);
  options.environment.erase(options.environment.begin(), for_app);
  if (g_state.run != nullptr) {
    g_state.environment = std::move(options.environment);
    g_state.modules = std::move(options.modules);
    ::on_exit(OnExit, nullptr);
    return 0;
  }
  for (const auto& [name, value] : options.environment) SetVariable(name, value);

  Py().PyImport_AppendInittab("_fletbridge", InitFletbridge);
  Py().PyImport_AppendInittab("sitecustomize", InitShim);
  for (const BuiltinModule& module : options.modules) {
    Py().PyImport_AppendInittab(module.name, module.init);
  }
  ::on_exit(OnExit, nullptr);

  std::vector<char*> argv{options.python.data()};
  for (std::string& argument : options.arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // To Python our holding them looks as if they were open.
  g_state.told.emplace_back("FLETBRIDGE_CLOSED_STREAMS", HeldStreams());
  LeaveSignalsAsFound();
  const int code = Py().Py_BytesMain(static_cast<int>(argv.size()) - 1, argv.data());
  if (!IsHost()) std::exit(code);  // a fork of the app that has run off the script's end
  return End(code);
}

PyObject* InitGuest(int (*run)(int fd)) noexcept try {
  if (Result<> loaded = LoadPyApi({}); !loaded) {
    // Without an exception of ours Python raises a SystemError of its own.
    if (Py().PyErr_SetString != nullptr && Py().runtime_error != nullptr)
      Py().PyErr_SetString(*Py().runtime_error, loaded.error().Line().c_str());
    return nullptr;
  }
  g_state.run = run;
  return InitFletbridge();
} catch (const std::exception&) {
  return nullptr;
}

void SignalHosted(int signal) {
  if (!g_state.running.load()) return;  // nobody is there to take it
  if (signal == SIGINT) g_host_interrupts.store(true);
  struct sigaction now {};
  ::sigaction(signal, nullptr, &now);
  const bool watched = (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == OnSignal;
  if (watched) g_own_signals.fetch_add(1);
  // Without a handler the signal would end the process before it can clean up.
  if (watched || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)) {
    ::pthread_kill(g_state.main_thread, signal);
  }
}

Result<> CheckLibpython(const std::string& libpython) { return LoadPyApi(libpython); }

void EndHostedNow(int code) {
  // The thread that is ending the process waits for the event loop, and so, perhaps, for this one.
  if (BeginEnd()) ::_exit(End(code));
}

}  // namespace fletbridge
