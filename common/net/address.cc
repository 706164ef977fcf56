#include "common/net/address.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "common/base/cause.h"
#include "common/platform/peer.h"

namespace fletbridge {

using platform::OwnerOfConnection;
using platform::OwnerOfListener;
using platform::TcpEnd;
using platform::TcpEndOf;
using platform::TcpOwner;

namespace {

Error SystemError(int value, std::string context) {
  return Error{{value, boost::system::system_category()}, std::move(context)};
}

Result<Connecting> ConnectUnix(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return SystemError(errno, {});
  }
  return Connecting{std::move(fd), false};
}

Result<Connecting> ConnectTcp(const sockaddr* to, socklen_t size) {
  UniqueFd fd(::socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return SystemError(errno, {});
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), to, size) != 0 && errno != EINPROGRESS) return SystemError(errno, {});
  // On loopback a connection is usually complete by now, unless the listener's backlog is full.
  pollfd decided{fd.get(), POLLOUT, 0};
  if (::poll(&decided, 1, 0) <= 0) return Connecting{std::move(fd), true};
  if (Result<> connected = FinishConnect(fd.get()); !connected) return connected.error();
  return Connecting{std::move(fd), false};
}

// Replaces port 0 in `at` by the bound one. Empty on failure, with errno set.
UniqueFd Bind(sockaddr* at, socklen_t size) {
  UniqueFd fd(::socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd.get(), at, size) != 0 || ::getsockname(fd.get(), at, &size) != 0) {
    const int why = errno;  // close() may change it
    fd.reset();
    errno = why;
  }
  return fd;
}

Error NotToBeTold(Errc code) {
  return MakeError(code, "cannot tell who holds the other end of the TCP connection: refused");
}

Error NoDescriptor(boost::system::error_code why) {
  return SystemError(why.value(), "cannot tell who holds the other end of the TCP connection: " +
                                      CauseAndRemedy(why.value(), {}));
}

Result<> CheckUser(uid_t user) {
  if (user == ::geteuid()) return {};
  return MakeError(Errc::kUntrusted, "the TCP port is held by user " + std::to_string(user) +
                                         ", not by " + std::to_string(::geteuid()) + ": refused");
}

struct TcpEnds {
  TcpEnd ours;
  TcpEnd theirs;
};

Result<TcpEnds> EndsOf(int fd) {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t ours_size = sizeof ours;
  socklen_t theirs_size = sizeof theirs;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &ours_size) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&theirs), &theirs_size) != 0) {
    return SystemError(errno, "cannot tell who is at the other end of the TCP connection");
  }
  return TcpEnds{TcpEndOf(ours), TcpEndOf(theirs)};
}

}  // namespace

std::string SocketAddress::Text() const {
  return kind == Kind::kUnix ? "unix:" + path : "tcp:" + host + ":" + std::to_string(port);
}

Result<SocketAddress> ParseSocketAddress(std::string_view text) {
  SocketAddress address;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty())
      return MakeError(Errc::kUsage, "unix: needs a path, such as unix:/tmp/app.sock");
    if (address.path.size() > kMaxSocketPath) {
      return MakeError(Errc::kUsage, "the socket path " + address.path + " has " +
                                         std::to_string(address.path.size()) + " bytes, limit " +
                                         std::to_string(kMaxSocketPath) + "; use a shorter one");
    }
    return address;
  }
  if (text.starts_with("tcp:")) {
    const std::string_view rest = text.substr(4);
    const std::size_t colon = rest.rfind(':');
    unsigned port = 70000;
    if (colon != std::string_view::npos) {
      const std::string_view digits = rest.substr(colon + 1);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
      if (error != std::errc{} || end != digits.data() + digits.size()) port = 70000;
    }
    if (port > 65535) {
      return MakeError(Errc::kUsage,
                       "no port in \"" + std::string(text) + "\"; write tcp:127.0.0.1:8550");
    }
    address.kind = SocketAddress::Kind::kTcp;
    address.host = rest.substr(0, colon);
    address.port = static_cast<std::uint16_t>(port);
    if (address.host != "127.0.0.1" && address.host != "localhost" && address.host != "::1" &&
        address.host != "[::1]") {
      return MakeError(Errc::kUsage,
                       "the host \"" + address.host +
                           "\" is not this machine; use 127.0.0.1 and a tunnel of your own");
    }
    return address;
  }
  return MakeError(Errc::kUsage, "cannot read the address \"" + std::string(text) +
                                     "\"; write unix:PATH or tcp:HOST:PORT");
}

