// Room: tests/dart_bridge. The C ABI of a libdart_bridge.so as an app sees it, declared here a
// second time on purpose: the tests hold a library to what is written, not to its own header.
// Knows nothing of fletbridge.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fletbridge::bridge_test {

// What Dart hands to serious_python_run().
struct sp_run_config_t {
  std::int32_t mode;  // 0 = run file, 1 = run source
  const char* app_path;
  const char* script_source;
  const char* program_name;
  const char** module_paths;
  const char** env_keys;
  const char** env_values;
  std::int32_t sync;
  std::int64_t completion_port;
};
static_assert(offsetof(sp_run_config_t, mode) == 0);
static_assert(offsetof(sp_run_config_t, app_path) == 8);
static_assert(offsetof(sp_run_config_t, script_source) == 16);
static_assert(offsetof(sp_run_config_t, program_name) == 24);
static_assert(offsetof(sp_run_config_t, module_paths) == 32);
static_assert(offsetof(sp_run_config_t, env_keys) == 40);
static_assert(offsetof(sp_run_config_t, env_values) == 48);
static_assert(offsetof(sp_run_config_t, sync) == 56);
static_assert(offsetof(sp_run_config_t, completion_port) == 64);
static_assert(sizeof(sp_run_config_t) == 72);

// The table that Dart calls NativeApi.initializeApiDLData.
struct DartApiEntry {
  const char* name;
  void (*function)();
};
struct DartApi {
  int major;
  int minor;
  const DartApiEntry* functions;  // ended by a null name
};

// What is posted to a port: the part of Dart_CObject that bytes and numbers need.
enum DartType : std::int32_t {
  kInt32 = 2,
  kInt64 = 3,
  kTypedData = 7,
  kExternalTypedData = 8,
  kUnmodifiableExternalTypedData = 13,
};
inline constexpr std::int32_t kUint8 = 2;  // Dart_TypedData_Type

struct DartCObject {
  std::int32_t type;
  union {
    std::int32_t as_int32;
    std::int64_t as_int64;
    struct {
      std::int32_t type;
      std::intptr_t length;
      const std::uint8_t* values;
    } as_typed_data;
    struct {
      std::int32_t type;
      std::intptr_t length;
      std::uint8_t* data;
      void* peer;
      void (*callback)(void* isolate_callback_data, void* peer);
    } as_external_typed_data;
  } value;
};
static_assert(offsetof(DartCObject, value) == 8);
static_assert(offsetof(DartCObject, value.as_typed_data.length) == 16);
static_assert(offsetof(DartCObject, value.as_typed_data.values) == 24);
static_assert(offsetof(DartCObject, value.as_external_typed_data.peer) == 32);
static_assert(offsetof(DartCObject, value.as_external_typed_data.callback) == 40);

using PostCObject = bool (*)(std::int64_t port, DartCObject* message);
using PostInteger = bool (*)(std::int64_t port, std::int64_t message);

// One library, opened as Dart opens it. A function that it does not have is null.
struct Bridge {
  explicit Bridge(const char* path);  // throws if it cannot be opened
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge() = default;  // never closed: a Python that has run does not go away

  [[nodiscard]] void* Symbol(const char* name) const;

  void* handle;
  std::intptr_t (*init)(void* data);
  int (*enqueue)(std::int64_t port, const char* data, std::size_t length);
  int (*run)(const sp_run_config_t* config);
  int (*register_extension)(const char* name, void* (*init)());
  int (*request_stop)();
  void (*finalize)();
  void (*clear_handlers)();
  int (*is_initialized)();
  void (*signal)(int n, const char* const* labels, const std::int64_t* ports);
  int (*install_redirect)();
  int (*is_mp_invocation)(int argc, char** argv);  // since 1.5
  int (*main)(int argc, char** argv);              // since 1.5
  void (*hard_exit)(int code);                     // since 1.9
};

}  // namespace fletbridge::bridge_test
