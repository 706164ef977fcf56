// Room: src/ui/web. How many connections may wait or be served at once: in all, and of one address,
// which may be that of many people. Not counted by address are this machine and the proxies that
// the user trusts, since each is everybody's. Header only.
//
// Threads: a value; one thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "src/ui/web/peer_name.h"
#include "src/ui/web/proxy.h"

namespace fletbridge::web {

class Visitors {
 public:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kMostOfOneAddress = 256;

  explicit Visitors(TrustedProxies proxies) : proxies_(std::move(proxies)) {}

  // False: there are too many. After true the caller owes a Leave() of the same address.
  [[nodiscard]] bool Enter(const std::string& ip) {
    if (all_ >= kMost) return false;
    const bool is_counted = !IsLoopback(ip) && !proxies_.Trusts(ip);
    if (is_counted && Of(ip) >= kMostOfOneAddress) return false;
    ++all_;
    ++by_address_[ip];
    return true;
  }
  void Leave(const std::string& ip) {
    const auto found = by_address_.find(ip);
    if (found == by_address_.end()) return;
    --all_;
    if (--found->second == 0) by_address_.erase(found);
  }

  [[nodiscard]] const TrustedProxies& proxies() const noexcept { return proxies_; }

 private:
  [[nodiscard]] std::size_t Of(const std::string& ip) const {
    const auto found = by_address_.find(ip);
    return found == by_address_.end() ? 0 : found->second;
  }

  const TrustedProxies proxies_;
  std::map<std::string, std::size_t> by_address_;
  std::size_t all_ = 0;
};

}  // namespace fletbridge::web
