// Room: common/transport. The generations of Flet's wire protocol. Generations 2 and 3 encode
// messages alike, in MessagePack; their framing and some kinds of message differ. Generations 0 and
// 1 have messages of their own, in JSON; generation 0 has no sockets, but the WebSocket of its
// broker. (Source: Flet's socket servers and clients, 0.28.3, 0.82.2 and 1.0.5, and the broker
// `fletd` of 0.1.65.)
#pragma once

#include <cstdint>

namespace fletbridge {

// Where a generation is a plain number, these are its values.
enum class Generation : std::int8_t {
  kUnknown = -1,
  kG0 = 0,  // Flet 0.1: JSON, by way of `fletd`
  kG1 = 1,  // Flet 0.4 to 0.28: JSON
  kG2 = 2,  // Flet 0.70 to 0.85: bare MessagePack
  kG3 = 3,  // Flet 0.86 and later: packets with a type, data channels
};

// Before MessagePack a message is text.
[[nodiscard]] constexpr bool SpeaksText(Generation generation) noexcept {
  return generation == Generation::kG0 || generation == Generation::kG1;
}

}  // namespace fletbridge
