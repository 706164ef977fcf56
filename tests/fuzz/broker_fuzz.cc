// Room: tests/fuzz. What the broker reads of the messages of both sides: whatever they say, and
// whenever the UI goes and comes back, the session is kept or given up, and what is said of it can
// be read.
//
// An input: the generation (2 or 3), then any number of [what happens][length, two bytes,
// little-endian][a message]
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "src/legacy/kept_session.h"

namespace {

using namespace fletbridge;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CanBeRead(const wire::Codec& codec, Sender sender, const std::vector<Packet>& packets) {
  for (const Packet& packet : packets) {
    Require(packet.type == PacketType::kControl);
    Require(codec.Decode(sender, packet.payload.span(), wire::Reading::kLenient, wire::kStateLimits)
                .has_value());
  }
}

}  // namespace

constexpr Generation kGenerations[] = {Generation::kG2, Generation::kG3, Generation::kG1,
                                       Generation::kG0};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const wire::Codec& codec = wire::CodecOrNewest(kGenerations[data[0] % 4]);
  legacy::KeptSession kept(codec);
  std::span<const std::byte> in = std::as_bytes(std::span(data + 1, size - 1));
  bool is_there = true;
  while (in.size() >= 3) {
    const auto what = std::to_integer<unsigned>(in[0]) % 4;
    const std::size_t length =
        std::to_integer<std::size_t>(in[1]) | std::to_integer<std::size_t>(in[2]) << 8;
    in = in.subspan(3);
    const std::span<const std::byte> message = in.first(std::min(length, in.size()));
    in = in.subspan(message.size());
    const Packet packet{PacketType::kControl, Buffer(message)};
    if (what == 0) {
      CanBeRead(codec, Sender::kClient, kept.FromApp(packet, is_there));
    } else if (what == 1) {
      if (is_there) kept.FromUi(packet);
    } else if (what == 2) {
      if (is_there) CanBeRead(codec, Sender::kClient, kept.UiGone());
      is_there = false;
      if (!kept.keepable()) kept = legacy::KeptSession(codec), is_there = true;
    } else if (!is_there) {
      const auto back = kept.Rejoin(packet);
      if (!back) continue;
      is_there = true;
      CanBeRead(codec, Sender::kClient, back->to_app);
      CanBeRead(codec, Sender::kApp, back->to_ui);
    }
  }
  return 0;
}
