// Room: tests/fuzz. An input for a decoder of frames, and what must hold of each: whatever the
// bytes and however they come in pieces, it reads the same, never over its limit, and never past
// what it was given.
//
// An input: [limit, one byte, in 64 bytes][length of pieces, one byte][the stream]
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/framing.h"

namespace fletbridge::fuzz {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

// `Framing` has the type of its Decoder; Seen(packet), what is to be equal however the bytes come;
// and kKnowsSizes: whether a frame says its size first, so that one over the limit is told once,
// with its whole size, however it comes.
template <class Framing>
struct Reading final : FrameHandler {
  explicit Reading(std::size_t limit) : max_payload(limit), decoder(limit) {}

  void OnFrame(Packet&& packet) override {
    Require(packet.payload.size() <= max_payload);
    seen.push_back(Framing::Seen(packet));
  }
  void OnOversizedFrame(std::size_t payload_bytes) override {
    Require(payload_bytes > max_payload);
    if constexpr (Framing::kKnowsSizes)
      seen.push_back("oversized " + std::to_string(payload_bytes));
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
  typename Framing::Decoder decoder;
  std::vector<std::string> seen;
  bool failed = false;
};

template <class Framing>
void ReadWholeAndInPieces(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return;
  const std::size_t limit = data[0] * std::size_t{64};
  const std::size_t piece = data[1] + std::size_t{1};
  Reading<Framing> whole(limit);
  Reading<Framing> pieces(limit);
  whole.Read(data + 2, size - 2, SIZE_MAX);
  pieces.Read(data + 2, size - 2, piece);
  Require(whole.seen == pieces.seen);
  Require(whole.failed == pieces.failed);
  Require(whole.failed || whole.decoder.InFrame() == pieces.decoder.InFrame());
}

}  // namespace fletbridge::fuzz
