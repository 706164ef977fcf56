// Room: common/wire. Finds where a MessagePack value ends, in pieces as they come, without reading
// or keeping it: for streams that have no lengths, and for those who pass values on. Knows nothing
// of messages.
//
// Bytes from a peer are not trusted: nothing is allocated whatever they declare. Not for two
// threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/error.h"

namespace fletbridge::wire {

class ValueScanner {
 public:
  // Containers within containers; what Flet's own MessagePack packs at most.
  static constexpr std::size_t kMaxDepth = 512;

  struct Progress {
    std::size_t used = 0;  // bytes of the input that belong to the value
    bool done = false;     // it has ended
  };
  // Goes on with the value. After an error, or when it is done, Reset() begins another.
  [[nodiscard]] Result<Progress> Scan(std::span<const std::byte> in);
  void Reset() noexcept;

  // How many bytes must still come at least, from what has been declared so far.
  [[nodiscard]] std::uint64_t least_more() const noexcept { return skip_ + values_; }

 private:
  [[nodiscard]] Result<> Head();
  [[nodiscard]] Result<> Open(std::uint64_t values);
  void CloseFull() noexcept;

  // The head of one value: its type byte and the length behind it.
  std::array<std::byte, 5> head_{};
  std::size_t head_have_ = 0;
  std::size_t head_size_ = 0;
  std::uint64_t skip_ = 0;    // bytes of a text or a number still to come
  std::uint64_t values_ = 1;  // values of all open containers still to come
  std::size_t depth_ = 0;
  std::array<std::uint64_t, kMaxDepth> open_;  // up to depth_: values not yet complete
};

// Where the one value at the beginning of `in` ends; an error if `in` ends before it does.
[[nodiscard]] Result<std::size_t> ValueLength(std::span<const std::byte> in);

}  // namespace fletbridge::wire
