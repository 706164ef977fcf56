// Room: common/wire. The reader of one byte stream, whatever its generation: given, or told from
// the first bytes that a client says. Used by common/net. One per connection; not for two threads.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>

#include "common/wire/codec.h"

namespace fletbridge {

class StreamDecoder final : public FrameReader {
 public:
  // kUnknown: to be told from the bytes, again after each Reset().
  StreamDecoder(Generation generation, std::size_t max_payload);

  // No frame is handed out by the call in which the generation becomes known.
  std::span<std::byte> Room() override;
  Result<> Consume(std::size_t n, FrameHandler& handler) override;
  bool InFrame() const noexcept override;
  void Reset() noexcept override;
  // For the next connection; as Reset().
  void SetGeneration(Generation generation);

  // Null until it is known.
  [[nodiscard]] const wire::Codec* codec() const noexcept { return codec_; }
  [[nodiscard]] Generation generation() const noexcept {
    return codec_ == nullptr ? Generation::kUnknown : codec_->generation();
  }

 private:
  void Take(const wire::Codec* codec);
  [[nodiscard]] Result<> Tell(FrameHandler& handler);

  const wire::Codec* fixed_;
  const std::size_t max_payload_;
  const wire::Codec* codec_ = nullptr;
  FrameReader* reader_ = nullptr;     // of the codec
  std::array<std::byte, 4> first_{};  // read before the generation is known; less than a frame
  std::size_t first_have_ = 0;
  // Made when first needed, kept until the end: a handler may call Reset() from inside of them.
  std::map<const wire::Codec*, std::unique_ptr<FrameReader>> readers_;
};

}  // namespace fletbridge
