// Room: src/ui/web. The addresses at which it listens: that of the app and that of its metrics.
//
// Free functions; any thread; none waits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/platform/unique_fd.h"

namespace fletbridge::web {

struct ListenAddress {
  std::string host = "127.0.0.1";  // a number, "localhost", or "*" for all of this machine
  std::uint16_t port = 0;          // 0: any that is free
};

struct Listening {
  UniqueFd fd;            // close-on-exec, and does not block
  ListenAddress address;  // with the port that it has
  bool is_v6 = false;
};

// Whether we can listen at a host of that form.
[[nodiscard]] bool IsListenHost(const std::string& host);
// "PORT" or "HOST:PORT", "[::1]:9550" among them. kUsage.
[[nodiscard]] Result<ListenAddress> ParseListenAddress(std::string_view text);
// kSetup, with what to do. `option`: by which the port is chosen, such as "--port".
[[nodiscard]] Result<Listening> ListenAt(const ListenAddress& address, const char* option);
// "http://127.0.0.1:8550": for a person on this machine, if it can be reached from here.
[[nodiscard]] std::string UrlOf(const ListenAddress& address);

}  // namespace fletbridge::web
