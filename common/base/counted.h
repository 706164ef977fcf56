// Room: common/base. Numbers with their unit in singular or plural, for messages: "1 byte", "2
// bytes". Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fletbridge {

[[nodiscard]] inline std::string Counted(std::uint64_t count, std::string_view one,
                                         std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}
[[nodiscard]] inline std::string Counted(std::uint64_t count, std::string_view one) {
  return Counted(count, one, std::string(one) + "s");
}

}  // namespace fletbridge
