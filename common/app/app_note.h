// Room: common/app. Memory that the app's side writes and the host reads: what it has said last is
// there whatever became of the app since, and takes no more room than was given to it, which both
// the kernel and Read() see to. Used by src/host; the shim writes it.
//
// Two places for texts in turn, [u32 length][text] each, little-endian, behind a u64 that counts
// them: the text of number N lies in place N % 2. A writer that ends in the middle of one leaves
// the one before.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/base/unique_fd.h"

namespace fletbridge {

// The variable that names the app's copy of AppNote::fd() to the shim.
inline constexpr const char* kNoteVariable = "FLETBRIDGE_NOTE";

class AppNote {
 public:
  static constexpr std::size_t kPlace = 32 * 1024;  // bytes, with the length
  static constexpr std::size_t kSize = 8 + 2 * kPlace;

  // Without descriptors, or memory, it has none, and reads nothing.
  AppNote();

  [[nodiscard]] int fd() const { return memory_.get(); }
  // What was written last; nothing if nothing was, or if it is no note. Never waits; any thread.
  [[nodiscard]] std::optional<std::string> Read() const;

 private:
  UniqueFd memory_;
};

}  // namespace fletbridge
