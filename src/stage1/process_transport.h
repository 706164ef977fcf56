// Room: src/stage1. Two processes: the app's interpreter is a child of ours, Flet's socket server
// in it listens on a Unix socket or a loopback TCP port, and we connect as its client. Created by
// src/host. Contract and threads: common/transport/app_transport.h.
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_transport.h"

namespace fletbridge::stage1 {

// Makes the private folder and chooses the address; starts nothing yet. `loop` must outlive it.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeProcessTransport(EventLoop& loop,
                                                                         AppSpec spec,
                                                                         SocketAddress::Kind kind);

}  // namespace fletbridge::stage1
