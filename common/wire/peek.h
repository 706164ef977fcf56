// Room: common/wire. Reads no more of a control packet than which action it is, for those that pass
// packets on: a MessagePack array of two whose first element is the action (flet-protocol, 4.1).
//
//   92 02 82 a2 69 64 01 ...      [2, {"id": 1, ...}]
#pragma once

#include "common/transport/packet.h"

namespace fletbridge {

enum class Action : std::uint8_t {
  kNone = 0,  // a data packet, or none that can be told
  kRegisterClient = 1,
  kPatchControl = 2,
  kControlEvent = 3,
  kUpdateControlProps = 4,
  kInvokeMethod = 5,
  kSessionCrashed = 6,
  kPythonOutput = 7,
};

[[nodiscard]] inline Action PeekAction(const Packet& packet) noexcept {
  constexpr std::byte kArrayOfTwo{0x92};
  const std::span<const std::byte> in = packet.payload.span();
  if (packet.type != PacketType::kControl || in.size() < 2 || in[0] != kArrayOfTwo)
    return Action::kNone;
  const auto action = std::to_integer<std::uint8_t>(in[1]);
  return action <= 7 ? static_cast<Action>(action) : Action::kNone;
}

}  // namespace fletbridge
