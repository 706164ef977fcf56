// Room: src/stage3. Converts payloads into Python bytes objects.
//
// Threads: any Python thread, with the GIL held.
#pragma once

#include <cstddef>
#include <span>

#include "src/stage3/payload.h"

typedef struct _object PyObject;

namespace fletbridge::stage3 {

// `prefix`: bytes to put first; `skip`: bytes at the payload's start to leave out. Returns a new
// reference, and the payload may then be empty; or null, with a Python exception set. Releases the
// GIL while it copies 64 KiB or more.
[[nodiscard]] PyObject* MakeBytes(Payload& payload, std::span<const std::byte> prefix,
                                  std::size_t skip);

// Checks whether this interpreter's large bytes objects have the layout that Payload assumes, in
// blocks of malloc(). Before this call, and if it returns false, payloads are copied. Once for each
// interpreter.
bool LearnBytesLayout();

}  // namespace fletbridge::stage3
