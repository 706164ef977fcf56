#include "common/wire/stream_decoder.h"

#include <cstring>

namespace fletbridge {

using wire::Codec;

StreamDecoder::StreamDecoder(Generation generation, std::size_t max_payload)
    : fixed_(wire::CodecOf(generation)), max_payload_(max_payload) {
  Take(fixed_);
}

void StreamDecoder::Take(const Codec* codec) {
  codec_ = codec;
  if (codec == nullptr) return;
  std::unique_ptr<FrameReader>& reader = readers_[codec];
  if (reader == nullptr) reader = codec->MakeReader(max_payload_);
  reader_ = reader.get();
}

void StreamDecoder::SetGeneration(Generation generation) {
  fixed_ = wire::CodecOf(generation);
  Take(fixed_);
  Reset();
}

std::span<std::byte> StreamDecoder::Room() {
  return codec_ != nullptr ? reader_->Room() : std::span(first_).subspan(first_have_);
}

Result<> StreamDecoder::Consume(std::size_t n, FrameHandler& handler) {
  if (codec_ != nullptr) return reader_->Consume(n, handler);
  first_have_ += n;
  return Tell(handler);
}

Result<> StreamDecoder::Tell(FrameHandler& handler) {
  for (const Codec* codec : wire::Codecs()) {
    const Codec::Match match = codec->Recognize(std::span(first_).first(first_have_));
    if (match == Codec::Match::kPerhaps) return {};
    if (match == Codec::Match::kNo) continue;
    Take(codec);
    std::memcpy(reader_->Room().data(), first_.data(), first_have_);
    return reader_->Consume(std::exchange(first_have_, 0), handler);
  }
  return {};
}

bool StreamDecoder::InFrame() const noexcept {
  return first_have_ != 0 || (codec_ != nullptr && reader_->InFrame());
}

void StreamDecoder::Reset() noexcept {
  for (auto& [codec, reader] : readers_) reader->Reset();
  first_have_ = 0;
  codec_ = fixed_;
  if (codec_ != nullptr) reader_ = readers_[codec_].get();
}

}  // namespace fletbridge
