#include "src/dart_bridge/app_interpreter.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <system_error>
#include <thread>

#include "common/base/environment.h"
#include "common/platform/library.h"
#include "common/platform/threads.h"
#include "common/python/api.h"
#include "src/dart_bridge/dart_bridge.h"
#include "src/dart_bridge/libpython.h"
#include "src/dart_bridge/startup.h"
#include "src/stage3/bytes_object.h"

namespace fletbridge::dart_bridge {
namespace {

constexpr const char* kSourceName = "<sp_script>";  // as the original shows it in tracebacks

void Say(const std::string& text) { std::fprintf(stderr, "dart_bridge: %s\n", text.c_str()); }

FlowLimits LimitsFromEnvironment() {
  std::size_t bytes = DART_BRIDGE_QUEUE_BYTES;
  if (const char* text = std::getenv("FLETBRIDGE_BRIDGE_QUEUE_BYTES"); text != nullptr) {
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, bytes);
    if (error != std::errc{} || stop != end) {
      bytes = DART_BRIDGE_QUEUE_BYTES;
      Say(std::string("FLETBRIDGE_BRIDGE_QUEUE_BYTES is not a number of bytes: \"") + text +
          "\"; it stays at " + std::to_string(bytes));
    }
  }
  // Senders ask again by themselves, so there is no lower mark.
  return {.max_packet = SIZE_MAX / 4, .high_water = bytes, .low_water = bytes};
}

// Null with an exception set.
PyRef ToPython(const std::string& utf8) {
  const PyRef bytes =
      PyRef::Own(Py().PyBytes_FromStringAndSize(utf8.data(), static_cast<Py_ssize_t>(utf8.size())));
  if (!bytes) return {};
  return PyRef::Own(
      Py()._PyObject_CallMethod_SizeT(bytes.get(), "decode", "ss", "utf-8", "surrogateescape"));
}

// The names of startup.py, in a module of their own; null with an exception set.
PyRef Startup() {
  constexpr const char* kName = "_dart_bridge_startup";
  PyObject* module = Py().PyImport_AddModule(kName);  // borrowed from sys.modules
  if (module == nullptr) return {};
  PyObject* names = Py().PyModule_GetDict(module);
  if (Py().PyDict_GetItemString(names, "prepare") == nullptr) {
    if (Py().PyDict_SetItemString(names, "__builtins__", Py().PyEval_GetBuiltins()) != 0) return {};
    const PyRef code = PyRef::Own(Py().Py_CompileString(kStartupSource, kName, Py_file_input));
    if (!code || !PyRef::Own(Py().PyEval_EvalCode(code.get(), names, names))) return {};
  }
  return PyRef::Share(module);
}

// False with an exception set.
bool Prepare(const Program& program) {
  const PyRef startup = Startup();
  if (!startup) return false;
  const PyRef paths = PyRef::Own(Py().PyList_New(0));
  if (!paths) return false;
  for (const std::string& path : program.module_paths) {
    const PyRef text = ToPython(path);
    if (!text || Py().PyList_Append(paths.get(), text.get()) != 0) return false;
  }
  const PyRef name = ToPython(program.name);
  return name && PyRef::Own(Py()._PyObject_CallMethod_SizeT(startup.get(), "prepare", "OO",
                                                            name.get(), paths.get()));
}

bool Redirect() {
  const PyRef startup = Startup();
  return startup &&
         PyRef::Own(Py()._PyObject_CallMethod_SizeT(startup.get(), "redirect_stdio", nullptr));
}

// The program's text; false after having said why there is none.
bool ReadSource(const Program& program, std::string& source) {
  if (!program.has_code) {
    Say(program.from_source ? "no program: script_source is null" : "no program: app_path is null");
    return false;
  }
  if (program.from_source) {
    source = program.source;
    return true;
  }
  std::ifstream in(program.path, std::ios::binary);
  if (!in.is_open()) {
    Say("cannot open " + program.path + ": " + std::strerror(errno));
    return false;
  }
  source.assign(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) {
    Say("cannot read " + program.path);
    return false;
  }
  if (source.find('\0') != std::string::npos) {
    Say(program.path + " is not Python source: it contains null bytes");
    return false;
  }
  return true;
}

std::int64_t PortFromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoll(text, nullptr, 10) : 0;
}

