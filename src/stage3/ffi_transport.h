// Room: src/stage3. The AppHost of stage 3: CPython runs in this process, and Flet communicates
// with us by direct calls, without a socket: through our built-in module dart_bridge, for which it
// has a server of its own since 0.86, or by a stream of bytes, which the shim gives asyncio's
// servers at our address, framed by the codec of the app's generation. Created by src/host.
//
// Threads, ownership and errors: as AppHost (common/transport/app_host.h).
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"

namespace fletbridge::stage3 {

enum class FfiForm {
  kBridge,  // dart_bridge
  kStream,  // spec.generation must be known
};

// `libpython`: the path of spec.python's library. Does not start Python yet. `loop` must outlive
// the transport.
[[nodiscard]] std::unique_ptr<AppHost> MakeFfiTransport(EventLoop& loop, AppSpec spec,
                                                        std::string libpython, FfiForm form);

}  // namespace fletbridge::stage3
