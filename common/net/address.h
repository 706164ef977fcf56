// Room: common/net. Addresses of local stream sockets, and the checks that a local peer is the one
// we expect. Free functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace fletbridge {

// Linux's sun_path holds 107 bytes and a NUL.
inline constexpr std::size_t kMaxSocketPath = 107;

struct SocketAddress {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kUnix;
  std::string path;        // kUnix
  std::string host;        // kTcp: a loopback address or name
  std::uint16_t port = 0;  // kTcp

  [[nodiscard]] std::string Text() const;  // "unix:PATH" or "tcp:HOST:PORT"
};

// Reads "unix:PATH" or "tcp:HOST:PORT"; refuses a path that is too long and hosts off this machine.
[[nodiscard]] Result<SocketAddress> ParseSocketAddress(std::string_view text);

// A port of the loopback addresses that is kept for a server which is told its number: nobody else
// is given it by the system. Asyncio's servers, and all others that set SO_REUSEADDR, can bind it
// and listen there meanwhile.
struct HeldPort {
  UniqueFd v4;  // bound, never listens
  UniqueFd v6;  // the same at ::1; none on a machine without it
  std::uint16_t port = 0;
};
[[nodiscard]] Result<HeldPort> HoldTcpPort();

// A socket that is connected, or, while the listener's queue is full, not yet: then it becomes
// writable when it is decided, and FinishConnect() says how.
struct Connecting {
  UniqueFd socket;
  bool pending = false;
};

// One attempt to connect, which never waits. The socket is non-blocking and close-on-exec; TCP has
// Nagle's delay off. "localhost" tries 127.0.0.1, then ::1.
[[nodiscard]] Result<Connecting> BeginConnect(const SocketAddress& address);
[[nodiscard]] Result<> FinishConnect(int fd);
// The same for those who would not wait: a connection that is pending is given up.
[[nodiscard]] Result<UniqueFd> TryConnect(const SocketAddress& address);

// The peer of a connected Unix socket runs as our user (SO_PEERCRED); returns its pid.
[[nodiscard]] Result<pid_t> CheckUnixPeer(int fd);

// Of an accepted loopback TCP socket: the client belongs to our user. One whose owner cannot be
// told, such as one that is gone already, is refused. EMFILE, ENFILE: no descriptor for the look.
[[nodiscard]] Result<> CheckTcpClient(int fd);

// Of a loopback TCP socket that we have connected: the peer belongs to our user, and if `process`
// is not 0 it is held by that process or one it has started. While the connection waits to be
// accepted, the socket that listens there is looked at. kPeerGone: it ended before it could be
// told. EMFILE, ENFILE: there is no descriptor for the look; nothing is known.
[[nodiscard]] Result<> CheckTcpPeer(int fd, pid_t process);

}  // namespace fletbridge