Result<HeldPort> HoldTcpPort() {
  constexpr int kAttempts = 16;  // the port may be in use at the other address
  HeldPort held;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    held.v4 = Bind(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    if (!held.v4) break;
    held.port = ntohs(v4.sin_port);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    v6.sin6_addr = in6addr_loopback;
    held.v6 = Bind(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
    if (held.v6 || errno != EADDRINUSE) return held;
  }
  return SystemError(errno, std::string("no free TCP port on 127.0.0.1: ") + std::strerror(errno));
}

Result<Connecting> BeginConnect(const SocketAddress& address) {
  if (address.kind == SocketAddress::Kind::kUnix) return ConnectUnix(address.path);
  if (address.host != "::1" && address.host != "[::1]") {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Result<Connecting> begun = ConnectTcp(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    if (begun || address.host == "127.0.0.1") return begun;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_addr = in6addr_loopback;
  return ConnectTcp(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

Result<> FinishConnect(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return SystemError(error, {});
  const Result<TcpEnds> ends = EndsOf(fd);
  if (!ends) return ends.error();
  // If nobody listens at an ephemeral port, the system may assign that same port to the connecting
  // socket, which is then connected to itself.
  if (ends->ours == ends->theirs) return SystemError(ECONNREFUSED, {});
  return {};
}

Result<UniqueFd> TryConnect(const SocketAddress& address) {
  Result<Connecting> begun = BeginConnect(address);
  if (!begun) return begun.error();
  if (begun->pending) return SystemError(EAGAIN, {});
  return std::move(begun->socket);
}

Result<pid_t> CheckUnixPeer(int fd) {
  const boost::system::result<platform::UnixPeer> peer = platform::PeerOf(fd);
  if (!peer) {
    return SystemError(peer.error().value(), "cannot tell who is at the other end of the socket");
  }
  if (peer->user != ::geteuid()) {
    return MakeError(Errc::kUntrusted, "the other end of the socket runs as user " +
                                           std::to_string(peer->user) + ", not as " +
                                           std::to_string(::geteuid()) + ": refused");
  }
  return peer->process;
}

Result<> CheckTcpClient(int fd) {
  const Result<TcpEnds> ends = EndsOf(fd);
  if (!ends) return ends.error();
  const boost::system::result<std::optional<TcpOwner>> found =
      OwnerOfConnection(ends->theirs, ends->ours);
  if (!found) return NoDescriptor(found.error());
  const std::optional<TcpOwner>& owner = *found;
  // A client's socket belongs to a process from the beginning; without one it has been closed.
  if (!owner || owner->inode == 0) return NotToBeTold(Errc::kUntrusted);
  return CheckUser(owner->uid);
}

Result<> CheckTcpPeer(int fd, pid_t process, pid_t* holder) {
  const Result<TcpEnds> ends = EndsOf(fd);
  if (!ends) return ends.error();
  boost::system::result<std::optional<TcpOwner>> found =
      OwnerOfConnection(ends->theirs, ends->ours);
  if (found && *found && (*found)->inode == 0) {
    // Either it waits to be accepted, and then it will belong to the listener's process, or it has
    // been closed.
    const bool waits = (*found)->state == TCP_ESTABLISHED || (*found)->state == TCP_SYN_RECV;
    if (!waits) return NotToBeTold(Errc::kPeerGone);
    found = OwnerOfListener(ends->theirs);
  }
  if (!found) return NoDescriptor(found.error());
  const std::optional<TcpOwner>& owner = *found;
  if (!owner || owner->inode == 0) return NotToBeTold(Errc::kPeerGone);
  if (Result<> ours = CheckUser(owner->uid); !ours) return ours;
  if (process == 0) return {};
  const boost::system::result<pid_t> held = platform::HolderInProcessTree(process, owner->inode);
  if (!held) return NoDescriptor(held.error());
  if (holder != nullptr) *holder = *held;
  if (*held == 0) {
    return MakeError(Errc::kUntrusted,
                     "the TCP port is held by a process that we did not start: refused");
  }
  return {};
}

}  // namespace fletbridge
