// Room: src/stage2. The AppHost of stage 2: CPython runs in this process, Flet's socket server in
// it listens on a Unix socket or a loopback TCP port, and we connect to it as its client. Created
// by src/host.
//
// Threads, ownership and errors: as AppHost (common/transport/app_host.h).
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_host.h"

namespace fletbridge::stage2 {

// `libpython`: the path of spec.python's library. Creates the private folder and chooses the
// address (kSetup if that fails); does not start Python yet. `loop` must outlive the transport.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeHostedSocketTransport(EventLoop& loop,
                                                                         AppSpec spec,
                                                                         std::string libpython,
                                                                         SocketAddress::Kind kind);

}  // namespace fletbridge::stage2
