// Room: src/stage1. The other direction of start: the app runs already and has started us as its
// client. Its end is that of our parent: the app's process, or that of `flet run`, which ends the
// app and starts it anew when its files change; so a connection that ends may come back. Stop()
// only leaves, also before Start(). Created by src/host. Contract and threads:
// common/transport/app_transport.h.
#pragma once

#include <memory>

#include "common/base/event_loop.h"
#include "common/net/address.h"
#include "common/transport/app_transport.h"

namespace fletbridge::stage1 {

struct AttachedOptions {
  SocketAddress address;                         // where the app listens
  Generation generation = Generation::kUnknown;  // what it speaks; kUnknown: it is found out
  bool direct = false;                           // Flet's own client connects there, not we
  FlowLimits limits;
};

// Connects to nothing yet. `loop` must outlive it.
[[nodiscard]] std::unique_ptr<AppTransport> MakeAttachedTransport(EventLoop& loop,
                                                                  AttachedOptions options);

}  // namespace fletbridge::stage1
