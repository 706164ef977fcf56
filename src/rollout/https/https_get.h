// Room: src/rollout/https. One GET of a small resource over HTTP or HTTPS, with a deadline and a
// limit, by the system's libcurl. Knows nothing of what it fetches. Waits; resolving a name may
// outlast the deadline, so call it in a process that can simply end. One thread.
#pragma once

#include <chrono>
#include <string>

#include "common/base/error.h"

namespace fletbridge {

struct GetRequest {
  std::string url;    // http://host[:port]/path or https://…
  std::string etag;   // of what is at hand; empty for nothing
  std::string token;  // said to the host of `url` alone, and over TLS alone; empty for none
  std::chrono::milliseconds deadline{5000};
  std::size_t limit_bytes = std::size_t{1} << 20;
};

struct GetAnswer {
  bool unchanged = false;  // 304: what is at hand is current
  std::string body;
  std::string etag;
};

// Follows three redirects, never from https to http. Certificates are checked against the system's
// authorities, or SSL_CERT_FILE and SSL_CERT_DIR. Goes through the proxy that HTTPS_PROXY,
// http_proxy, ALL_PROXY and NO_PROXY name. The error is one line for people.
[[nodiscard]] Result<GetAnswer> HttpsGet(const GetRequest& request);

}  // namespace fletbridge
