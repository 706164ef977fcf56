// Room: common/net. Addresses of local stream sockets, connecting to them, and the checks that a
// local peer is the expected one. Knows nothing of packets.
//
// Threads: any; free functions without shared state. None of them waits. Returned descriptors are
// owned by the caller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/base/error.h"
#include "common/platform/unique_fd.h"

namespace fletbridge {

// In bytes. On Linux 107, and a NUL; fewer on other systems.
inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

struct SocketAddress {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kUnix;
  std::string path;        // kUnix
  std::string host;        // kTcp: a loopback address or name
  std::uint16_t port = 0;  // kTcp

  [[nodiscard]] std::string Text() const;  // "unix:PATH" or "tcp:HOST:PORT"
};

// Parses "unix:PATH" or "tcp:HOST:PORT". kUsage for a path that is too long and for a host that is
// not this machine.
[[nodiscard]] Result<SocketAddress> ParseSocketAddress(std::string_view text);

// A reserved port number on the loopback addresses, for a server that is told this number. While
// the sockets are bound, the system assigns the port to nobody else; servers that set SO_REUSEADDR,
// such as asyncio's, can still bind it and listen.
struct HeldPort {
  UniqueFd v4;  // bound, does not listen
  UniqueFd v6;  // the same at ::1; empty on a machine without IPv6
  std::uint16_t port = 0;
};
[[nodiscard]] Result<HeldPort> HoldTcpPort();

// A socket that is connected or, if `pending`, still connecting, since the listener's backlog is
// full: it becomes writable when that ends, and FinishConnect() returns the result.
struct Connecting {
  UniqueFd socket;
  bool pending = false;
};

// One attempt to connect. The socket is non-blocking and close-on-exec; TCP_NODELAY is set.
// "localhost" tries 127.0.0.1, then ::1. Errors are the system's.
[[nodiscard]] Result<Connecting> BeginConnect(const SocketAddress& address);
[[nodiscard]] Result<> FinishConnect(int fd);
// As BeginConnect(), but a pending connection is given up, with EAGAIN.
[[nodiscard]] Result<UniqueFd> TryConnect(const SocketAddress& address);

// Checks that the peer of a connected Unix socket runs as our user; returns its pid. kUntrusted if
// it does not; an error too if the system does not tell.
[[nodiscard]] Result<pid_t> CheckUnixPeer(int fd);

// Checks that the client of an accepted loopback TCP socket runs as our user. kUntrusted if it does
// not, or if its owner cannot be determined, for example because it has already exited. EMFILE,
// ENFILE: no descriptor was free for the check.
[[nodiscard]] Result<> CheckTcpClient(int fd);

// Checks that the peer of a loopback TCP socket which we have connected runs as our user and, if
// `process` is not 0, that the peer's socket belongs to that process or a descendant of it. Before
// the connection is accepted, the listening socket is checked instead. kUntrusted if not; kPeerGone
// if it ended before that was determined; EMFILE, ENFILE: no descriptor was free for the check.
// `holder`, where it is not null, is given the one of these processes that holds the socket.
[[nodiscard]] Result<> CheckTcpPeer(int fd, pid_t process, pid_t* holder = nullptr);

}  // namespace fletbridge
