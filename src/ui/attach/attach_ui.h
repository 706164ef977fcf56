// Room: src/ui/attach. A socket that any Flet client of wire generation 2 or 3 can connect to:
// Flet's own, a test's, a debugger's. Passes packets on as they are, or as the app's generation has
// them. Serves one client at a time, refuses another while one is there, waits for the next when it
// has gone. Created by src/host; knows no stage.
//
// Trust: only processes of our own user are served (SO_PEERCRED, /proc/net/tcp); a Unix socket is
// made with mode 0600 and removed at the end.
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/generation.h"
#include "common/transport/ui_endpoint.h"

namespace fletbridge::attach {

// `loop` must outlive it. `app` is what the app speaks. Binds in Start(); an address that cannot be
// had is told by kClosed.
[[nodiscard]] std::unique_ptr<UiEndpoint> MakeAttachUi(EventLoop& loop, const FlowLimits& limits,
                                                       SocketAddress address,
                                                       Generation app = Generation::kG3);

}  // namespace fletbridge::attach
