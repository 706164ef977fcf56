// Room: tests/fuzz. The frame decoder of wire generation 1.
#include "tests/fuzz/decoder_input.h"

namespace {

struct PlainDecoder final : fletbridge::FrameReader {
  explicit PlainDecoder(std::size_t limit) : decoder(limit, fletbridge::FrameLayout::kPlain) {}
  std::span<std::byte> Room() override { return decoder.Room(); }
  fletbridge::Result<> Consume(std::size_t n, fletbridge::FrameHandler& handler) override {
    return decoder.Consume(n, handler);
  }
  bool InFrame() const noexcept override { return decoder.InFrame(); }
  void Reset() noexcept override { decoder.Reset(); }

  fletbridge::FrameDecoder decoder;
};

struct PlainFraming {
  using Decoder = PlainDecoder;
  static constexpr bool kKnowsSizes = true;
  static std::string Seen(const fletbridge::Packet& packet) {
    return std::string(packet.payload.text());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fletbridge::fuzz::ReadWholeAndInPieces<PlainFraming>(data, size);
  return 0;
}
