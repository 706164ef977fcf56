// Room: src/stage3. Payloads as Python's bytes objects. Under the GIL.
#pragma once

#include <cstddef>

#include "src/stage3/payload.h"

typedef struct _object PyObject;

namespace fletbridge::stage3 {

// `prefix` is a byte to put first, or negative; `skip` bytes at the payload's start are left out.
// A new reference, and the payload may be empty then; null with a Python exception set. Releases
// the GIL while it copies much.
[[nodiscard]] PyObject* MakeBytes(Payload& payload, int prefix, std::size_t skip);

// Looks whether this interpreter's large bytes objects are laid out as Payload assumes, in blocks
// of malloc's; until then, and if not, payloads are copied. Call once for each interpreter.
bool LearnBytesLayout();

}  // namespace fletbridge::stage3
