#include "common/net/listen.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace fletbridge {
namespace {

// Large, since over TCP other users' connections occupy it until they are refused.
constexpr int kBacklog = 128;

Error Refuse(const std::string& address, const std::string& why) {
  return MakeError(Errc::kSetup,
                   "cannot listen at " + address + ": " + why + "; choose another address");
}

Result<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return Refuse("unix:" + path, "a file of that name is there");
    SocketAddress address;
    address.path = path;
    const Result<UniqueFd> other = TryConnect(address);
    if (other) return Refuse("unix:" + path, "another program listens there");
    if (other.error().code != boost::system::errc::connection_refused) {
      return Refuse("unix:" + path,
                    other.error().code.message());  // for example busy, or of another user
    }
    ::unlink(path.c_str());  // left behind by a process that was killed
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The file gets the socket's mode. The umask is not changed, since it is the app's as well.
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return Refuse("unix:" + path, std::strerror(errno));
  }
  return fd;
}

Result<UniqueFd> ListenTcp(SocketAddress& address) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_addr = in6addr_loopback;
  const bool is_v6 = address.host == "::1" || address.host == "[::1]";
  auto* at = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
  UniqueFd fd(::socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd || ::bind(fd.get(), at, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return Refuse(address.Text(), std::strerror(errno));
  }
  ::getsockname(fd.get(), at, &size);
  address.port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  return fd;
}

}  // namespace

Result<UniqueFd> Listen(SocketAddress& address) {
  return address.kind == SocketAddress::Kind::kUnix ? ListenUnix(address.path) : ListenTcp(address);
}

}  // namespace fletbridge
