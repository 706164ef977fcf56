// Room: tests/fuzz. The frame decoder of wire generation 3.
#include "tests/fuzz/decoder_input.h"

namespace {

struct TypedFraming {
  using Decoder = fletbridge::FrameDecoder;
  static constexpr bool kKnowsSizes = true;
  static std::string Seen(const fletbridge::Packet& packet) {
    return static_cast<char>(packet.type) + std::string(packet.payload.text());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fletbridge::fuzz::ReadWholeAndInPieces<TypedFraming>(data, size);
  return 0;
}
