// Room: common/python. The environment variables that put an unmodified Flet (>= 0.4) into its
// embedded mode and tell it where to listen (flet/app.py, flet/utils/platform_utils.py; 0.1.65:
// flet/flet.py). Reads this
// process's environment; call before threads start that change it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fletbridge {

using Environment = std::vector<std::pair<std::string, std::string>>;

// Tells the shim that the app may have several clients at a time, each with a session of its own.
inline constexpr const char* kSessionsVariable = "FLETBRIDGE_SESSIONS";
// Of AppSpec::host_holds_sigterm.
inline constexpr const char* kHeldVariable = "FLETBRIDGE_HOLDS_SIGTERM";

// Tells our client which Flet the app has, where it was not started by that app's interpreter, as
// by `compare`.
inline constexpr const char* kFletVersionVariable = "COMPARE_FLET";

[[nodiscard]] Environment FletOnUnixSocket(const std::string& path);
[[nodiscard]] Environment FletOnTcp(std::uint16_t port);
[[nodiscard]] Environment FletOnBridge(std::int64_t port);
// No embedded mode: Flet's own web server, whose WebSocket is at http://127.0.0.1:PORT/ws.
[[nodiscard]] Environment FletAsWebServer(std::uint16_t port);
// Flet 0.1: the same of its broker `fletd`, which the app starts.
[[nodiscard]] Environment FletWithFletd(std::uint16_t port);

// For an interpreter's executable: lets it load our shim, which lies in `folder`.
void PointToShim(const std::string& folder, Environment& environment);

}  // namespace fletbridge