// Other threads of the host read the environment meanwhile.
bool SetEnvironment(const Program& program) {
  for (const auto& [key, value] : program.environment) {
    if (key.empty() || key.find('=') != std::string::npos) {
      Say("cannot set the environment variable \"" + key + "\": " + std::strerror(EINVAL));
      return false;
    }
    SetVariable(key, value);
  }
  return true;
}

// As the first part of Py_FinalizeEx() does it, which then finds it done.
void JoinThreads() {
  const PyRef threading =
      PyRef::Share(Py().PyDict_GetItemString(Py().PyImport_GetModuleDict(), "threading"));
  if (!threading) return;  // never imported
  if (!PyRef::Own(Py()._PyObject_CallMethod_SizeT(threading.get(), "_shutdown", nullptr)))
    Py().PyErr_WriteUnraisable(threading.get());
}

}  // namespace

// A caller inside of Python: while there is one, the interpreter does not end.
class Interpreter::Guest {
 public:
  explicit Guest(Interpreter& host) : host_(host) {
    const std::lock_guard lock(host_.mutex_);
    // One that somebody else has started has no phases.
    in_ = host_.phase_ == Phase::kUp ||
          (host_.phase_ == Phase::kDown && HasPython() && host_.is_up());
    if (in_) ++host_.guests_;
  }
  ~Guest() {
    if (!in_) return;
    const std::lock_guard lock(host_.mutex_);
    --host_.guests_;
    host_.phase_changed_.notify_all();
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  [[nodiscard]] bool in() const noexcept { return in_; }

 private:
  Interpreter& host_;
  bool in_ = false;
};

Interpreter::Interpreter()
    : inbox_(LimitsFromEnvironment()),
      vm_([this] { inbox_.Wake(); }),
      delivery_(inbox_, {.on_set = {},
                         .on_gone = {},
                         .on_turn = [this] { vm_.CollectReturned(); },
                         .on_session = {}}) {}

bool Interpreter::is_up() const noexcept {
  if (HasPython()) return Py().Py_IsInitialized() != 0;
  // Somebody else may have started one.
  auto* is_initialized =
      reinterpret_cast<int (*)()>(platform::FindSymbol(nullptr, "Py_IsInitialized"));
  return is_initialized != nullptr && is_initialized() != 0;
}

void Interpreter::SetPhase(Phase phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  if (phase == Phase::kDown) stop_asked_ = finalize_asked_ = false;
  phase_changed_.notify_all();
}

bool Interpreter::TakeStart() {
  std::unique_lock lock(mutex_);
  phase_changed_.wait(lock, [this] { return phase_ != Phase::kEnding; });
  if (phase_ != Phase::kDown || is_up()) return false;
  phase_ = Phase::kStarting;
  return true;
}

int Interpreter::Run(Program program, bool sync) {
  // Whoever comes while another one starts finds Python up, as far as this caller can tell.
  bool ours = false;
  bool must_wait = false;
  {
    const std::lock_guard lock(mutex_);
    ours = phase_ == Phase::kDown && !is_up();
    must_wait = phase_ == Phase::kEnding;
    if (ours) phase_ = Phase::kStarting;
  }
  const std::int64_t completion_port = sync ? 0 : program.completion_port;
  const auto run = [this, ours, completion_port, program = std::move(program)] {
    const int result = ours || TakeStart() ? RunFresh(program) : RunWhileUp(program);
    if (completion_port != 0) vm_.PostInteger(completion_port, result);
    return result;
  };
  // A thread of the interpreter that ends would wait for itself.
  if (sync && must_wait && HasPython() && Py().PyGILState_GetThisThreadState() != nullptr)
    return -1;
  if (sync) return run();
  if (!ours && !must_wait) {
    run();
    return 0;
  }
  try {
    std::thread([run] {
      // RequestStop() must reach the program, with any signal mask of the thread that started us.
      platform::AllowInterrupt();
      run();
    }).detach();
  } catch (const std::exception&) {  // no thread, or no memory
    if (ours) SetPhase(Phase::kDown);
    return -1;
  }
  return 0;
}

int Interpreter::RunWhileUp(const Program& program) {
  if (!SetEnvironment(program)) return 1;
  stage3::SessionPorts ports;
  const std::pair<const char*, const char*> known[] = {{"protocol", "FLET_DART_BRIDGE_PORT"},
                                                       {"exit", "FLET_DART_BRIDGE_EXIT_PORT"}};
  for (const auto& [label, variable] : known) {
    if (const std::int64_t port = PortFromEnvironment(variable); port > 0)
      ports.emplace_back(label, port);
  }
  if (!ports.empty()) delivery_.SignalDartSession(std::move(ports));
  return 0;
}

void Interpreter::AddModules() {
  for (const BuiltinModule& module : stage3::BridgeModules(inbox_, delivery_, vm_))
    Py().PyImport_AppendInittab(module.name, module.init);
  const std::lock_guard lock(mutex_);
  for (auto it = extensions_.rbegin(); it != extensions_.rend(); ++it)
    Py().PyImport_AppendInittab(it->first->c_str(), it->second);
}

// The phase is kStarting, by us.
int Interpreter::RunFresh(const Program& program) {
  bool ready = false;
  try {
    ready = SetEnvironment(program);
    if (ready) {
      if (Result<> python = FindPython(); !python) {
        Say(python.error().Line());
        ready = false;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dart_bridge: %s\n", error.what());
    ready = false;
  }
  if (!ready) {
    SetPhase(Phase::kDown);
    return 1;
  }
  AddModules();
  Py().Py_InitializeEx(1);
  vm_.InterpreterStarted(stage3::LearnBytesLayout());
  delivery_.Open();
  const bool prepared = Redirect() && Prepare(program);
  EnterProgram();
  const int result = prepared ? RunInInterpreter(program) : 1;
  SetPhase(Phase::kEnding);
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  Py().PyErr_Fetch(&type, &value, &trace);
  AwaitGuests();
  delivery_.Close();
  Py().PyErr_Restore(type, value, trace);
  const bool exits = type != nullptr && Py().PyErr_ExceptionMatches(*Py().system_exit) != 0;
  if (type != nullptr && !exits) Py().PyErr_Print();
  Py().PyErr_Fetch(&type, &value, &trace);
  LeaveProgram();
  Py().PyErr_Restore(type, value, trace);
  if (exits) Py().PyErr_Print();  // which ends the process
  if (Py().Py_FinalizeEx() != 0) Say("what the program wrote last could not be written");
  vm_.InterpreterEnded();
  std::fflush(nullptr);
  SetPhase(Phase::kDown);
  return result;
}

// 0; 1 with an exception set, or after having said what is wrong.
int Interpreter::RunInInterpreter(const Program& program) {
  std::string source;
  try {
    if (!ReadSource(program, source)) return 1;
  } catch (const std::exception& error) {  // no memory for it
    std::fprintf(stderr, "dart_bridge: %s\n", error.what());
    return 1;
  }
  const char* name = program.from_source ? kSourceName : program.path.c_str();
  PyObject* main = Py().PyImport_AddModule("__main__");  // borrowed
  if (main == nullptr) return 1;
  PyRef code = PyRef::Own(Py().Py_CompileString(source.c_str(), name, Py_file_input));
  if (!code) return 1;
  PyObject* names = Py().PyModule_GetDict(main);
  const PyRef value = PyRef::Own(Py().PyEval_EvalCode(code.get(), names, names));
  code = {};
  return value ? 0 : 1;
}

void Interpreter::EnterProgram() {
  const platform::SignalHandler now = platform::InterruptHandler();
  bool stop = false;
  bool finalize = false;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::kUp;
    interruptible_ = true;
    program_thread_ = ::pthread_self();
    sigint_handler_ = now;
    stop = std::exchange(stop_asked_, false);
    finalize = std::exchange(finalize_asked_, false);
    phase_changed_.notify_all();
  }
  if (finalize) {
    inbox_.Shut();
    delivery_.ClearHandlers();
  }
  if (stop) Py().PyErr_SetInterrupt();
}

void Interpreter::AwaitGuests() {
  PyThreadState* thread = Py().PyEval_SaveThread();  // they may wait for it
  {
    std::unique_lock lock(mutex_);
    phase_changed_.wait(lock, [this] { return guests_ == 0; });
  }
  Py().PyEval_RestoreThread(thread);
}

void Interpreter::LeaveProgram() {
  JoinThreads();
  // Python takes its handlers away now, and whoever sent a signal then would end the process.
  const std::lock_guard lock(mutex_);
  interruptible_ = false;
}

bool Interpreter::RequestStop() noexcept {
  const std::lock_guard lock(mutex_);
  switch (phase_) {
    case Phase::kStarting:
      stop_asked_ = true;
      return true;
    case Phase::kUp:
    case Phase::kEnding:
      if (!interruptible_) return false;
      break;
    case Phase::kChild:
      return false;
    case Phase::kDown:  // somebody else may have started one
      if (!HasPython() || !is_up()) return false;
      Py().PyErr_SetInterrupt();
      return true;
  }
  const platform::SignalHandler now = platform::InterruptHandler();
  if (sigint_handler_ != SIG_DFL && sigint_handler_ != SIG_IGN && now == sigint_handler_) {
    // A real one: it wakes the program out of a waiting system call. While the mutex is held the
    // program's thread cannot come to where Python takes its handler away.
    platform::InterruptThread(program_thread_);
  } else {
    Py().PyErr_SetInterrupt();
  }
  return true;
}

void Interpreter::Finalize() {
  bool ours = false;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kStarting) {
      stop_asked_ = finalize_asked_ = true;
      return;
    }
    ours = phase_ == Phase::kUp;
    if (!ours && (phase_ != Phase::kDown || !HasPython() || !is_up())) return;
    if (!ours) phase_ = Phase::kEnding;
  }
  inbox_.Shut();
  delivery_.ClearHandlers();
  if (ours) {
    [[maybe_unused]] const bool asked = RequestStop();  // the program's thread does the rest
    return;
  }
  Py().PyGILState_Ensure();
  AwaitGuests();
  delivery_.Close();
  Py().Py_FinalizeEx();
  vm_.InterpreterEnded();
  SetPhase(Phase::kDown);
}

bool Interpreter::RedirectStdio() {
  const Guest guest(*this);
  if (!guest.in()) return false;
  const PyGILState_STATE attached = Py().PyGILState_Ensure();
  const bool ok = Redirect();
  if (!ok) Py().PyErr_Print();
  Py().PyGILState_Release(attached);
  return ok;
}

void Interpreter::RegisterExtension(std::string name, PyObject* (*init)()) {
  const std::lock_guard lock(mutex_);
  extensions_.emplace_back(new std::string(std::move(name)), init);
}

int Interpreter::RunChild(int argc, char** argv) {
  ::unsetenv("PYTHONINSPECT");
  if (Result<> python = FindPython(); !python) {
    Say(python.error().Line());
    return 1;
  }
  AddModules();
  delivery_.Open();
  SetPhase(Phase::kChild);
  return Py().Py_BytesMain(argc, argv);
}

PyObject* Interpreter::ImportModule() {
  if (!FindPython()) return nullptr;
  const std::vector<BuiltinModule> modules = stage3::BridgeModules(inbox_, delivery_, vm_);
  vm_.InterpreterStarted(stage3::LearnBytesLayout());
  delivery_.Open();
  return modules.front().init();
}

}  // namespace fletbridge::dart_bridge
