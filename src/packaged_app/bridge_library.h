// Room: src/packaged_app. A libdart_bridge.so, opened as Dart opens it; ours or the original. Used
// by the hosts of tests/dart_vm and tests/bench. The functions are the library's own: see its ABI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "src/packaged_app/dart_api.h"

namespace fletbridge::dart_vm {

struct BridgeRunConfig {  // sp_run_config_t
  std::int32_t mode;
  const char* app_path;
  const char* script_source;
  const char* program_name;
  const char** module_paths;
  const char** env_keys;
  const char** env_values;
  std::int32_t sync;
  std::int64_t completion_port;
};
static_assert(sizeof(void*) != 8 || sizeof(BridgeRunConfig) == 72);

inline constexpr int kNoHandler = -1;
inline constexpr int kNotUp = -2;

struct PythonProgram {
  std::string source;
  std::vector<std::string> module_paths;
  std::vector<std::pair<std::string, std::string>> environment;
};

class BridgeLibrary {
 public:
  // Throws std::runtime_error with one line. `libpython`, if it is not empty, is opened with global
  // scope first: without that, extension modules that do not link libpython cannot be imported,
  // since Dart opens the library with local scope.
  BridgeLibrary(const std::string& path, const std::string& libpython);
  BridgeLibrary(const BridgeLibrary&) = delete;
  BridgeLibrary& operator=(const BridgeLibrary&) = delete;

  [[nodiscard]] std::intptr_t Init(const ApiTable* table) const {
    return init_(const_cast<ApiTable*>(table));
  }
  [[nodiscard]] int Enqueue(Port port, const void* data, std::size_t size) const {
    return enqueue_(port, static_cast<const char*>(data), size);
  }
  // Starts the program on a thread of the library's; its exit code comes to `completion`, unless
  // that is 0. False if it could not be started.
  [[nodiscard]] bool RunAsync(const PythonProgram& program, Port completion) const;
  // New ports for a Python that goes on running.
  void SignalSession(const std::vector<std::pair<std::string, Port>>& ports) const;

 private:
  std::intptr_t (*init_)(void*) = nullptr;
  int (*enqueue_)(std::int64_t, const char*, std::size_t) = nullptr;
  int (*run_)(const BridgeRunConfig*) = nullptr;
  void (*signal_session_)(int, const char* const*, const std::int64_t*) = nullptr;
};

}  // namespace fletbridge::dart_vm
