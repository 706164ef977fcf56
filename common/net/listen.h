// Room: common/net. Listening sockets for local clients of our own user. Free functions; any
// thread.
#pragma once

#include "common/net/address.h"

namespace fletbridge {

// Non-blocking and close-on-exec. A Unix socket is made with mode 0600, and replaces one that
// nobody listens on. A TCP port of 0 is filled in. kSetup says why an address cannot be had.
[[nodiscard]] Result<UniqueFd> Listen(SocketAddress& address);

}  // namespace fletbridge
