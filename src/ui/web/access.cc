#include "src/ui/web/access.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cstdio>
#include <fcntl.h>
#include <random>
#include <unistd.h>

#include "common/base/same_secret.h"

namespace fletbridge::web {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

std::string MakeToken() {
  std::random_device random;  // the system's, in libstdc++
  std::string token;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(random()));
    token += digits.data();
  }
  return token;
}

std::string HostName(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    const std::string_view rest = authority.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return {};
    return Lower(authority.substr(1, end - 1));
  }
  const std::size_t colon = authority.find(':');
  const std::string_view name = authority.substr(0, colon);
  if (colon != std::string_view::npos &&
      authority.substr(colon + 1).find_first_not_of("0123456789") != std::string_view::npos)
    return {};
  const bool is_odd = std::any_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '-' && c != '.' && c != '_';
  });
  return is_odd ? std::string() : Lower(name);
}

bool IsAddress(std::string_view host) {
  const std::string text(host);
  in6_addr bytes{};
  return ::inet_pton(AF_INET, text.c_str(), &bytes) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &bytes) == 1;
}

bool HostAllowed(const Access& access, std::string_view host_header) {
  const std::string host = HostName(host_header);
  if (host.empty()) return false;
  if (access.is_public() || IsAddress(host)) return true;
  return host == "localhost" ||
         std::find(access.hosts.begin(), access.hosts.end(), host) != access.hosts.end();
}

bool OriginAllowed(std::string_view origin, std::string_view host_header) {
  if (origin.empty()) return true;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;  // "null" too
  const std::string_view authority = origin.substr(scheme + 3);
  // The port counts: another server of this machine is another site.
  return Lower(authority) == Lower(host_header);
}

std::string_view CookieOf(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    std::string_view pair = header.substr(0, end);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return pair.substr(name.size() + 1);
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return {};
}

bool HasCookie(const Access& access, std::string_view cookie_header) {
  return access.is_public() || IsSameSecret(CookieOf(cookie_header, access.cookie), access.token);
}

bool HasToken(const Access& access, std::string_view target, std::string& rest) {
  if (access.is_public()) return false;
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return false;
  bool found = false;
  std::string left;
  for (std::size_t begin = mark + 1; begin <= target.size();) {
    const std::size_t end = std::min(target.find('&', begin), target.size());
    const std::string_view word = target.substr(begin, end - begin);
    if (word.starts_with("token=") && IsSameSecret(word.substr(6), access.token)) {
      found = true;
    } else if (!word.empty()) {
      left += (left.empty() ? "?" : "&") + std::string(word);
    }
    begin = end + 1;
  }
  if (found) rest = std::string(target.substr(0, mark)) + left;
  return found;
}

std::string SetCookie(const Access& access, bool is_https) {
  // Lax: a link to the app, in a mail, still opens it.
  return access.cookie + "=" + access.token + "; Path=/; HttpOnly; SameSite=Lax" +
         (is_https ? "; Secure" : "");
}

}  // namespace fletbridge::web
