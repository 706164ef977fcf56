// Room: common/net. Who holds a TCP socket of this machine, by the kernel's word: one question to
// its socket diagnosis, or where that is not to be had /proc/net/tcp and tcp6, line by line. Used
// by address.cc alone. Free functions; any thread. Each takes one descriptor for its time; an error
// is that the kernel gives none (EMFILE, ENFILE), which says nothing about the socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/base/error.h"

namespace fletbridge {

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
[[nodiscard]] Result<std::optional<TcpOwner>> OwnerOfConnection(const TcpEnd& local,
                                                                const TcpEnd& remote);
// Of the socket that listens there, at this address or at all of them.
[[nodiscard]] Result<std::optional<TcpOwner>> OwnerOfListener(const TcpEnd& local);

// The same by the tables alone, in which a flood of others' connections makes each look slow.
[[nodiscard]] Result<std::optional<TcpOwner>> ConnectionInTables(const TcpEnd& local,
                                                                 const TcpEnd& remote);
[[nodiscard]] Result<std::optional<TcpOwner>> ListenerInTables(const TcpEnd& local);

}  // namespace fletbridge
