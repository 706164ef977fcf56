// Room: src/stage2. One process: CPython is hosted here, Flet's own socket server in it listens on
// a Unix socket or a loopback TCP port, and we connect to it as its client, all in one process.
// Created by src/host. Contract and threads: common/transport/app_transport.h.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_transport.h"

namespace fletbridge::stage2 {

// `libpython` is the library that belongs to spec.python. `loop` must outlive the transport.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeHostedSocketTransport(
    EventLoop& loop, AppSpec spec, std::string libpython, SocketAddress::Kind kind);

}  // namespace fletbridge::stage2
