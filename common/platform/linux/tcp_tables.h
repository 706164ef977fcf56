// Room: common/platform. Who holds a TCP socket by /proc/net/tcp and tcp6 alone, line by line, for
// a kernel without socket diagnosis; a flood of others' connections makes each look slow. Called by
// peer.cc, and by the test that compares the two. Any thread.
#pragma once

#include "common/platform/peer.h"

namespace fletbridge::platform {

[[nodiscard]] boost::system::result<std::optional<TcpOwner>> ConnectionInTables(
    const TcpEnd& local, const TcpEnd& remote);
[[nodiscard]] boost::system::result<std::optional<TcpOwner>> ListenerInTables(const TcpEnd& local);

}  // namespace fletbridge::platform
