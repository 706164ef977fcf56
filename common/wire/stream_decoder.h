// Room: common/wire. The reader of one byte stream, whatever its generation: given, or told from
// the first bytes that a client says. Used by common/net. One per connection; not for two threads.
//
//   92 01 83 aa ...        generation 2: as a length of generation 3 this would be 2 GiB and more
//   1f 03 00 00 00 92 01   generation 3
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "common/base/error.h"
#include "common/transport/generation.h"
#include "common/wire/bare_framing.h"
#include "common/wire/framing.h"

namespace fletbridge {

class StreamDecoder {
 public:
  // kUnknown: to be told from the bytes, again after each Reset().
  StreamDecoder(Generation generation, std::size_t max_payload);

  // As FrameDecoder's. No frame is handed out by the call in which the generation becomes known.
  [[nodiscard]] std::span<std::byte> Room();
  [[nodiscard]] Result<> Consume(std::size_t n, FrameHandler& handler);
  [[nodiscard]] bool InFrame() const noexcept;
  void Reset() noexcept;
  // For the next connection; as Reset().
  void SetGeneration(Generation generation);

  [[nodiscard]] Generation generation() const noexcept { return generation_; }

 private:
  void Take(Generation generation);
  [[nodiscard]] Result<> Tell(FrameHandler& handler);

  Generation fixed_;
  const std::size_t max_payload_;
  Generation generation_ = Generation::kUnknown;
  std::array<std::byte, 4> first_{};  // read before the generation is known
  std::size_t first_have_ = 0;
  // Made when first needed, kept until the end: a handler may call Reset() from inside of them.
  std::optional<BareDecoder> bare_;
  std::optional<FrameDecoder> framed_;
};

}  // namespace fletbridge
