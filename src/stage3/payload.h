// Room: src/stage3. The bytes of a message for Python: a packet's buffer, or a block that can
// become a bytes object without a copy. Move-only.
//
// CPython allocates objects of more than 512 bytes by malloc() (Objects/obmalloc.c). So a block of
// malloc() that begins with room for the header of a bytes object can be turned into one later,
// with the GIL held. bytes_object.h checks at run time whether this holds for the interpreter; if
// not, the content is copied.
//
// Threads: a value; one thread at a time.
#pragma once

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "common/transport/packet.h"

namespace fletbridge::stage3 {

class Payload {
 public:
  // PyBytesObject of CPython 3.10 to 3.14 on LP64: reference count, type, size, hash.
  static constexpr std::size_t kHeaderBytes = 32;
  // In bytes. A smaller object is in one of CPython's own pools, and a copy of it is cheap.
  static constexpr std::size_t kSmallestObject = 1024;

  Payload() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): the plain form
  Payload(Buffer&& buffer) : buffer_(std::move(buffer)) {}
  // A copy, in a block if it is large enough. Throws std::bad_alloc.
  [[nodiscard]] static Payload CopyForPython(std::string_view content);

  Payload(Payload&& other) noexcept { *this = std::move(other); }
  Payload& operator=(Payload&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    block_ = std::move(other.block_);
    block_size_ = std::exchange(other.block_size_, 0);
    return *this;
  }

  [[nodiscard]] const std::byte* data() const noexcept {
    return block_ ? block_.get() + kHeaderBytes : buffer_.data();
  }
  [[nodiscard]] std::size_t size() const noexcept { return block_ ? block_size_ : buffer_.size(); }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data()), size()};
  }
  // The packet's buffer; empty if this payload has a block.
  [[nodiscard]] Buffer TakeBuffer() { return std::move(buffer_); }
  [[nodiscard]] bool may_become_object() const noexcept { return block_ != nullptr; }
  // The block, beginning with the header's room; the caller frees it by free() or as a Python
  // object. The payload is then empty.
  [[nodiscard]] void* ReleaseBlock() noexcept {
    block_size_ = 0;
    return block_.release();
  }

 private:
  struct Free {
    void operator()(std::byte* block) const noexcept { std::free(block); }
  };
  Buffer buffer_;
  std::unique_ptr<std::byte, Free> block_;
  std::size_t block_size_ = 0;
};

}  // namespace fletbridge::stage3
