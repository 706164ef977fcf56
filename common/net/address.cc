#include "common/net/address.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "common/base/cause.h"
#include "common/net/tcp_owner.h"

namespace fletbridge {
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
  // On the loopback it is mostly decided by now; not so if the listener's queue is full.
  pollfd decided{fd.get(), POLLOUT, 0};
  if (::poll(&decided, 1, 0) <= 0) return Connecting{std::move(fd), true};
  if (Result<> connected = FinishConnect(fd.get()); !connected) return connected.error();
  return Connecting{std::move(fd), false};
}

// Fills in a port of 0. None, and errno, if it cannot be had.
UniqueFd Bind(sockaddr* at, socklen_t size) {
  UniqueFd fd(::socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd.get(), at, size) != 0 || ::getsockname(fd.get(), at, &size) != 0) {
    const int why = errno;  // which closing may change
    fd.reset();
    errno = why;
  }
  return fd;
}

// Of the functions below an error is that there is no descriptor for the look, which says nothing
// about who is looked at. Everything else that fails is a process that is gone or not ours.

Result<bool> HoldsSocket(pid_t pid, const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd", error);
  if (IsShortOfDescriptors(error.value())) return SystemError(error.value(), {});
  // It may end while we look: then that is the end of its files.
  for (; files != std::filesystem::directory_iterator(); files.increment(error)) {
    if (std::filesystem::read_symlink(files->path(), error) == wanted) return true;
  }
  return false;
}

Result<pid_t> ParentOf(pid_t pid) {
  const UniqueFd in(
      ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!in && IsShortOfDescriptors(errno)) return SystemError(errno, {});
  std::array<char, 1024> text{};
  if (!in || ::read(in.get(), text.data(), text.size() - 1) <= 0) return pid_t{0};
  const char* name_end = std::strrchr(text.data(), ')');  // the name may contain anything
  pid_t parent = 0;
  if (name_end == nullptr || std::sscanf(name_end + 1, " %*c %d", &parent) != 1) return pid_t{0};
  return parent;
}

Result<bool> HeldByProcessTree(pid_t root, const std::string& inode) {
  if (Result<bool> holds = HoldsSocket(root, inode); !holds || *holds) return holds;
  std::error_code error;
  std::filesystem::directory_iterator processes("/proc", error);
  if (IsShortOfDescriptors(error.value())) return SystemError(error.value(), {});
  for (const auto& entry : processes) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
        name.data() + name.size()) {
      continue;
    }
    pid_t ancestor = pid;
    while (ancestor > 1 && ancestor != root) {
      const Result<pid_t> parent = ParentOf(ancestor);
      if (!parent) return parent.error();
      ancestor = *parent;
    }
    if (ancestor != root) continue;
    if (Result<bool> holds = HoldsSocket(pid, inode); !holds || *holds) return holds;
  }
  return false;
}

Error NotToBeTold(Errc code) {
  return MakeError(code, "cannot tell who holds the other end of the TCP connection: refused");
}

Error NoDescriptor(const Error& why) {
  return SystemError(why.code.value(),
                     "cannot tell who holds the other end of the TCP connection: " +
                         CauseAndRemedy(why.code.value(), {}));
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
  constexpr int kAttempts = 16;  // others may hold the number at the other address
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
  // Where nobody listens, a port of the range for clients may be given to the one who asks for it,
  // and then it has called itself.
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
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return SystemError(errno, "cannot tell who is at the other end of the socket");
  }
  if (peer.uid != ::geteuid()) {
    return MakeError(Errc::kUntrusted, "the other end of the socket runs as user " +
                                           std::to_string(peer.uid) + ", not as " +
                                           std::to_string(::geteuid()) + ": refused");
  }
  return peer.pid;
}

Result<> CheckTcpClient(int fd) {
  const Result<TcpEnds> ends = EndsOf(fd);
  if (!ends) return ends.error();
  const Result<std::optional<TcpOwner>> found = OwnerOfConnection(ends->theirs, ends->ours);
  if (!found) return NoDescriptor(found.error());
  const std::optional<TcpOwner>& owner = *found;
  // A client's socket has a holder from its beginning. One that has none has been closed, whoever
  // that was.
  if (!owner || owner->inode == 0) return NotToBeTold(Errc::kUntrusted);
  return CheckUser(owner->uid);
}

Result<> CheckTcpPeer(int fd, pid_t process) {
  const Result<TcpEnds> ends = EndsOf(fd);
  if (!ends) return ends.error();
  Result<std::optional<TcpOwner>> found = OwnerOfConnection(ends->theirs, ends->ours);
  if (found && *found && (*found)->inode == 0) {
    // The connection still waits to be accepted, if it is one; then who listens will have it.
    const bool waits = (*found)->state == TCP_ESTABLISHED || (*found)->state == TCP_SYN_RECV;
    if (!waits) return NotToBeTold(Errc::kPeerGone);
    found = OwnerOfListener(ends->theirs);
  }
  if (!found) return NoDescriptor(found.error());
  const std::optional<TcpOwner>& owner = *found;
  if (!owner || owner->inode == 0) return NotToBeTold(Errc::kPeerGone);
  if (Result<> ours = CheckUser(owner->uid); !ours) return ours;
  if (process == 0) return {};
  const Result<bool> held = HeldByProcessTree(process, std::to_string(owner->inode));
  if (!held) return NoDescriptor(held.error());
  if (!*held) {
    return MakeError(Errc::kUntrusted,
                     "the TCP port is held by a process that we did not start: refused");
  }
  return {};
}

}  // namespace fletbridge
