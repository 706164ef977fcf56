// Room: common/wire. Frames of wire generation 3 on a byte stream (Flet >= 0.86):
//
//   [u32 little-endian length][u8 type][payload]      length counts the type byte, not itself
//   39 00 00 00 00 92 02 82 ...                        a control packet of 56 bytes
//
// (flet/messaging/flet_socket_server.py.) And those of generation 1 (up to Flet 0.28), whose length
// is big-endian and which have no type:
//
//   00 00 01 73 7b 22 61 ...                           a message of 371 bytes
//
// (flet/flet_socket_server.py of those versions.) Bytes from a peer are not trusted: the cap is
// checked before anything is allocated. One decoder per connection; not for two threads.
//
// FrameReader is what every generation's decoder offers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/error.h"
#include "common/transport/packet.h"

namespace fletbridge {

inline constexpr std::size_t kFrameHeaderBytes = 5;
using FrameHeader = std::array<std::byte, kFrameHeaderBytes>;

// The header of a frame that carries `payload_bytes`.
[[nodiscard]] FrameHeader MakeFrameHeader(PacketType type, std::size_t payload_bytes) noexcept;

enum class FrameLayout {
  kTyped,  // of generation 3
  kPlain,  // of generation 1: all packets are control packets
};
inline constexpr std::size_t kPlainHeaderBytes = 4;
[[nodiscard]] FrameHeader MakePlainHeader(std::size_t payload_bytes) noexcept;

class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  virtual void OnFrame(Packet&& packet) = 0;
  // A frame over the limit has begun; its bytes are skipped.
  virtual void OnOversizedFrame(std::size_t payload_bytes) = 0;
};

class FrameReader {
 public:
  virtual ~FrameReader() = default;
  // Where the next bytes of the stream belong. Never empty; valid until the next call.
  [[nodiscard]] virtual std::span<std::byte> Room() = 0;
  // The first `n` bytes of Room() have been filled. Calls `handler` for each whole frame. After an
  // error the stream cannot be read any further.
  [[nodiscard]] virtual Result<> Consume(std::size_t n, FrameHandler& handler) = 0;
  // True in the middle of a frame: an end of the stream here cuts a packet.
  [[nodiscard]] virtual bool InFrame() const noexcept = 0;
  // Forgets a half-read frame, for a new connection. A handler may call it: Consume() then returns
  // without looking at the rest.
  virtual void Reset() noexcept = 0;
};

class FrameDecoder final : public FrameReader {
 public:
  // A frame of more than `max_payload` is skipped; one of more than kAbsurdFrameBytes is an error,
  // since waiting for its end would hold the connection for ever.
  static constexpr std::size_t kAbsurdFrameBytes = std::size_t{256} << 20;
  explicit FrameDecoder(std::size_t max_payload, FrameLayout layout = FrameLayout::kTyped);

  // Large payloads are read to their place directly.
  std::span<std::byte> Room() override;
  Result<> Consume(std::size_t n, FrameHandler& handler) override;
  bool InFrame() const noexcept override { return header_have_ != 0 || in_payload_ || skip_ != 0; }
  void Reset() noexcept override;

 private:
  [[nodiscard]] Result<> BeginPayload(FrameHandler& handler);
  void FinishIfWhole(FrameHandler& handler);

  const std::size_t max_payload_;
  const FrameLayout layout_;
  std::uint64_t resets_ = 0;
  std::vector<std::byte> scratch_;
  FrameHeader header_{};
  std::size_t header_have_ = 0;
  bool in_payload_ = false;
  bool room_is_payload_ = false;
  Packet packet_;
  std::size_t filled_ = 0;  // bytes of packet_'s payload that are there
  std::size_t skip_ = 0;    // bytes of an oversized frame still to come
};

}  // namespace fletbridge
