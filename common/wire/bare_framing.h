// Room: common/wire. Messages of wire generation 2 on a byte stream (Flet 0.70 to 0.85):
// MessagePack values back to back, without length and type. Each is an array of two, [action,
// body]:
//
//   92 03 83 a6 74 61 72 67 65 74 0a ...   [3, {"target": 10, ...}], and the next follows at once
//
// (flet/messaging/flet_socket_server.py of those versions.) Where a message ends is known only when
// its end is there. Bytes from a peer are not trusted: no more is held than has come, and no more
// than the limit. One decoder per connection; not for two threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/base/error.h"
#include "common/wire/framing.h"
#include "common/wire/value_scanner.h"

namespace fletbridge {

// As FrameDecoder, with the same limits; all packets are control packets.
class BareDecoder final : public FrameReader {
 public:
  explicit BareDecoder(std::size_t max_payload);

  std::span<std::byte> Room() override { return scratch_; }
  Result<> Consume(std::size_t n, FrameHandler& handler) override;
  bool InFrame() const noexcept override { return message_bytes_ != 0; }
  void Reset() noexcept override;

 private:
  [[nodiscard]] Result<> Admit(FrameHandler& handler);
  void ForgetMessage() noexcept;

  const std::size_t max_payload_;
  std::uint64_t resets_ = 0;
  std::vector<std::byte> scratch_;
  wire::ValueScanner scanner_;
  std::size_t message_bytes_ = 0;    // of the message that has begun
  std::vector<std::byte> gathered_;  // the same bytes, when they came in earlier pieces
  bool oversized_ = false;           // they are not gathered any more
};

}  // namespace fletbridge
