#include "common/python/flet_environment.h"

#include <cstdlib>

namespace fletbridge {
namespace {

Environment Embedded() {
  Environment result{{"FLET_PLATFORM", "linux"}};
  // What another run or a person's shell left must not choose the transport.
  for (const char* name :
       {"FLET_FORCE_WEB_SERVER", "FLET_DART_BRIDGE_PORT", "FLET_DISPLAY_URL_PREFIX"}) {
    if (std::getenv(name) != nullptr) result.emplace_back(name, "");
  }
  return result;
}

}  // namespace

Environment FletOnUnixSocket(const std::string& path) {
  Environment result = Embedded();
  result.emplace_back("FLET_SERVER_UDS_PATH", path);
  result.emplace_back("FLET_SERVER_PORT",
                      "0");  // beats ft.run(port=...), which would beat the path
  return result;
}

Environment FletOnTcp(std::uint16_t port) {
  Environment result = Embedded();
  result.emplace_back("FLET_SERVER_PORT", std::to_string(port));
  return result;
}

Environment FletOnBridge(std::int64_t port) {
  Environment result = Embedded();
  std::erase_if(result, [](const auto& entry) { return entry.first == "FLET_DART_BRIDGE_PORT"; });
  result.emplace_back("FLET_DART_BRIDGE_PORT", std::to_string(port));
  return result;
}

Environment FletAsWebServer(std::uint16_t port) {
  Environment result{{"FLET_FORCE_WEB_SERVER", "true"},
                     {"FLET_SERVER_IP", "127.0.0.1"},
                     {"FLET_SERVER_PORT", std::to_string(port)}};
  // What another run or a person's shell left must not choose the place.
  for (const char* name : {"FLET_WEB_APP_PATH", "FLET_WEBSOCKET_HANDLER_ENDPOINT"}) {
    if (std::getenv(name) != nullptr) result.emplace_back(name, "");
  }
  return result;
}

// `fletd` would listen at every address of the machine.
Environment FletWithFletd(std::uint16_t port) {
  return {{"FLET_SERVER_IP", "127.0.0.1"},
          {"FLET_SERVER_PORT", std::to_string(port)},
          {"FLET_ALLOW_REMOTE_HOST_CLIENTS", "false"}};
}

void PointToShim(const std::string& folder, Environment& environment) {
  const char* before = std::getenv("PYTHONPATH");
  environment.emplace_back("FLETBRIDGE_SHIM", folder);
  if (before != nullptr) environment.emplace_back("FLETBRIDGE_PYTHONPATH", before);
  environment.emplace_back("PYTHONPATH",
                           before != nullptr && *before != '\0' ? folder + ":" + before : folder);
}

}  // namespace fletbridge
