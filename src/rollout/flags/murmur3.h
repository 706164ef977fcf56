// Room: src/rollout/flags. MurmurHash3, the 32-bit variant for x86: flagd's hash for bucketing.
#pragma once

#include <cstdint>
#include <string_view>

namespace fletbridge {

[[nodiscard]] std::uint32_t Murmur3(std::string_view bytes, std::uint32_t seed = 0) noexcept;

}  // namespace fletbridge
