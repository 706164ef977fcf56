// Room: common/wire. The codec of wire generation 1 (Flet 0.4 to 0.28): {"action", "payload"} in
// JSON, framed by a big-endian length (framing.h).
//
//   {"action":"pageEventFromWeb","payload":{"eventTarget":"_3","eventName":"click","eventData":""}}
//
// What the app says of its controls is a FlatPatch. Calls of the page itself, such as
// "setClipboard", keep their names; an answer comes as an event of the page and does not say which
// control was called. The window is a part of the page here.
#pragma once

#include "common/wire/codec.h"

namespace fletbridge::wire {

class Generation1 final : public Codec {
 public:
  Generation generation() const noexcept override { return Generation::kG1; }
  const char* flet() const noexcept override { return "Flet up to 0.28"; }
  Match Recognize(std::span<const std::byte> first) const noexcept override;
  std::unique_ptr<FrameReader> MakeReader(std::size_t max_payload) const override;
  std::optional<std::size_t> Frame(PacketType type, std::size_t payload_bytes,
                                   FrameHeader& header) const noexcept override;

  using Codec::Peek;
  Action Peek(std::span<const std::byte> control) const noexcept override;
  Outline Skim(const Packet& packet) const noexcept override;
  Result<> Check(std::span<const std::byte> payload) const override;
  Result<Message> Decode(Sender sender, std::span<const std::byte> payload, Reading reading,
                         const DecodeLimits& limits) const override;
  std::vector<Packet> Encode(const Message& message) const override;
  Result<Value> Show(std::span<const std::byte> payload) const override;
  std::string Lacks(PacketType type, const Outline& message) const override;
};

}  // namespace fletbridge::wire
