#include "common/wire/stream_decoder.h"

#include <cstring>

namespace fletbridge {
namespace {

constexpr std::byte kArrayOfTwo{0x92};
// A text begins with a byte from here on (fixstr): the first key of a body.
constexpr std::byte kSmallestText{0xa0};

}  // namespace

StreamDecoder::StreamDecoder(Generation generation, std::size_t max_payload)
    : fixed_(generation), max_payload_(max_payload) {
  Take(generation);
}

void StreamDecoder::Take(Generation generation) {
  generation_ = generation;
  if (generation == Generation::kG2 && !bare_) bare_.emplace(max_payload_);
  if (generation == Generation::kG3 && !framed_) framed_.emplace(max_payload_);
}

void StreamDecoder::SetGeneration(Generation generation) {
  fixed_ = generation;
  Take(generation);
  Reset();
}

std::span<std::byte> StreamDecoder::Room() {
  switch (generation_) {
    case Generation::kG2:
      return bare_->Room();
    case Generation::kG3:
      return framed_->Room();
    case Generation::kG1:  // never comes here
    case Generation::kUnknown:
      break;
  }
  return std::span(first_).subspan(first_have_);
}

Result<> StreamDecoder::Consume(std::size_t n, FrameHandler& handler) {
  switch (generation_) {
    case Generation::kG2:
      return bare_->Consume(n, handler);
    case Generation::kG3:
      return framed_->Consume(n, handler);
    case Generation::kG1:  // never comes here
    case Generation::kUnknown:
      break;
  }
  first_have_ += n;
  return Tell(handler);
}

Result<> StreamDecoder::Tell(FrameHandler& handler) {
  if (first_have_ == 0) return {};
  if (first_[0] != kArrayOfTwo) {
    Take(Generation::kG3);
  } else if (first_have_ < first_.size()) {
    return {};
  } else {
    Take(first_[3] >= kSmallestText ? Generation::kG2 : Generation::kG3);
  }
  const std::span<std::byte> room = Room();
  std::memcpy(room.data(), first_.data(), first_have_);
  const std::size_t have = first_have_;
  first_have_ = 0;
  return Consume(have, handler);
}

bool StreamDecoder::InFrame() const noexcept {
  return first_have_ != 0 || (generation_ == Generation::kG2 && bare_->InFrame()) ||
         (generation_ == Generation::kG3 && framed_->InFrame());
}

void StreamDecoder::Reset() noexcept {
  if (bare_) bare_->Reset();
  if (framed_) framed_->Reset();
  first_have_ = 0;
  generation_ = fixed_;
}

}  // namespace fletbridge
