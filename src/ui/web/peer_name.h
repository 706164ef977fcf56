// Room: src/ui/web. The address of whoever is connected, as a text. Free functions; any thread.
#pragma once

#include <string>
#include <sys/socket.h>

namespace fletbridge::web {

// Without port; an IPv4 address also where it came over IPv6.
[[nodiscard]] std::string NameOfPeer(const sockaddr_storage& peer);
[[nodiscard]] bool IsLoopback(const std::string& ip);

}  // namespace fletbridge::web
