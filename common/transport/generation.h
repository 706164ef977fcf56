// Room: common/transport. The generations of Flet's wire protocol. Generations 2 and 3 encode
// messages alike, in MessagePack; their framing and some kinds of message differ. Generation 1 has
// messages of its own, in JSON. (Source: Flet's socket servers and clients, 0.28.3, 0.82.2 and
// 1.0.5.)
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
