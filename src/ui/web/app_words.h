// Room: src/ui/web. What the app's side of a session and ours say to one another in packets of
// their own, [WORD, a map], that no browser hears or can send: the other side is
// python/shim/on-demand/clients.py. Pure functions; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/transport/packet.h"
#include "src/ui/web/logins.h"
#include "src/ui/web/upload_url.h"

namespace fletbridge::web {

// What a browser's handshake says of it.
struct BrowserFacts {
  std::string ip;
  std::string agent;
  std::string url;                   // "ws://host:port/mount", without the slash at its end
  std::optional<LoginAnswer> login;  // that it has come back with
};

// Before all other packets of a session: who the client is.
[[nodiscard]] Packet HelloPacket(const BrowserFacts& facts);
// A provider has answered, and its browser shows a page.
[[nodiscard]] Packet LoginPacket(const LoginAnswer& answer);

struct AppSays {
  struct Login {
    std::string state, page_html, page_url;
    std::chrono::seconds patience{0};
  };
  std::optional<UploadTerms> uploads;
  std::optional<Login> login;
};
// None: the packet is for the browser.
[[nodiscard]] std::optional<AppSays> ReadAppSays(const Packet& packet);

}  // namespace fletbridge::web
