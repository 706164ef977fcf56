// Room: common/wire. The codecs of wire generations 0 (Flet 0.1) and 1 (Flet 0.4 to 0.28):
// {"action", "payload"} in JSON. On a socket generation 1 frames it by a big-endian length
// (framing.h); generation 0 has WebSockets alone, and each of its messages has an "id" as well,
// which is empty between its broker `fletd` and a client. (Source: flet/flet_socket_server.py of
// 0.28.3, the client's protocol of both, and what `fletd` of 0.1.65 says.)
//
//   {"action":"pageEventFromWeb","payload":{"eventTarget":"_3","eventName":"click","eventData":""}}
//
// What the app says of its controls is a FlatPatch. Calls of the page itself, such as
// "setClipboard", keep their names; an answer comes as an event of the page and does not say which
// control was called. The window is a part of the page here.
//
// Threads: any; a codec has no state.
#pragma once

#include "common/wire/codec.h"

namespace fletbridge::wire {

class JsonCodec : public Codec {
 public:
  // As generation 1 frames it.
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

 protected:
  // What differs.
  struct Dialect {
    const char* resize;  // the page's event
    bool has_ids = false;
  };
  explicit constexpr JsonCodec(Dialect dialect) noexcept : dialect_(dialect) {}

 private:
  const Dialect dialect_;
};

class Generation0 final : public JsonCodec {
 public:
  constexpr Generation0() noexcept : JsonCodec({"resize", true}) {}
  Generation generation() const noexcept override { return Generation::kG0; }
  const char* flet() const noexcept override { return "Flet 0.1"; }
  Match Recognize(std::span<const std::byte>) const noexcept override { return Match::kNo; }
};

class Generation1 final : public JsonCodec {
 public:
  constexpr Generation1() noexcept : JsonCodec({"resized"}) {}
  Generation generation() const noexcept override { return Generation::kG1; }
  const char* flet() const noexcept override { return "Flet 0.4 to 0.28"; }
  Match Recognize(std::span<const std::byte> first) const noexcept override;
};

}  // namespace fletbridge::wire
