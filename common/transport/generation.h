// Room: common/transport. The generations of Flet's wire that carry packets (flet-protocol, 1): the
// messages are the same MessagePack in both, the framing and some kinds of message are not.
#pragma once

#include <cstdint>

namespace fletbridge {

enum class Generation : std::uint8_t {
  kUnknown = 0,
  kG2 = 2,  // Flet 0.70 to 0.85: bare MessagePack
  kG3 = 3,  // Flet 0.86 and later: packets with a type, data channels
};

}  // namespace fletbridge
