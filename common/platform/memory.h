// Room: common/platform. Memory in a descriptor, which is handed to another process: it has no
// path, and is gone with its last descriptor. Free functions; any thread. None: errno says why.
#pragma once

#include <cstddef>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

// Empty; grows by being written to. `name` is for people who look at this process.
[[nodiscard]] UniqueFd MakeMemory(const char* name) noexcept;
// Of this size, zeros, for two processes to write and read. Where the system can, it stays at this
// size, whatever they do; a reader asks for no more bytes than it has room for in any case.
[[nodiscard]] UniqueFd MakeFixedMemory(const char* name, std::size_t bytes) noexcept;

}  // namespace fletbridge::platform
