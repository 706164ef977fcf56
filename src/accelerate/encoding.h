// Room: src/accelerate. Converts objects that MessagePack has no format for:
// flet.messaging.protocol.configure_encode_object_for_msgpack. The bytes are msgpack's own.
#pragma once

#include "src/accelerate/python.h"

namespace fletbridge::accelerate {

// Adds set_up_encoding() and the replacement. False with an exception set.
[[nodiscard]] bool AddEncoding(PyObject* module);

}  // namespace fletbridge::accelerate
