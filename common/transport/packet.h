// Room: common/transport. One packet of Flet's protocol, as every transport carries it: without the
// framing of a stream. Move-only; owns its bytes.
//
// Threads: values; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace fletbridge {

// A block of bytes of fixed size, initially uninitialised: std::vector would first write zeros to
// all of a 64 MiB packet.
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

// The type byte of Flet's framing since 0.86 (Flet 1.0.5, flet_socket_server.py). Flet drops
// packets of any other type.
enum class PacketType : std::uint8_t { kControl = 0, kData = 1 };

// kControl: one MessagePack value [action, body]. kData: a channel id, u32 little-endian, then the
// channel's bytes.
struct Packet {
  PacketType type = PacketType::kControl;
  Buffer payload;  // without length prefix and type byte
  // The next packet is of the same change of the page, which another generation has said at once:
  // whoever looks at the page waits for that. Known within this process alone.
  bool goes_on = false;
};

}  // namespace fletbridge
