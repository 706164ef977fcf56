// Room: tests/fuzz. The decoder of bare messages (wire generation 2): whatever the bytes and
// however they come in pieces, it reads the same, never over its limit, and never past what it was
// given; and where it finds a message, the reader of values finds the same one or none.
//
// An input: [limit, one byte, in 64 bytes][length of pieces, one byte][the stream]
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "common/wire/bare_framing.h"
#include "common/wire/value.h"

namespace {

using namespace fletbridge;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Reading final : FrameHandler {
  explicit Reading(std::size_t limit) : max_payload(limit), decoder(limit) {}

  void OnFrame(Packet&& packet) override {
    Require(packet.payload.size() <= max_payload);
    Require(packet.type == PacketType::kControl);
    Require(wire::ValueLength(packet.payload.span()).has_value());
    if (const auto value = wire::Decode(packet.payload.span()); value) {
      Require(value->AsList() != nullptr && value->AsList()->items.size() == 2);
    }
    seen.emplace_back(packet.payload.text());
  }
  void OnOversizedFrame(std::size_t payload_bytes) override {
    Require(payload_bytes > max_payload);  // at least so many: pieces tell less at first
  }
  void Read(const std::uint8_t* data, std::size_t size, std::size_t piece) {
    while (size != 0 && !failed) {
      const std::span<std::byte> room = decoder.Room();
      Require(!room.empty());
      const std::size_t n = std::min({room.size(), size, piece});
      std::memcpy(room.data(), data, n);
      data += n;
      size -= n;
      failed = !decoder.Consume(n, *this);
    }
  }

  const std::size_t max_payload;
  BareDecoder decoder;
  std::vector<std::string> seen;
  bool failed = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t limit = data[0] * std::size_t{64};
  const std::size_t piece = data[1] + std::size_t{1};
  Reading whole(limit);
  Reading pieces(limit);
  whole.Read(data + 2, size - 2, SIZE_MAX);
  pieces.Read(data + 2, size - 2, piece);
  Require(whole.seen == pieces.seen);
  Require(whole.failed == pieces.failed);
  Require(whole.failed || whole.decoder.InFrame() == pieces.decoder.InFrame());
  return 0;
}
