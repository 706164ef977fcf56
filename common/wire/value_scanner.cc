#include "common/wire/value_scanner.h"

#include <algorithm>
#include <string>

namespace fletbridge::wire {
namespace {

// How many bytes of length follow a type byte (MessagePack's specification, "formats").
std::size_t LengthBytes(unsigned type) {
  switch (type) {
    case 0xc4:  // bin 8
    case 0xc7:  // ext 8
    case 0xd9:  // str 8
      return 1;
    case 0xc5:  // bin 16
    case 0xc8:  // ext 16
    case 0xda:  // str 16
    case 0xdc:  // array 16
    case 0xde:  // map 16
      return 2;
    case 0xc6:  // bin 32
    case 0xc9:  // ext 32
    case 0xdb:  // str 32
    case 0xdd:  // array 32
    case 0xdf:  // map 32
      return 4;
    default:
      return 0;
  }
}

// How many bytes a value of fixed size has behind its type byte.
std::size_t FixedBytes(unsigned type) {
  static constexpr std::uint8_t kNumbers[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};  // from 0xca
  static constexpr std::uint8_t kFixExt[] = {2, 3, 5, 9, 17};                 // from 0xd4
  if (type >= 0xa0 && type <= 0xbf) return type & 0x1f;                       // fixstr
  if (type >= 0xca && type <= 0xd3) return kNumbers[type - 0xca];
  if (type >= 0xd4 && type <= 0xd8) return kFixExt[type - 0xd4];
  return 0;
}

}  // namespace

Result<ValueScanner::Progress> ValueScanner::Scan(std::span<const std::byte> in) {
  std::size_t at = 0;
  while (values_ != 0 || skip_ != 0) {
    if (at == in.size()) return Progress{at, false};
    if (skip_ != 0) {
      const std::size_t take =
          static_cast<std::size_t>(std::min<std::uint64_t>(skip_, in.size() - at));
      skip_ -= take;
      at += take;
      continue;
    }
    head_[head_have_++] = in[at++];
    if (head_have_ == 1) head_size_ = 1 + LengthBytes(std::to_integer<unsigned>(head_[0]));
    if (head_have_ < head_size_) continue;
    head_have_ = 0;
    if (Result<> ok = Head(); !ok) return ok.error();
  }
  return Progress{at, true};
}

Result<> ValueScanner::Head() {
  const auto type = std::to_integer<unsigned>(head_[0]);
  std::uint64_t length = 0;
  for (std::size_t i = 1; i < head_size_; ++i)
    length = length << 8 | std::to_integer<std::uint64_t>(head_[i]);
  --values_;
  if (type == 0xc1) return MakeError(Errc::kPeerMisbehaved, "byte 0xc1 is no MessagePack");
  if (type >= 0x90 && type <= 0x9f) return Open(type & 0x0f);
  if (type == 0xdc || type == 0xdd) return Open(length);
  if (type >= 0x80 && type <= 0x8f) return Open(std::uint64_t{2} * (type & 0x0f));
  if (type == 0xde || type == 0xdf) return Open(2 * length);
  if (type >= 0xc7 && type <= 0xc9) ++length;  // the type of the extension
  skip_ = head_size_ > 1 ? length : FixedBytes(type);
  CloseFull();
  return {};
}

// A value is complete, and so may be the containers that it is the last of.
void ValueScanner::CloseFull() noexcept {
  while (depth_ != 0 && --open_[depth_ - 1] == 0) --depth_;
}

Result<> ValueScanner::Open(std::uint64_t values) {
  if (values == 0) {
    CloseFull();
    return {};
  }
  if (depth_ == kMaxDepth) {
    return MakeError(Errc::kPeerMisbehaved,
                     "a message is nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  open_[depth_++] = values;
  values_ += values;
  return {};
}

void ValueScanner::Reset() noexcept {
  head_have_ = 0;
  skip_ = 0;
  values_ = 1;
  depth_ = 0;
}

Result<std::size_t> ValueLength(std::span<const std::byte> in) {
  ValueScanner scanner;
  Result<ValueScanner::Progress> progress = scanner.Scan(in);
  if (!progress) return progress.error();
  if (!progress->done) return MakeError(Errc::kPeerMisbehaved, "a message is cut off");
  return progress->used;
}

}  // namespace fletbridge::wire
