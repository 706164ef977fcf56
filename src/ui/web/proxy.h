// Room: src/ui/web. Who a request comes from and how its browser reached us, where a proxy that the
// user trusts (--trusted-proxy) passes it on: the X-Forwarded-For, -Proto, -Host and -Prefix that
// it has added. Of everybody else these headers count for nothing. Values and pure functions.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::web {

class TrustedProxies {
 public:
  // Each an address, or a network as ADDRESS/BITS. kUsage, with what to do, if one is neither.
  [[nodiscard]] static Result<TrustedProxies> Of(const std::vector<std::string>& texts);

  // `address`: as text, of either family.
  [[nodiscard]] bool Trusts(std::string_view address) const;

 private:
  struct Network {
    std::array<std::uint8_t, 16> address{};  // of IPv4 as ::ffff:a.b.c.d
    unsigned bits = 0;
  };
  std::vector<Network> networks_;
};

// The headers of a request that such a proxy may add. A repeated one counts by its last line, which
// is the nearest proxy's.
struct ForwardedHeaders {
  std::string_view for_whom, proto, host, prefix;
};

// A request as its browser has made it.
struct Origin {
  std::string ip;
  std::string host;            // with the port, if there is one in the address
  std::string prefix;          // of the path, which the proxy has taken off: "" or "/a/b"
  bool is_https = false;       // to the outermost proxy
  bool through_proxy = false;  // a trusted one, which decides under which names it passes on
};

// `peer`: the address at the connection's other end. What is malformed counts as absent.
[[nodiscard]] Origin OriginOf(const TrustedProxies& proxies, std::string_view peer,
                              std::string_view host_header, const ForwardedHeaders& headers);

}  // namespace fletbridge::web
