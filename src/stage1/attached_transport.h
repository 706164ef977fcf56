// Room: src/stage1. The AppHost of an app that already runs and has started us as its client. The
// app has ended when our parent process has: the app itself, or `flet run`, which restarts the app
// when its files change, so that a lost connection may come back. All ways to end the app only
// disconnect from it. Created by src/host.
//
// Threads, ownership and errors: as AppHost (common/transport/app_host.h).
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_host.h"

namespace fletbridge::stage1 {

struct AttachedOptions {
  SocketAddress address;                         // where the app listens
  Generation generation = Generation::kUnknown;  // the app's; kUnknown: to be detected
  bool direct = false;                           // Flet's own client connects there, not we
  FlowLimits limits;
};

// Does not connect yet. `loop` must outlive the transport.
[[nodiscard]] std::unique_ptr<AppHost> MakeAttachedTransport(EventLoop& loop,
                                                             AttachedOptions options);

}  // namespace fletbridge::stage1
