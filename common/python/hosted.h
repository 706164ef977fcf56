// Room: common/python. CPython hosted in this process: the app runs on the process's main thread
// exactly as `python app.py` runs it (Py_BytesMain), with our shim as its `sitecustomize`. One per
// process. Knows nothing of transports.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"

typedef struct _object PyObject;

namespace fletbridge {

// A C module to build in, before the start.
struct BuiltinModule {
  const char* name;
  PyObject* (*init)();
};

struct HostedOptions {
  std::string libpython;
  std::string python;  // argv[0]: decides sys.executable and the virtual environment
  std::vector<std::string> arguments;  // {"app.py", ...} or {"-m", "module", ...}
  std::vector<std::pair<std::string, std::string>> environment;  // set in this process
  std::vector<BuiltinModule> modules;
  // Where SIGINT, SIGTERM and SIGHUP are told, besides Python's own handlers, which run as well:
  // the handler writes one byte, the signal's number, into this descriptor.
  int signal_pipe = -1;
  std::function<void()> on_ready;  // the interpreter is up and about to load the app; main thread
  // Called once with the app's exit code, on the thread on which it ended; returns the process's.
  // Whatever must happen before the process ends belongs in here: when Python calls exit() itself,
  // or the app os._exit(), the process ends right after it.
  std::function<int(int app_code)> at_end;
};

// Loads libpython and runs the app to its end; the main thread only. Returns what `at_end`
// returned, or an error if nothing was started.
[[nodiscard]] Result<int> RunHosted(HostedOptions options);

// As if `signal` had been sent to the process, for its Python handlers. Any thread.
void SignalHosted(int signal);

// Says whether the library can be opened here and has what we call; opens it.
[[nodiscard]] Result<> CheckLibpython(const std::string& libpython);

// Ends the process at once, as the app's end would, with the app's exit code `code`: for an app
// that does not heed. Any thread.
[[noreturn]] void EndHostedNow(int code);

// The shim's text, for an interpreter in another process.
[[nodiscard]] const char* ShimSource() noexcept;

}  // namespace fletbridge
