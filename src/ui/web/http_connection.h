// Room: src/ui/web. One connection of a browser, as far as HTTP goes: reads requests within bounds
// of size and time, checks who asks (access.h), answers with what the site has (common/site), and
// gives a request for a WebSocket away, with its socket.
//
// Threads: the EventLoop's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/site/site.h"
#include "src/ui/web/access.h"
#include "src/ui/web/app_words.h"
#include "src/ui/web/figures.h"
#include "src/ui/web/proxy.h"
#include "src/ui/web/uploads.h"

namespace fletbridge::web {

// What a connection asks of the UI.
class Front {
 public:
  virtual ~Front() = default;
  [[nodiscard]] virtual const Access& access() const = 0;
  [[nodiscard]] virtual const std::string& mount() const = 0;
  [[nodiscard]] virtual const TrustedProxies& proxies() const = 0;
  // `found` is called later, on the loop, unless the UI has ended. `prefix`: as Site::Find() has
  // it.
  virtual void Find(std::string path, std::string prefix,
                    std::function<void(Site::Found)> found) = 0;
  [[nodiscard]] virtual Uploads& uploads() = 0;
  // The path below the mount at which a provider sends browsers back.
  [[nodiscard]] virtual const std::string& login_path() const = 0;
  [[nodiscard]] virtual Logins& logins() = 0;
  virtual void TellApp(const LoginAnswer& answer) = 0;
  // `request`: the text of the request, which has been checked.
  virtual void TakeWebSocket(UniqueFd socket, std::string request, BrowserFacts facts) = 0;
  [[nodiscard]] virtual Figures& figures() = 0;
  // New sessions are served, as far as is known here.
  [[nodiscard]] virtual bool is_ready() const = 0;
  // Why no new session is taken now.
  [[nodiscard]] virtual std::optional<Refusal> no_sessions() const = 0;
  // Whether the cookies of a request name another process of this app, which then takes the
  // connection, with what has been read of it.
  [[nodiscard]] virtual bool belongs_elsewhere(std::string_view cookies) const = 0;
  virtual void GiveBack(UniqueFd socket, std::string read) = 0;
};

// What another process has read of a connection before it gave it away.
struct Begun {
  std::string read;
  std::string cookie;  // the first answer sets it; empty: none
};

class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  // Closes it at once; `ended` is not called.
  virtual void Close() = 0;
};

// Serves until the browser leaves or gives the socket to a WebSocket, then calls `ended`. `front`
// must outlive the connection, or close it. Null, and the socket closed, if too much was read.
[[nodiscard]] std::shared_ptr<HttpConnection> ServeHttp(EventLoop& loop, UniqueFd socket,
                                                        std::string ip, Front& front,
                                                        std::function<void()> ended,
                                                        const Begun& begun = {});

}  // namespace fletbridge::web
