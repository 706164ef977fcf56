#include "common/wire/bare_framing.h"

#include <string>
#include <utility>

namespace fletbridge {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;
constexpr std::byte kArrayOfTwo{0x92};

std::string HexByte(std::byte value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto n = std::to_integer<unsigned>(value);
  return {'0', 'x', kDigits[n >> 4], kDigits[n & 15]};
}

}  // namespace

BareDecoder::BareDecoder(std::size_t max_payload)
    : max_payload_(max_payload), scratch_(kScratchBytes) {}

Result<> BareDecoder::Consume(std::size_t n, FrameHandler& handler) {
  const std::uint64_t resets = resets_;
  for (std::span<const std::byte> in(scratch_.data(), n); !in.empty() && resets == resets_;) {
    if (message_bytes_ == 0 && in.front() != kArrayOfTwo) {
      return MakeError(Errc::kPeerMisbehaved,
                       "a message begins with byte " + HexByte(in.front()) +
                           ", not as a list of two; the peer does not speak Flet 0.70 to 0.85");
    }
    Result<wire::ValueScanner::Progress> progress = scanner_.Scan(in);
    if (!progress) return progress.error();
    const std::span<const std::byte> piece = in.first(progress->used);
    in = in.subspan(progress->used);
    message_bytes_ += piece.size();
    if (Result<> ok = Admit(handler); !ok || resets != resets_) return ok;
    if (!progress->done) {
      if (!oversized_) gathered_.insert(gathered_.end(), piece.begin(), piece.end());
      continue;
    }
    Packet packet;
    if (gathered_.empty()) {
      packet.payload = Buffer(oversized_ ? std::span<const std::byte>() : piece);
    } else {
      gathered_.insert(gathered_.end(), piece.begin(), piece.end());
      packet.payload = Buffer(std::span<const std::byte>(gathered_));
    }
    const bool passes = !oversized_;
    ForgetMessage();
    if (passes) handler.OnFrame(std::move(packet));
  }
  return {};
}

// Holds the message against the limit, with what it has declared and not sent yet.
Result<> BareDecoder::Admit(FrameHandler& handler) {
  const std::uint64_t bytes = message_bytes_ + scanner_.least_more();
  if (bytes <= max_payload_) return {};
  if (bytes > FrameDecoder::kAbsurdFrameBytes) {
    return MakeError(Errc::kPeerMisbehaved, "a message announces " + std::to_string(bytes) +
                                                " bytes or more, limit " +
                                                std::to_string(max_payload_));
  }
  if (std::exchange(oversized_, true)) return {};
  gathered_ = {};
  handler.OnOversizedFrame(static_cast<std::size_t>(bytes));
  return {};
}

void BareDecoder::ForgetMessage() noexcept {
  scanner_.Reset();
  message_bytes_ = 0;
  gathered_ = {};
  oversized_ = false;
}

void BareDecoder::Reset() noexcept {
  ++resets_;
  ForgetMessage();
}

}  // namespace fletbridge
