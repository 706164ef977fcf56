#include "common/platform/peer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <unistd.h>

namespace fletbridge::platform {

using boost::system::result;

result<UnixPeer> PeerOf([[maybe_unused]] int unix_socket) {
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
  uid_t user = 0;
  gid_t group = 0;
  if (::getpeereid(unix_socket, &user, &group) == 0) return UnixPeer{user, 0};
  return boost::system::error_code(errno, boost::system::system_category());
#else
  return boost::system::error_code(ENOTSUP, boost::system::system_category());
#endif
}

UniqueFd WatchForPeerEnd(int) { return {}; }

TcpEnd TcpEndOf(const sockaddr_storage& address) {
  TcpEnd end;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    end.port = ntohs(v4.sin_port);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4, end.address.begin());
    return end;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr);
  end.port = ntohs(v6.sin6_port);
  end.v6 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) == 0;
  std::copy_n(bytes + (end.v6 ? 0 : 12), end.v6 ? 16 : 4, end.address.begin());
  return end;
}

result<std::optional<TcpOwner>> OwnerOfConnection(const TcpEnd&, const TcpEnd&) {
  return std::nullopt;
}
result<std::optional<TcpOwner>> OwnerOfListener(const TcpEnd&) { return std::nullopt; }
result<pid_t> HolderInProcessTree(pid_t, std::uint64_t) { return pid_t{0}; }

}  // namespace fletbridge::platform
