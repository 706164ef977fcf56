// Room: common/site. Brotli (RFC 7932), the smallest form that every browser of today reads.
//
// Pure functions; any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fletbridge::web {

// As small as it goes, which takes about three seconds for each MB. None once `stops` is set, which
// is looked at many times a second.
[[nodiscard]] std::optional<std::string> Brotli(std::string_view bytes,
                                                const std::atomic<bool>& stops);
// Whether `packed` is a brotli form of exactly these bytes.
[[nodiscard]] bool IsBrotliOf(std::string_view packed, std::string_view bytes);

}  // namespace fletbridge::web
