#include "src/stage3/payload.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace fletbridge::stage3 {
namespace {

// From this size on, page faults in memory that is new from the system cost more than the copy.
constexpr std::size_t kLarge = 128 * 1024;

// glibc adapts its mmap threshold to the largest freed block that had a mapping of its own, up to
// this size (DEFAULT_MMAP_THRESHOLD_MAX, 64-bit), and returns memory to the system when twice as
// much is free. Without a change a stream of large messages would return its pages after each batch
// and fault them in again. Allocating and freeing one such block raises the threshold; up to twice
// as much memory may then stay with the process.
constexpr std::size_t kLearned = (std::size_t{32} << 20) - 64 * 1024;

// A copy of this size would evict everything else from the caches, so non-temporal stores are used,
// which also avoids reading the target first.
constexpr std::size_t kPastCaches = std::size_t{4} << 20;

void Copy(std::byte* to, const char* from, std::size_t size) noexcept {
#ifdef __SSE2__
  if (size >= kPastCaches) {
    constexpr std::size_t kLine = 64;
    const std::size_t start = (kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine;
    std::memcpy(to, from, start);
    std::size_t at = start;
    for (; at + kLine <= size; at += kLine) {
      const auto* source = reinterpret_cast<const __m128i*>(from + at);
      auto* target = reinterpret_cast<__m128i*>(to + at);
      for (int i = 0; i < 4; ++i) _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
    }
    _mm_sfence();
    std::memcpy(to + at, from + at, size - at);
    return;
  }
#endif
  std::memcpy(to, from, size);
}

bool KeepFreedMemoryWarm() noexcept {
  void* volatile block =
      std::malloc(kLearned);  // volatile, so that the compiler does not remove the pair
  std::free(block);
  return true;
}

}  // namespace

Payload Payload::CopyForPython(std::string_view content) {
  Payload payload;
  if (content.size() < kSmallestObject) {
    payload.buffer_ = Buffer(content);
    return payload;
  }
  if (content.size() >= kLarge) [[maybe_unused]]
    static const bool once = KeepFreedMemoryWarm();
  auto* block = static_cast<std::byte*>(std::malloc(kHeaderBytes + content.size() + 1));
  if (block == nullptr) throw std::bad_alloc();
  Copy(block + kHeaderBytes, content.data(), content.size());
  block[kHeaderBytes + content.size()] = std::byte{0};  // bytes objects end with a NUL
  payload.block_.reset(block);
  payload.block_size_ = content.size();
  return payload;
}

}  // namespace fletbridge::stage3
