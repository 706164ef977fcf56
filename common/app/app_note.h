// Room: common/app. Shared memory of fixed size in which the shim writes a text (the state of the
// accelerators) and which src/host reads, also after the app has crashed.
//
// Layout, little-endian: a u64 counter N, then two places, each [u32 length][text]. The newest text
// is in place N % 2. The writer fills the other place and then increments N, so one that crashes
// meanwhile leaves the previous text.
//
// Threads: Read() any. The writer is another process, or Python's thread in this one; the kernel
// limits what it can write, and Read() checks every length.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/platform/unique_fd.h"

namespace fletbridge {

// The environment variable with the app's duplicate of AppNote::fd(), for the shim.
inline constexpr const char* kNoteVariable = "FLETBRIDGE_NOTE";

class AppNote {
 public:
  static constexpr std::size_t kPlace = 32 * 1024;  // bytes, with the length
  static constexpr std::size_t kSize = 8 + 2 * kPlace;

  // Without a free descriptor or memory, fd() is -1 and Read() returns nothing.
  AppNote();

  [[nodiscard]] int fd() const { return memory_.get(); }
  // The newest text; nothing if there is none, or if the content is invalid. Never waits.
  [[nodiscard]] std::optional<std::string> Read() const;

 private:
  UniqueFd memory_;
};

}  // namespace fletbridge
