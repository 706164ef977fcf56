// Room: common/wire. The codecs of wire generations 2 and 3, whose messages are the same: [action,
// body] in MessagePack. They differ in framing (bare_framing.h, framing.h), and generation 2 lacks
// two kinds of message.
//
//   92 02 82 a2 69 64 01 ...      [2, {"id": 1, ...}]
//
// A patch is [tree, op, op, ...]. `tree` is [index] or [index, {step: tree, ...}]: a table of
// places by number, of which the addressed control is the first.
#pragma once

#include "common/wire/codec.h"

namespace fletbridge::wire {

class MsgpackCodec : public Codec {
 public:
  using Codec::Peek;
  Action Peek(std::span<const std::byte> control) const noexcept override;
  Outline Skim(const Packet& packet) const noexcept override;
  Result<> Check(std::span<const std::byte> payload) const override;
  Result<Message> Decode(Sender sender, std::span<const std::byte> payload, Reading reading,
                         const DecodeLimits& limits) const override;
  std::vector<Packet> Encode(const Message& message) const override;
  Result<Value> Show(std::span<const std::byte> payload) const override;
  bool WritesAs(const Codec& other) const noexcept override;
};

class Generation2 final : public MsgpackCodec {
 public:
  Generation generation() const noexcept override { return Generation::kG2; }
  const char* flet() const noexcept override { return "Flet 0.70 to 0.85"; }
  Match Recognize(std::span<const std::byte> first) const noexcept override;
  std::unique_ptr<FrameReader> MakeReader(std::size_t max_payload) const override;
  std::optional<std::size_t> Frame(PacketType type, std::size_t payload_bytes,
                                   FrameHeader& header) const noexcept override;
  std::string Lacks(PacketType type, const Outline& message) const override;
};

class Generation3 final : public MsgpackCodec {
 public:
  Generation generation() const noexcept override { return Generation::kG3; }
  const char* flet() const noexcept override { return "Flet 0.86 and later"; }
  Match Recognize(std::span<const std::byte> first) const noexcept override;
  std::unique_ptr<FrameReader> MakeReader(std::size_t max_payload) const override;
  std::optional<std::size_t> Frame(PacketType type, std::size_t payload_bytes,
                                   FrameHeader& header) const noexcept override;
};

// A patch as it is written: a list.
[[nodiscard]] Result<Patch> ReadPatch(std::int64_t control, Value list);

}  // namespace fletbridge::wire
