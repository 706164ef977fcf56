// Room: common/python. The environment variables that put an unmodified Flet (>= 0.4) into its
// embedded mode and tell it where to listen (flet/app.py, flet/utils/platform_utils.py). Reads this
// process's environment; call before threads start that change it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fletbridge {

using Environment = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Environment FletOnUnixSocket(const std::string& path);
[[nodiscard]] Environment FletOnTcp(std::uint16_t port);
[[nodiscard]] Environment FletOnBridge(std::int64_t port);

// For an interpreter in another process: lets it load our shim from `folder`, in which this call
// writes it. False if it cannot be written.
[[nodiscard]] bool AddShim(const std::string& folder, Environment& environment);

}  // namespace fletbridge
