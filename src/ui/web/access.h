// Room: src/ui/web. Who may ask for what: the Host that a request names, the Origin that a page
// has, the token of the first address and the cookie that follows it. Pure functions and a value,
// so that the rules can be read and tested in one place.
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fletbridge::web {

struct Access {
  // Empty: everybody may (--public).
  std::string token;
  std::string cookie;              // its name
  std::vector<std::string> hosts;  // names that Host may have beside addresses; without port

  [[nodiscard]] bool is_public() const { return token.empty(); }
};

// 128 bits from the system, in hexadecimal digits.
[[nodiscard]] std::string MakeToken();

// The name or address of a Host header or an Origin's authority, in lower case, without port and
// brackets; empty if it is malformed.
[[nodiscard]] std::string HostName(std::string_view authority);
// An address as a number: no name, so nobody's name server has made it.
[[nodiscard]] bool IsAddress(std::string_view host);

// A page of another name (DNS rebinding) may not reach us.
[[nodiscard]] bool HostAllowed(const Access& access, std::string_view host_header);
// A page of another site may not open a WebSocket or send: its browser names it. Programs name
// none.
[[nodiscard]] bool OriginAllowed(std::string_view origin, std::string_view host_header);

// The value of this cookie in a Cookie header; empty if there is none.
[[nodiscard]] std::string_view CookieOf(std::string_view header, std::string_view name);
// Whether the Cookie header has our token; in a time that does not depend on what it has.
[[nodiscard]] bool HasCookie(const Access& access, std::string_view cookie_header);
// Whether the query of a target has it, as token=…; `rest` is the target without it.
[[nodiscard]] bool HasToken(const Access& access, std::string_view target, std::string& rest);
// What makes a browser keep it; `is_https`: for that alone.
[[nodiscard]] std::string SetCookie(const Access& access, bool is_https);

}  // namespace fletbridge::web
