#include "common/wire/framing.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace fletbridge {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;

}  // namespace

FrameHeader MakeFrameHeader(PacketType type, std::size_t payload_bytes) noexcept {
  const auto length = static_cast<std::uint32_t>(payload_bytes + 1);
  return {std::byte(length & 0xff), std::byte((length >> 8) & 0xff),
          std::byte((length >> 16) & 0xff), std::byte(length >> 24), static_cast<std::byte>(type)};
}

FrameHeader MakePlainHeader(std::size_t payload_bytes) noexcept {
  const auto length = static_cast<std::uint32_t>(payload_bytes);
  return {std::byte(length >> 24), std::byte((length >> 16) & 0xff),
          std::byte((length >> 8) & 0xff), std::byte(length & 0xff)};
}

FrameDecoder::FrameDecoder(std::size_t max_payload, FrameLayout layout)
    : max_payload_(max_payload), layout_(layout), scratch_(kScratchBytes) {}

std::span<std::byte> FrameDecoder::Room() {
  // Below a scratch's length one read may well bring the next frames too.
  room_is_payload_ = in_payload_ && packet_.payload.size() - filled_ >= kScratchBytes;
  if (room_is_payload_) {
    return {packet_.payload.data() + filled_, packet_.payload.size() - filled_};
  }
  return scratch_;
}

Result<> FrameDecoder::Consume(std::size_t n, FrameHandler& handler) {
  if (room_is_payload_) {
    filled_ += n;
    FinishIfWhole(handler);
    return {};
  }
  const std::uint64_t resets = resets_;
  for (std::span<const std::byte> in(scratch_.data(), n); !in.empty() && resets == resets_;) {
    if (skip_ != 0) {
      const std::size_t take = std::min(skip_, in.size());
      skip_ -= take;
      in = in.subspan(take);
    } else if (in_payload_) {
      const std::size_t take = std::min(packet_.payload.size() - filled_, in.size());
      std::memcpy(packet_.payload.data() + filled_, in.data(), take);
      filled_ += take;
      in = in.subspan(take);
      FinishIfWhole(handler);
    } else {
      header_[header_have_++] = in.front();
      in = in.subspan(1);
      if (header_have_ < 4) continue;
      if (Result<> ok = BeginPayload(handler); !ok) return ok;
    }
  }
  return {};
}

// Called with 4 bytes of header, and again with the type byte where there is one.
Result<> FrameDecoder::BeginPayload(FrameHandler& handler) {
  const bool typed = layout_ == FrameLayout::kTyped;
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length = length << 8 | std::to_integer<std::size_t>(header_[typed ? 3 - i : i]);
  if (length == 0) {  // Flet skips an empty frame as well, or can't read it
    header_have_ = 0;
    return {};
  }
  const std::size_t payload = length - (typed ? 1 : 0);
  if (payload > kAbsurdFrameBytes && payload > max_payload_) {
    return MakeError(Errc::kPeerMisbehaved, "a frame header announces " + std::to_string(payload) +
                                                " bytes, limit " + std::to_string(max_payload_) +
                                                "; the peer does not speak " +
                                                (typed ? "Flet >= 0.86" : "Flet up to 0.28"));
  }
  if (typed && header_have_ < kFrameHeaderBytes) return {};  // the type byte is still to come
  header_have_ = 0;
  if (payload > max_payload_) {
    skip_ = payload;
    handler.OnOversizedFrame(payload);
    return {};
  }
  packet_.type = typed ? static_cast<PacketType>(header_[4]) : PacketType::kControl;
  packet_.payload = Buffer(payload);
  filled_ = 0;
  in_payload_ = true;
  FinishIfWhole(handler);  // an empty payload is whole at once
  return {};
}

void FrameDecoder::FinishIfWhole(FrameHandler& handler) {
  if (filled_ < packet_.payload.size()) return;
  in_payload_ = false;
  handler.OnFrame(std::exchange(packet_, Packet{}));
}

void FrameDecoder::Reset() noexcept {
  ++resets_;
  header_have_ = 0;
  in_payload_ = false;
  skip_ = 0;
  packet_ = Packet{};
}

}  // namespace fletbridge
