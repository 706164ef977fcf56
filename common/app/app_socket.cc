#include "common/app/app_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/net/listen.h"
#include "common/platform/process.h"

namespace fletbridge {
namespace {

bool LeadsTo(int fd, const SocketAddress& address) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  if (address.kind == SocketAddress::Kind::kUnix) {
    const auto& at = reinterpret_cast<const sockaddr_un&>(peer);
    return peer.ss_family == AF_UNIX && address.path == at.sun_path;
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
  return peer.ss_family == AF_INET && ntohs(v4.sin_port) == address.port &&
         v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

}  // namespace

Result<AppSocket> MakeAppSocket(const AppSpec& spec, SocketAddress::Kind kind, bool wants_folder) {
  AppSocket made;
  made.app.kind = kind;
  const bool has_path = kind == SocketAddress::Kind::kUnix;
  if (has_path || wants_folder) {
    Result<RuntimeDir> dir = RuntimeDir::Create();
    if (!dir) return dir.error();
    made.dir = std::move(*dir);
  }
  if (has_path) made.app.path = made.dir.File("app.sock");
  if (spec.direct && spec.takes_socket) {
    made.client = made.app;
    // Another path than the app's, since Flet removes a file at its own path.
    if (has_path) made.client.path = made.dir.File("client.sock");
    made.client.host = "127.0.0.1";
    Result<UniqueFd> listener = Listen(made.client);
    if (!listener) return listener.error();
    made.listener = std::move(*listener);
    made.app.port = made.client.port;
  } else if (!has_path) {
    Result<HeldPort> held = HoldTcpPort();
    if (!held) return held.error();
    made.held = std::move(*held);
    made.app.port = made.held.port;
  }
  if (!has_path) made.app.host = "localhost";
  if (!made.listener) made.client = made.app;
  return made;
}

std::string PageUrl(const SocketAddress& address) {
  if (address.kind == SocketAddress::Kind::kUnix) return address.path;
  return "tcp://" + address.host + ":" + std::to_string(address.port);
}

void HangUp(const SocketAddress& address) {
  for (const int fd : platform::OpenDescriptors()) {
    if (LeadsTo(fd, address)) ::shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace fletbridge
