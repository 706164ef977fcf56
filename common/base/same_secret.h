// Room: common/base. Compares secrets, such as tokens and signatures. Header only; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace fletbridge {

// In a time that depends on the lengths alone, so that a guesser does not learn where they differ.
[[nodiscard]] inline bool IsSameSecret(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace fletbridge
