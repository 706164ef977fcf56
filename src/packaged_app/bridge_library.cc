#include "src/packaged_app/bridge_library.h"

#include <dlfcn.h>
#include <stdexcept>

namespace fletbridge::dart_vm {
namespace {

template <class Function>
void Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("the library has no ") + name);
}

std::vector<const char*> Terminated(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  result.push_back(nullptr);
  return result;
}

}  // namespace

BridgeLibrary::BridgeLibrary(const std::string& path, const std::string& libpython) {
  if (!libpython.empty() && ::dlopen(libpython.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw std::runtime_error(::dlerror());
  }
  void* library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);  // never closed, as by Dart
  if (library == nullptr) throw std::runtime_error(::dlerror());
  Find(library, "DartBridge_InitDartApiDL", init_);
  Find(library, "DartBridge_EnqueueMessage", enqueue_);
  Find(library, "serious_python_run", run_);
  Find(library, "dart_bridge_signal_dart_session", signal_session_);
}

bool BridgeLibrary::RunAsync(const PythonProgram& program, Port completion) const {
  std::vector<std::string> keys, values;
  for (const auto& [key, value] : program.environment) {
    keys.push_back(key);
    values.push_back(value);
  }
  std::vector<const char*> paths = Terminated(program.module_paths);
  std::vector<const char*> env_keys = Terminated(keys);
  std::vector<const char*> env_values = Terminated(values);
  BridgeRunConfig config{};
  config.mode = 1;
  config.script_source = program.source.c_str();
  config.module_paths = paths.data();
  config.env_keys = env_keys.data();
  config.env_values = env_values.data();
  config.completion_port = completion;
  return run_(&config) == 0;  // it has copied everything when it returns
}

void BridgeLibrary::SignalSession(const std::vector<std::pair<std::string, Port>>& ports) const {
  std::vector<const char*> labels;
  std::vector<std::int64_t> numbers;
  for (const auto& [label, port] : ports) {
    labels.push_back(label.c_str());
    numbers.push_back(port);
  }
  signal_session_(static_cast<int>(labels.size()), labels.data(), numbers.data());
}

}  // namespace fletbridge::dart_vm
