// Room: tools. Fetches a desktop client of Flet's: out of the package flet-desktop, by the pip of
// an interpreter, as far as that has brought it (0.82.2); later ones from where Flet's own package
// fetches them.
#pragma once

#include <string>

#include "common/base/error.h"
#include "src/clients/client_search.h"

namespace fletbridge {

inline constexpr const char* kClientToGet = "0.82.2";

struct WantedClient {
  std::string version = kClientToGet;
  std::string sha256;  // of its archive; empty: one that this version of fletbridge knows
};

// The folder with it, in the store. Asks the network only for what is not there yet. `url` is what
// FLET_CLIENT_URL names in place of Flet's own address; `python` has pip. The error is one line.
[[nodiscard]] Result<std::string> GetClient(const WantedClient& wanted, const std::string& url,
                                            const std::string& python, const ClientSearch& search);

}  // namespace fletbridge
