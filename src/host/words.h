// Room: src/host. Parts of messages for users.
//
// Threads: any.
#pragma once

#include <chrono>
#include <string>

namespace fletbridge {

// "SIGTERM".
[[nodiscard]] std::string SignalName(int signal);
// "1 s", "2.5 s".
[[nodiscard]] std::string Words(std::chrono::milliseconds time);

}  // namespace fletbridge
