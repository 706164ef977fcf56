// Room: common/transport. One packet of Flet's protocol, as every transport carries it, without
// stream framing. Move-only; owns its bytes; not shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace fletbridge {

// A block of bytes whose content starts out uninitialised: a 64 MiB packet is written once, not
// zeroed first as std::vector would do.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : data_(size == 0 ? nullptr : std::make_unique_for_overwrite<std::byte[]>(size)),
        size_(size) {}
  explicit Buffer(std::span<const std::byte> copied_from) : Buffer(copied_from.size()) {
    if (size_ != 0) std::memcpy(data_.get(), copied_from.data(), size_);
  }
  explicit Buffer(std::string_view copied_from)
      : Buffer(std::as_bytes(std::span(copied_from.data(), copied_from.size()))) {}
  Buffer(Buffer&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  [[nodiscard]] std::byte* data() noexcept { return data_.get(); }
  [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data_.get()), size_};
  }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

// The type byte of Flet's protocol since 0.86. Other values are unknown to Flet: it drops them.
// Wider than a byte: what lies above is a queue's own, which no peer can send.
enum class PacketType : std::uint16_t { kControl = 0, kData = 1, kNewSession = 0x100 };

// kControl: one MessagePack value [action, body]. kData: [channel id, u32 little-endian][bytes].
struct Packet {
  PacketType type = PacketType::kControl;
  Buffer payload;  // without length prefix and type byte
};

}  // namespace fletbridge
