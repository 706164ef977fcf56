// Room: src/stage3. One process, no socket: CPython is hosted here and Flet speaks to our built-in
// dart_bridge module; packets go by direct calls. Created by src/host. Contract and threads:
// common/transport/app_transport.h.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/app_transport.h"

namespace fletbridge::stage3 {

// `libpython` is the library that belongs to spec.python. `loop` must outlive the transport.
[[nodiscard]] std::unique_ptr<AppTransport> MakeFfiTransport(EventLoop& loop, AppSpec spec,
                                                             std::string libpython);

}  // namespace fletbridge::stage3
