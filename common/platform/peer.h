// Room: common/platform. Who is at the other end of a local socket, by the kernel's word: of a Unix
// socket its user and process; of a TCP socket of this machine who holds it, and whether that is a
// process that we have started. Asked by common/net, which refuses whoever cannot be told.
//
// Free functions; any thread, none waits. Each may take one descriptor for its time; an error of
// EMFILE or ENFILE is that there is none, which says nothing about the socket. A system that cannot
// tell says ENOTSUP of a Unix socket, and none of a TCP socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <sys/socket.h>
#include <sys/types.h>

#include <boost/system/result.hpp>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

struct UnixPeer {
  uid_t user = 0;
  pid_t process = 0;  // 0: not told
};
[[nodiscard]] boost::system::result<UnixPeer> PeerOf(int unix_socket);

// Becomes readable when the other side has closed its direction of this connected socket, while
// what it has sent before is not read. None: the system has nothing of the kind.
[[nodiscard]] UniqueFd WatchForPeerEnd(int socket);

// An end of a connection. An IPv4 address in IPv6 clothes is that IPv4 address.
struct TcpEnd {
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;

  bool operator==(const TcpEnd&) const = default;
};
[[nodiscard]] TcpEnd TcpEndOf(const sockaddr_storage& address);

struct TcpOwner {
  uid_t uid = 0;
  std::uint64_t inode = 0;  // 0: no process holds it (not accepted yet, or closed)
  unsigned state = 0;       // TCP_ESTABLISHED, ...
};

// Of exactly this connection, as `local` has it; never a listening socket's.
[[nodiscard]] boost::system::result<std::optional<TcpOwner>> OwnerOfConnection(
    const TcpEnd& local, const TcpEnd& remote);
// Of the socket that listens there, at this address or at all of them.
[[nodiscard]] boost::system::result<std::optional<TcpOwner>> OwnerOfListener(const TcpEnd& local);

// Which process holds the socket of this inode: `root`, or one that it has started; 0: none of
// them.
[[nodiscard]] boost::system::result<pid_t> HolderInProcessTree(pid_t root, std::uint64_t inode);

}  // namespace fletbridge::platform
