// Room: common/net. Creates listening sockets for local clients of our own user.
//
// Threads: any.
#pragma once

#include "common/net/address.h"

namespace fletbridge {

// The socket is non-blocking and close-on-exec, and the caller's. A Unix socket's file gets mode
// 0600, and replaces a socket on which nobody listens. A TCP port of 0 is replaced in `address` by
// the bound one. kSetup, with the reason, on failure.
[[nodiscard]] Result<UniqueFd> Listen(SocketAddress& address);

}  // namespace fletbridge
