// Room: common/wire. Frames of wire generation 3 on a byte stream (Flet >= 0.86):
//
//   [u32 little-endian length][u8 type][payload]      length counts the type byte, not itself
//   39 00 00 00 00 92 02 82 ...                        a control packet of 56 bytes
//
// (flet/messaging/flet_socket_server.py.) Bytes from a peer are not trusted: the cap is checked
// before anything is allocated. One decoder per connection; not for two threads.
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

class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  virtual void OnFrame(Packet&& packet) = 0;
  // A frame over the limit has begun; its bytes are skipped.
  virtual void OnOversizedFrame(std::size_t payload_bytes) = 0;
};

class FrameDecoder {
 public:
  // A frame of more than `max_payload` is skipped; one of more than kAbsurdFrameBytes is an error,
  // since waiting for its end would hold the connection for ever.
  static constexpr std::size_t kAbsurdFrameBytes = std::size_t{256} << 20;
  explicit FrameDecoder(std::size_t max_payload);

  // Where the next bytes of the stream belong. Large payloads are read to their place directly.
  // Never empty; valid until the next call.
  [[nodiscard]] std::span<std::byte> Room();
  // The first `n` bytes of Room() have been filled. Calls `handler` for each whole frame. After an
  // error the stream cannot be read any further.
  [[nodiscard]] Result<> Consume(std::size_t n, FrameHandler& handler);
  // True in the middle of a frame: an end of the stream here cuts a packet.
  [[nodiscard]] bool InFrame() const noexcept {
    return header_have_ != 0 || in_payload_ || skip_ != 0;
  }
  // Forgets a half-read frame, for a new connection. A handler may call it: Consume() then returns
  // without looking at the rest.
  void Reset() noexcept;

 private:
  [[nodiscard]] Result<> BeginPayload(FrameHandler& handler);
  void FinishIfWhole(FrameHandler& handler);

  const std::size_t max_payload_;
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
