// What libdart_bridge exports. Nothing may leave these functions as a C++ exception: callers are C.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

#include "src/dart_bridge/app_interpreter.h"
#include "src/dart_bridge/dart_bridge.h"
#include "src/dart_bridge/multiprocessing.h"

namespace fletbridge::dart_bridge {
namespace {

static_assert(sizeof(void*) != 8 ||
              (offsetof(sp_run_config_t, mode) == 0 && offsetof(sp_run_config_t, app_path) == 8 &&
               offsetof(sp_run_config_t, script_source) == 16 &&
               offsetof(sp_run_config_t, program_name) == 24 &&
               offsetof(sp_run_config_t, module_paths) == 32 &&
               offsetof(sp_run_config_t, env_keys) == 40 &&
               offsetof(sp_run_config_t, env_values) == 48 &&
               offsetof(sp_run_config_t, sync) == 56 &&
               offsetof(sp_run_config_t, completion_port) == 64 && sizeof(sp_run_config_t) == 72));
static_assert(sizeof(dart_bridge_statistics_t) == 80);

// Never destroyed: the VM's threads may call in while the process's exit() runs destructors.
Interpreter& Bridge() {
  static auto* bridge = new Interpreter;
  return *bridge;
}

int WriteStatistics(char* to, std::size_t size) {
  dart_bridge_statistics_t statistics{};
  if (to == nullptr || size != sizeof statistics) return -1;
  std::memcpy(&statistics, to, sizeof statistics.struct_bytes);
  if (statistics.struct_bytes != sizeof statistics) return -1;
  const stage3::BridgeStatistics now = stage3::StatisticsOf(Bridge().inbox());
  statistics.queued_bytes = now.queued_bytes;
  statistics.queued_bytes_peak = now.queued_bytes_peak;
  statistics.accepted = now.accepted;
  statistics.refused = now.refused;
  statistics.delivered = now.delivered;
  statistics.dropped = now.dropped;
  statistics.sent = now.sent;
  statistics.sent_bytes = now.sent_bytes;
  statistics.lent_bytes = now.lent_bytes;
  std::memcpy(to, &statistics, sizeof statistics);
  return 0;
}

Program ProgramOf(const sp_run_config_t& config) {
  Program program;
  program.from_source = config.mode == 1;
  const char* code = program.from_source ? config.script_source : config.app_path;
  program.has_code = code != nullptr;
  if (code != nullptr) (program.from_source ? program.source : program.path) = code;
  if (config.program_name != nullptr) program.name = config.program_name;
  for (const char** path = config.module_paths; path != nullptr && *path != nullptr; ++path)
    program.module_paths.emplace_back(*path);
  if (config.env_keys != nullptr && config.env_values != nullptr) {
    for (std::size_t i = 0; config.env_keys[i] != nullptr && config.env_values[i] != nullptr; ++i)
      program.environment.emplace_back(config.env_keys[i], config.env_values[i]);
  }
  program.completion_port = config.completion_port;
  return program;
}

}  // namespace
}  // namespace fletbridge::dart_bridge

using fletbridge::SendResult;
using fletbridge::dart_bridge::Bridge;

extern "C" {

intptr_t DartBridge_InitDartApiDL(void* data) noexcept { return Bridge().vm().Init(data) ? 0 : -1; }

int DartBridge_EnqueueMessage(int64_t port, const char* data, size_t len) noexcept try {
  if (port == DART_BRIDGE_STATISTICS_PORT)
    return fletbridge::dart_bridge::WriteStatistics(const_cast<char*>(data), len);
  fletbridge::stage3::Inbox& inbox = Bridge().inbox();
  if (!inbox.is_open()) return -2;
  if (len > PTRDIFF_MAX || (data == nullptr && len != 0) || !inbox.ports().Has(port)) return -1;
  fletbridge::stage3::Message message;
  message.port = port;
  message.payload = fletbridge::stage3::Payload::CopyForPython({data, len});
  switch (inbox.Push(std::move(message))) {
    case SendResult::kAccepted:
      return 0;
    case SendResult::kClosed:
      return -2;
    case SendResult::kFull:
    case SendResult::kTooLarge:
      break;
  }
  return -1;
} catch (...) {
  return -1;  // no memory
}

void dart_bridge_signal_dart_session(int n, const char* const* labels,
                                     const int64_t* ports) noexcept try {
  if (!Bridge().inbox().is_open() || (n > 0 && (labels == nullptr || ports == nullptr))) return;
  fletbridge::stage3::SessionPorts session;
  for (int i = 0; i < n; ++i) {
    if (labels[i] != nullptr) session.emplace_back(labels[i], ports[i]);
  }
  Bridge().delivery().SignalDartSession(std::move(session));
} catch (...) {
}

int dart_bridge_is_python_initialized(void) noexcept { return Bridge().is_up() ? 1 : 0; }

void dart_bridge_clear_handlers(void) noexcept try {
  Bridge().delivery().ClearHandlers();
} catch (...) {
}

int dart_bridge_install_stdio_redirect(void) noexcept try {
  return Bridge().RedirectStdio() ? 0 : -1;
} catch (...) {
  return -1;
}

int serious_python_run(const sp_run_config_t* config) noexcept try {
  if (config == nullptr) return -1;
  return Bridge().Run(fletbridge::dart_bridge::ProgramOf(*config), config->sync != 0);
} catch (...) {
  return -1;
}

int serious_python_register_extension(const char* name, PyObject* (*init)(void)) noexcept try {
  if (name == nullptr || init == nullptr) return -1;
  Bridge().RegisterExtension(name, init);
  return 0;
} catch (...) {
  return -1;
}

int serious_python_request_stop(void) noexcept { return Bridge().RequestStop() ? 0 : -1; }

void serious_python_finalize(void) noexcept try { Bridge().Finalize(); } catch (...) {
}

int serious_python_is_mp_invocation(int argc, char** argv) noexcept {
  return fletbridge::dart_bridge::IsMultiprocessingChild(argc, argv) ? 1 : 0;
}

int serious_python_main(int argc, char** argv) noexcept try {
  if (std::getenv("PYTHONHOME") == nullptr && std::getenv("PYTHONPATH") == nullptr) {
    std::fputs(
        "dart_bridge: neither PYTHONHOME nor PYTHONPATH is set: this child was not started by "
        "a packaged app\n",
        stderr);
    return 64;
  }
  return Bridge().RunChild(argc, argv);
} catch (...) {
  return 1;  // no memory
}

void serious_python_hard_exit(int code) noexcept { ::_exit(code); }

PyObject* PyInit_dart_bridge(void) noexcept { return Bridge().ImportModule(); }

}  // extern "C"
