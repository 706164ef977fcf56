#include "src/ui/web/workers/sticky.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/base/same_secret.h"
#include "src/ui/web/access.h"
#include "src/ui/web/keyed_hash.h"

namespace fletbridge::web {
namespace {

constexpr std::size_t kSignature = 32;  // digits

bool IsSame(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string Sticky::Value(int worker) const {
  const std::string number = std::to_string(worker);
  return number + "." + KeyedHash(key_, "worker " + number).substr(0, kSignature);
}

std::optional<int> Sticky::WorkerOf(std::string_view cookie_header) const {
  if (key_.empty()) return std::nullopt;
  const std::string_view value = CookieOf(cookie_header, cookie_);
  const std::size_t dot = value.find('.');
  if (dot == std::string_view::npos || dot > 4) return std::nullopt;
  int worker = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + dot, worker);
  if (error != std::errc{} || end != value.data() + dot || worker < 0) return std::nullopt;
  if (!IsSameSecret(value, Value(worker))) return std::nullopt;
  return worker;
}

std::string Sticky::SetCookie(int worker) const {
  return cookie_ + "=" + Value(worker) + "; Path=/; HttpOnly; SameSite=Lax";
}

std::string WorkerCookie(const std::string& cookie, std::uint16_t port) {
  return cookie.empty() ? "fletbridge_worker_" + std::to_string(port) : cookie + "_worker";
}

std::optional<std::size_t> EndOfHead(std::string_view bytes) {
  const std::size_t at = bytes.find("\r\n\r\n");
  if (at == std::string_view::npos) return std::nullopt;
  return at + 4;
}

std::string_view HeaderIn(std::string_view head, std::string_view name) {
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = std::min(head.find('\n', begin), head.size());
    const std::string_view line = head.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t colon = line.find(':');
    if (colon == name.size() && IsSame(line.substr(0, colon), name))
      return Trimmed(line.substr(colon + 1));
  }
  return {};
}

}  // namespace fletbridge::web
