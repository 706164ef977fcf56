// Room: common/transport. The generations of Flet's wire (flet-protocol, 1). Of 2 and 3 the
// messages are the same MessagePack, the framing and some kinds of message are not. 1 is never read
// here: an app of it and its client speak to each other directly.
#pragma once

#include <cstdint>

namespace fletbridge {

enum class Generation : std::uint8_t {
  kUnknown = 0,
  kG1 = 1,  // Flet 0.4 to 0.28: JSON
  kG2 = 2,  // Flet 0.70 to 0.85: bare MessagePack
  kG3 = 3,  // Flet 0.86 and later: packets with a type, data channels
};

}  // namespace fletbridge
