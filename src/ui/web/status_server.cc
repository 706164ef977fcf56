#include "src/ui/web/status_server.h"

#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "common/base/log.h"
#include "src/ui/web/access.h"

namespace fletbridge::web {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostConnections = 32;
constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr auto kPatience = 5s;
constexpr auto kNextAccept = 100ms;

class Server final : public StatusServer {
 public:
  Server(EventLoop& loop, StatusSource& source, Listening listening)
      : source_(source), acceptor_(loop.io()), later_(loop.io()) {
    acceptor_.assign(listening.is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                     listening.fd.release());
    Accept();
  }
  ~Server() override {
    for (const auto& one : std::exchange(open_, {})) one->Drop();
  }

 private:
  struct Connection : std::enable_shared_from_this<Connection> {
    Connection(Server& server, asio::ip::tcp::socket taken)
        : owner(&server), socket(std::move(taken)), timer(socket.get_executor()) {
      parser.header_limit(kMaxHeader);
    }

    void Serve() {
      timer.expires_after(kPatience);
      timer.async_wait([self = shared_from_this()](error_code cancelled) {
        if (!cancelled) self->Drop();
      });
      http::async_read_header(socket, buffer, parser,
                              [self = shared_from_this()](error_code error, std::size_t) {
                                if (error) return self->Drop();
                                if (self->owner != nullptr) self->Answer();
                              });
    }

    void Answer() {
      const auto& asked = parser.get();
      const auto target = asked.target();
      const auto host = asked[http::field::host];
      const std::string name = HostName({host.data(), host.size()});
      if (name != "localhost" && !IsAddress(name))
        return Send(http::status::misdirected_request, "ask by an address, not by a name\n");
      if (asked.method() != http::verb::get && asked.method() != http::verb::head)
        return Send(http::status::method_not_allowed, "ask with GET\n");
      if (target == "/healthz") return Send(http::status::ok, "ok\n");
      if (target == "/readyz") {
        return owner->source_.is_ready() ? Send(http::status::ok, "ready\n")
                                         : Send(http::status::service_unavailable, "not ready\n");
      }
      if (target != "/metrics") return Send(http::status::not_found, "there is no such page\n");
      owner->source_.TellMetrics([self = shared_from_this()](std::string text) {
        if (self->owner != nullptr) self->Send(http::status::ok, std::move(text));
      });
    }

    void Send(http::status status, std::string text) {
      answer.emplace(status, 11);
      answer->set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
      answer->set(http::field::cache_control, "no-store");
      answer->set("X-Content-Type-Options", "nosniff");
      answer->keep_alive(false);
      const std::size_t size = text.size();
      if (parser.get().method() != http::verb::head) answer->body() = std::move(text);
      answer->content_length(size);
      http::async_write(socket, *answer,
                        [self = shared_from_this()](error_code, std::size_t) { self->Drop(); });
    }

    void Drop() {
      error_code ignored;
      timer.cancel();
      socket.shutdown(asio::socket_base::shutdown_both, ignored);
      socket.close(ignored);
      if (owner != nullptr) std::exchange(owner, nullptr)->open_.erase(shared_from_this());
    }

    Server* owner;  // null: the end has come
    asio::ip::tcp::socket socket;
    asio::steady_timer timer;
    beast::flat_buffer buffer{kMaxHeader * 2};
    http::request_parser<http::empty_body> parser;
    std::optional<http::response<http::string_body>> answer;
  };

  void Accept() {
    acceptor_.async_accept(
        [this, life = std::weak_ptr<void>(life_)](error_code error, asio::ip::tcp::socket socket) {
          if (error == asio::error::operation_aborted || life.expired()) return;
          if (error) {  // no descriptor is free
            later_.expires_after(kNextAccept);
            later_.async_wait([this, life](error_code cancelled) {
              if (!cancelled && !life.expired()) Accept();
            });
            return;
          }
          if (open_.size() < kMostConnections) {
            const auto connection = std::make_shared<Connection>(*this, std::move(socket));
            open_.insert(connection);
            connection->Serve();
          }
          Accept();
        });
  }

  StatusSource& source_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer later_;
  std::set<std::shared_ptr<Connection>> open_;
  const std::shared_ptr<void> life_ = std::make_shared<char>();
};

}  // namespace

Result<std::unique_ptr<StatusServer>> ServeStatus(EventLoop& loop, const ListenAddress& address,
                                                  StatusSource& source) {
  Result<Listening> listening = ListenAt(address, "--metrics-address");
  if (!listening) return listening.error();
  Log(LogLevel::kInfo, "metrics are at " + UrlOf(listening->address) + "/metrics");
  return std::unique_ptr<StatusServer>(
      std::make_unique<Server>(loop, source, std::move(*listening)));
}

}  // namespace fletbridge::web
