#include "src/ui/web/listening.h"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/cause.h"
#include "src/ui/web/access.h"

namespace fletbridge::web {

bool IsListenHost(const std::string& host) {
  return host == "*" || host == "localhost" || IsAddress(host);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  ListenAddress address;
  const std::size_t colon = text.rfind(':');
  std::string_view port = text;
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || !IsListenHost(address.host)) {
    return MakeError(Errc::kUsage, "cannot listen at " + std::string(text) +
                                       ": this is neither PORT nor ADDRESS:PORT, such as "
                                       "127.0.0.1:9550 or *:9550");
  }
  return address;
}

Result<Listening> ListenAt(const ListenAddress& wanted, const char* option) {
  const std::string& host = wanted.host;
  sockaddr_storage at{};
  socklen_t size = sizeof(sockaddr_in);
  auto& v4 = reinterpret_cast<sockaddr_in&>(at);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
  const bool is_all = host == "*";
  if (is_all || ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    size = sizeof(sockaddr_in6);
    at.ss_family = AF_INET6;
    v6.sin6_port = htons(wanted.port);
  } else {
    at.ss_family = AF_INET;
    v4.sin_port = htons(wanted.port);
    ::inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &v4.sin_addr);
  }
  UniqueFd fd(::socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd && is_all && errno == EAFNOSUPPORT) {  // a machine without IPv6
    at = {};
    size = sizeof(sockaddr_in);
    at.ss_family = AF_INET;
    v4.sin_port = htons(wanted.port);
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
  const int one = 1;
  const int zero = 0;
  if (fd) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (is_all) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  }
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      ::listen(fd.get(), 512) != 0) {
    const int error = errno;
    const std::string name = option;
    const std::string what_to_do =
        error == EADDRINUSE ? "choose another port with " + name + ", or 0 for one that is free"
        : error == EACCES   ? "choose a port above 1023 with " + name
                            : "name an address of this machine";
    return MakeError(Errc::kSetup, "cannot listen at " + host + ", port " +
                                       std::to_string(wanted.port) + ": " +
                                       CauseAndRemedy(error, what_to_do.c_str()));
  }
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  const bool is_v6 = at.ss_family == AF_INET6;
  return Listening{std::move(fd), {host, ntohs(is_v6 ? v6.sin6_port : v4.sin_port)}, is_v6};
}

std::string UrlOf(const ListenAddress& address) {
  std::string host = address.host;
  if (host == "*" || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(address.port);
}

}  // namespace fletbridge::web
