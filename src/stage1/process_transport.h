// Room: src/stage1. The AppHost of stage 1: the app's interpreter is a child process, in which
// Flet's socket server listens on a Unix socket or a loopback TCP port; we connect as its client.
// Created by src/host.
//
// Threads, ownership and errors: as AppHost (common/transport/app_host.h).
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_host.h"

namespace fletbridge::stage1 {

// Creates the private folder and chooses the address (kSetup if that fails); starts no process yet.
// `loop` must outlive the transport.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeProcessTransport(EventLoop& loop, AppSpec spec,
                                                                    SocketAddress::Kind kind);

}  // namespace fletbridge::stage1
