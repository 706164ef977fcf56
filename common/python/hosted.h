// Room: common/python. CPython in one process with us: the app runs on the process's main thread
// exactly as `python app.py` runs it, with our shim as its `sitecustomize`. Either we host it, and
// call Py_BytesMain, or we are its guest, an extension that the shim has loaded. One per process.
// Knows nothing of transports.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"

typedef struct _object PyObject;

namespace fletbridge {

// A C module to build in, before the start. `init` is single-phase: it returns the module itself.
struct BuiltinModule {
  const char* name;
  PyObject* (*init)();
};

inline constexpr int kUnhandled = 0x80;

struct HostedOptions {
  std::string libpython;  // empty: this process has the interpreter in it
  std::string python;     // argv[0]: decides sys.executable and the virtual environment
  std::vector<std::string> arguments;  // {"app.py", ...} or {"-m", "module", ...}
  // Set in this process; what begins with FLETBRIDGE_ is for the shim, which is told it.
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<BuiltinModule> modules;
  // Where SIGINT, SIGTERM and SIGHUP are told, besides Python's own handlers, which run as well:
  // the handler writes one byte into this descriptor: the signal's number, with kUnhandled if there
  // is no handler, so that only the signal's default action is left.
  int signal_pipe = -1;
  // Called once with the app's exit code, on the thread on which it ended; returns the process's.
  // Whatever must happen before the process ends belongs in here: when Python calls exit() itself,
  // or the app os._exit(), the process ends right after it.
  std::function<int(int app_code)> at_end;
};

// Loads libpython and runs the app to its end; the main thread only. Returns what `at_end`
// returned, or an error if nothing was started.
// In an interpreter whose guest we are it prepares all that and returns 0 at once: the app is run
// by the interpreter, once the import that has brought us here is over, and `at_end` is called at
// its end, after which the process ends.
[[nodiscard]] Result<int> RunHosted(HostedOptions options);

// The init function of our extension, the module `_fletbridge`, in a genuine interpreter; the main
// thread. The shim then calls the module's start(fd), which calls `run(fd)` without the GIL: it
// either comes to RunHosted() or returns the exit code with which the process then ends.
[[nodiscard]] PyObject* InitGuest(int (*run)(int fd)) noexcept;

// As if `signal` had been sent to the process, for its Python handlers. Any thread.
void SignalHosted(int signal);

// Says whether the library can be opened here and has what we call; opens it.
[[nodiscard]] Result<> CheckLibpython(const std::string& libpython);

// Ends the process at once, as the app's end would, with the app's exit code `code`: for an app
// that does not heed. Returns only if another thread is ending the process already, which may need
// this one. Any thread.
void EndHostedNow(int code);

}  // namespace fletbridge
