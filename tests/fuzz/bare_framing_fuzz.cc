// Room: tests/fuzz. The decoder of bare messages (wire generation 2). Where it finds a message, the
// reader of values finds the same one or none.
#include "common/wire/bare_framing.h"
#include "common/wire/value.h"
#include "tests/fuzz/decoder_input.h"

namespace {

using namespace fletbridge;

struct BareFraming {
  using Decoder = BareDecoder;
  static constexpr bool kKnowsSizes = false;
  static std::string Seen(const Packet& packet) {
    fuzz::Require(packet.type == PacketType::kControl);
    fuzz::Require(wire::ValueLength(packet.payload.span()).has_value());
    if (const auto value = wire::Decode(packet.payload.span()); value) {
      fuzz::Require(value->AsList() != nullptr && value->AsList()->items.size() == 2);
    }
    return std::string(packet.payload.text());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::ReadWholeAndInPieces<BareFraming>(data, size);
  return 0;
}
