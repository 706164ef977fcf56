// Room: src/ui/attach. A UiSurface that listens on a socket for any Flet client of wire generation
// 2 or 3: Flet's own, a test's, a debugger's. Serves one client at a time, refuses others
// meanwhile, and waits for the next one when it has disconnected. Created by src/host; independent
// of stages.
//
// Trust: only processes of our own user are accepted (common/net/client_listener.h). A Unix socket
// has mode 0600 and is removed at the end.
//
// Threads: as UiSurface.
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/generation.h"
#include "common/transport/ui_surface.h"

namespace fletbridge::attach {

// `loop` must outlive the UI. Start() binds; if that fails, OnClosed() says why.
// `life_line`: a descriptor that this process has inherited, and whose end closes the UI as if a
// window were closed; -1: none.
[[nodiscard]] std::unique_ptr<UiSurface> MakeAttachUi(EventLoop& loop, const FlowLimits& limits,
                                                      SocketAddress address, int life_line = -1);

}  // namespace fletbridge::attach
