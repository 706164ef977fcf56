#include "src/ui/web/proxy.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <optional>

#include "common/site/site.h"
#include "src/ui/web/access.h"

namespace fletbridge::web {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr int kMostHops = 32;
constexpr std::size_t kLongestPrefix = 256;
constexpr unsigned kBitsBeforeV4 = 96;

struct Parsed {
  Bytes bytes{};
  bool is_v4 = false;
};

std::optional<Parsed> Parse(std::string_view address) {
  const std::string text(address);
  Parsed parsed;
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    parsed.bytes[10] = parsed.bytes[11] = 0xff;
    std::memcpy(parsed.bytes.data() + 12, &v4, sizeof v4);
    parsed.is_v4 = true;
    return parsed;
  }
  if (::inet_pton(AF_INET6, text.c_str(), parsed.bytes.data()) == 1) return parsed;
  return std::nullopt;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The last item of a list, and the list without it.
std::string_view TakeLast(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const std::string_view last =
      Trimmed(comma == std::string_view::npos ? list : list.substr(comma + 1));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return last;
}

// "10.1.2.3", "10.1.2.3:80", "::1", "[::1]:80"
std::string_view WithoutPort(std::string_view hop) {
  if (hop.starts_with('[')) return hop.substr(1, hop.find(']') - 1);
  const std::size_t colon = hop.find(':');
  return colon != std::string_view::npos && colon == hop.rfind(':') ? hop.substr(0, colon) : hop;
}

// Without dots and doubled slashes, since the page takes its addresses from it.
std::string Prefix(std::string_view header) {
  const std::string_view prefix = TakeLast(header);
  if (!prefix.starts_with('/') || prefix.size() > kLongestPrefix || !IsPlainMount(prefix))
    return {};
  const std::optional<std::string> plain = PlainPath(prefix);
  return plain && !plain->empty() ? "/" + *plain : std::string();
}

}  // namespace

Result<TrustedProxies> TrustedProxies::Of(const std::vector<std::string>& texts) {
  TrustedProxies proxies;
  for (const std::string& text : texts) {
    const std::size_t slash = text.find('/');
    const std::optional<Parsed> address = Parse(text.substr(0, slash));
    const unsigned most = address && address->is_v4 ? 32 : 128;
    unsigned bits = most;
    bool is_good = address.has_value();
    if (slash != std::string::npos) {
      const char* const begin = text.data() + slash + 1;
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(begin, end, bits);
      is_good = is_good && error == std::errc{} && stop == end && bits <= most;
    }
    if (!is_good) {
      return MakeError(Errc::kUsage, "no proxy can be trusted as " + text +
                                         ": --trusted-proxy is an address, such as 127.0.0.1, or "
                                         "a network, such as 10.0.0.0/8");
    }
    proxies.networks_.push_back({address->bytes, bits + (address->is_v4 ? kBitsBeforeV4 : 0)});
  }
  return proxies;
}

bool TrustedProxies::Trusts(std::string_view address) const {
  if (networks_.empty()) return false;
  const std::optional<Parsed> parsed = Parse(address);
  if (!parsed) return false;
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const unsigned whole = network.bits / 8;
    const unsigned rest = network.bits % 8;
    if (!std::equal(network.address.begin(), network.address.begin() + whole,
                    parsed->bytes.begin()))
      return false;
    return rest == 0 || ((network.address[whole] ^ parsed->bytes[whole]) >> (8 - rest)) == 0;
  });
}

Origin OriginOf(const TrustedProxies& proxies, std::string_view peer, std::string_view host_header,
                const ForwardedHeaders& headers) {
  Origin origin{std::string(peer), std::string(host_header), {}, false, false};
  if (!proxies.Trusts(peer)) return origin;
  origin.through_proxy = true;
  // From the nearest hop outwards, as far as each one that names the next is trusted.
  std::string_view hops = headers.for_whom;
  for (int i = 0; i < kMostHops && !hops.empty() && proxies.Trusts(origin.ip); ++i) {
    const std::string_view hop = WithoutPort(TakeLast(hops));
    if (!IsAddress(hop)) break;
    origin.ip = hop;
  }
  std::string_view proto = headers.proto;
  origin.is_https = TakeLast(proto) == "https";
  std::string_view host = headers.host;
  if (const std::string_view named = TakeLast(host); !HostName(named).empty()) origin.host = named;
  origin.prefix = Prefix(headers.prefix);
  return origin;
}

}  // namespace fletbridge::web
