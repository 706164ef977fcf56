// Room: tests/dart_vm. Stands between a bridge library and a VM and keeps the books: what was
// posted, and whether each block of external bytes is freed exactly once, by the VM, on another
// thread than the one that posted it. One per process; never destroyed before its VM.
#pragma once

#include <cstdint>

#include "src/packaged_app/dart_api.h"

namespace fletbridge::dart_vm {

struct PostBooks {
  std::uint64_t copied = 0;    // posts of bytes that the VM copies
  std::uint64_t external = 0;  // posts of external bytes that the VM accepted
  std::uint64_t refused = 0;   // posts of external bytes that it did not
  std::uint64_t without_finalizer = 0;
  std::uint64_t freed = 0;
  std::uint64_t freed_twice = 0;
  std::uint64_t freed_though_refused = 0;
  std::uint64_t freed_while_posting = 0;  // on the posting thread, inside the post
};

// The table to give to the library in place of the VM's own.
[[nodiscard]] const ApiTable* CountPosts(const ApiTable* table);
[[nodiscard]] PostBooks Books();

}  // namespace fletbridge::dart_vm
