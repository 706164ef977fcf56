// Room: src/ui/web. HMAC-SHA-256 (RFC 2104), by libmd's SHA-256, and the secrets that are made of a
// key with it: what several processes or machines must agree on without talking to one another.
//
// Free functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace fletbridge::web {

// 32 bytes.
[[nodiscard]] std::string KeyedHashBytes(std::string_view key, std::string_view text);
// The same as 64 hexadecimal digits.
[[nodiscard]] std::string KeyedHash(std::string_view key, std::string_view text);

// The key in a file: 32 bytes or more, which nobody but its owner may write, and nobody but its
// owner and group may read. kUsage, with what to do. Waits for the disk.
[[nodiscard]] Result<std::string> ReadKey(const std::string& path);

}  // namespace fletbridge::web
