// Room: common/wire. Packets of our own within a session, [WORD, a map]: what the host and the shim
// tell one another of a client (src/ui/web/app_words.h, python/shim/on-demand/clients.py). They
// hold addresses and keys: no client gets or sends them, and no recording has them.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <span>

#include "common/transport/packet.h"

namespace fletbridge::wire {

// Flet's actions end at 7.
inline constexpr int kFirstOwnWord = 100;
inline constexpr int kLastOwnWord = 127;

// The word of a packet of our own; 0: it is none.
[[nodiscard]] inline int OwnWord(const Packet& packet) {
  constexpr std::byte kPair{0x92};
  const std::span<const std::byte> bytes = packet.payload.span();
  if (packet.type != PacketType::kControl || bytes.size() < 2 || bytes[0] != kPair) return 0;
  const int word = std::to_integer<int>(bytes[1]);
  return word >= kFirstOwnWord && word <= kLastOwnWord ? word : 0;
}

}  // namespace fletbridge::wire
