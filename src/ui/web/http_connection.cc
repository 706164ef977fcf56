#include "src/ui/web/http_connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <nlohmann/json.hpp>

#include "src/ui/web/upload_reader.h"

namespace fletbridge::web {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;
using Request = http::request<http::empty_body>;
using Head = http::response<http::empty_body>;

namespace {

constexpr std::uint32_t kMaxHeader = 16 * 1024;
constexpr auto kFirstRequest = 10s;
constexpr auto kNextRequest = 60s;
constexpr auto kAnswer = 30s;
constexpr std::size_t kSlowest = 16 * 1024;  // bytes in a second
constexpr auto kDrain = 10s;
constexpr std::size_t kDrainChunk = std::size_t{64} << 10;
constexpr std::size_t kMostDrained = std::size_t{64} << 20;

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(EventLoop& loop, asio::ip::tcp protocol, UniqueFd socket, std::string ip, Front& front,
             std::function<void()> ended, const Begun& begun)
      : socket_(loop.io(), protocol, socket.release()),
        timer_(loop.io()),
        ip_(std::move(ip)),
        front_(front),
        ended_(std::move(ended)),
        cookie_(begun.cookie) {
    buffer_.commit(asio::buffer_copy(buffer_.prepare(begun.read.size()), asio::buffer(begun.read)));
  }

  void Read(std::chrono::seconds patience) {
    parser_.emplace();
    parser_->header_limit(kMaxHeader);
    parser_->body_limit(boost::none);  // whoever reads a body counts it
    body_waits_ = false;
    After(patience);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (self->open_) self->OnHeader(error);
                            });
  }

  void Close() override {
    ended_ = nullptr;
    Drop();
  }

 private:
  void After(std::chrono::seconds patience) {
    timer_.expires_after(patience);
    timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->Drop();
    });
  }

  void Drop() {
    if (!std::exchange(open_, false)) return;
    error_code ignored;
    if (upload_) std::exchange(upload_, nullptr)->Stop();
    timer_.cancel();
    socket_.shutdown(asio::socket_base::shutdown_both, ignored);
    socket_.close(ignored);
    if (ended_) std::exchange(ended_, nullptr)();
  }

  void OnHeader(error_code error) {
    if (error) {
      const bool is_nonsense =
          error.category() == make_error_code(http::error::bad_method).category();
      if (!is_nonsense || error == http::error::end_of_stream ||
          error == http::error::partial_message)
        return Drop();
      keep_alive_ = false;
      return Refuse(error == http::error::header_limit
                        ? http::status::request_header_fields_too_large
                        : http::status::bad_request,
                    "this is no request that a browser makes");
    }
    const Request& asked = parser_->get();
    keep_alive_ = asked.keep_alive();
    is_head_ = asked.method() == http::verb::head;
    After(kAnswer);
    // Nobody here reads a body but an upload, and what follows one cannot be told from it.
    if (asked.chunked() || asked.has_content_length()) {
      body_waits_ = parser_->content_length().value_or(1) != 0;
      if (body_waits_) keep_alive_ = false;
    }
    origin_ = OriginOf(front_.proxies(), ip_, Text(asked[http::field::host]),
                       {LastOf(asked, "X-Forwarded-For"), LastOf(asked, "X-Forwarded-Proto"),
                        LastOf(asked, "X-Forwarded-Host"), LastOf(asked, "X-Forwarded-Prefix")});
    const std::string_view cookies = Text(asked[http::field::cookie]);
    if (std::exchange(is_first_, false) || !front_.belongs_elsewhere(cookies)) return Answer(asked);
    GiveAway([&front = front_, read = TextOf(asked) + RestOfBuffer()](UniqueFd socket) mutable {
      front.GiveBack(std::move(socket), std::move(read));
    });
  }

  static std::string TextOf(const Request& asked) {
    std::ostringstream text;
    text << asked.base();  // with its empty line
    return text.str();
  }
  std::string RestOfBuffer() const {
    const auto rest = buffer_.data();
    return {static_cast<const char*>(rest.data()), rest.size()};
  }

  // The socket goes to `taker`, and this object is over.
  template <class Taker>
  void GiveAway(Taker taker) {
    error_code failed;
    UniqueFd fd(socket_.release(failed));
    if (failed) return Drop();
    open_ = false;
    timer_.cancel();
    if (ended_) std::exchange(ended_, nullptr)();
    taker(std::move(fd));
  }

  static std::string_view LastOf(const Request& asked, const char* name) {
    std::string_view last;
    const auto [begin, end] = asked.equal_range(name);
    for (auto at = begin; at != end; ++at) last = Text(at->value());
    return last;
  }

  void Answer(const Request& asked) {
    const Access& access = front_.access();
    const std::string_view target = Text(asked.target());
    // Under which names it passes requests on is a trusted proxy's to decide.
    if (origin_.through_proxy ? HostName(origin_.host).empty()
                              : !HostAllowed(access, origin_.host)) {
      keep_alive_ = false;
      return Refuse(http::status::misdirected_request,
                    "this app is not served under that name; ask for it by its address, or start "
                    "it with --host NAME or --public");
    }
    if (!target.starts_with('/') || target.starts_with("//") ||
        target.find('\\') != std::string_view::npos)
      return Refuse(http::status::bad_request, "this is no path");
    if (target == "/healthz" || target == "/readyz") {
      const bool is_good = target == "/healthz" || front_.is_ready();
      return Say(is_good ? http::status::ok : http::status::service_unavailable,
                 is_good ? "ok" : "not ready");
    }
    const std::string path(target.substr(0, target.find('?')));
    const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
    if ((asked.method() == http::verb::put || asked.method() == http::verb::post) &&
        path == front_.mount() + "/upload" && !front_.uploads().terms().folder.empty())
      return TakeUpload(origin_.prefix + path, query);
    if (asked.method() != http::verb::get && !is_head_)
      return Refuse(http::status::method_not_allowed, "this server is asked with GET and HEAD");
    std::string rest;
    if (HasToken(access, target, rest)) {
      Head head = MakeHead(http::status::see_other);
      head.set(http::field::location, origin_.prefix + rest);
      head.insert(http::field::set_cookie, SetCookie(access, origin_.is_https));
      head.set(http::field::cache_control, "no-store");
      return Send(std::move(head), {}, {}, 0);
    }
    may_see_all_ = HasCookie(access, Text(asked[http::field::cookie]));
    if (path == front_.mount() + "/ws" && beast::websocket::is_upgrade(asked))
      return Upgrade(asked);
    if (path == front_.mount() + front_.login_path() && !is_head_) return TakeLogin(query);
    front_.Find(path, origin_.prefix, [self = shared_from_this()](Site::Found found) {
      if (self->open_) self->OnFound(std::move(found));
    });
  }

  // Whoever has an address that the app has signed may use it, as with Flet's server.
  void TakeUpload(const std::string& path, std::string_view query) {
    Uploads& uploads = front_.uploads();
    std::string name;
    if (const UploadAnswer answer = CheckUploadUrl(path, query, uploads.terms().key,
                                                   std::chrono::system_clock::now(), name);
        answer.status != 200)
      return AnswerUpload(answer);
    std::unique_ptr<Upload> upload = uploads.Begin(std::move(name));
    if (!upload) return AnswerUpload({503, "There are too many uploads at a time"});
    timer_.cancel();  // the reader has its own
    upload_ = ReadUpload(socket_, buffer_, std::move(*parser_), std::move(upload),
                         [self = shared_from_this()](const UploadAnswer& answer, bool whole) {
                           self->upload_.reset();
                           if (!self->open_) return;
                           if (answer.status == 0) return self->Drop();
                           self->body_waits_ = !whole;
                           self->AnswerUpload(answer);
                         });
  }

  void AnswerUpload(const UploadAnswer& answer) {
    const nlohmann::json detail = {{"detail", answer.detail}};
    Head head = MakeHead(static_cast<http::status>(answer.status));
    head.set(http::field::content_type, "application/json");
    head.set(http::field::cache_control, "no-store");
    auto text = std::make_shared<std::string>(answer.status == 200 ? "null" : detail.dump());
    Send(std::move(head), text, *text, text->size());
  }

  // A provider sends a browser back; the state is known to nobody else.
  void TakeLogin(std::string_view query) {
    const Logins::Callback callback =
        front_.logins().Answer(query, std::chrono::steady_clock::now());
    if (callback.for_app) front_.TellApp(*callback.for_app);
    Head head = MakeHead(static_cast<http::status>(callback.status));
    head.set(http::field::cache_control, "no-store");
    if (!callback.location.empty()) {
      head.set(http::field::location, HeaderText(callback.location));
      head.set(http::field::set_cookie, "flet_oauth_state=" + HeaderText(callback.state) +
                                            "; HttpOnly; Max-Age=300; Path=/; SameSite=strict" +
                                            (origin_.is_https ? "; Secure" : ""));
      return Send(std::move(head), {}, {}, 0);
    }
    head.set(http::field::content_type,
             callback.status == 200 ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
    auto text = std::make_shared<std::string>(callback.text);
    Send(std::move(head), text, *text, text->size());
  }

  // An app's text, which is no header of its own.
  static std::string HeaderText(std::string text) {
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return text;
  }

  void Upgrade(const Request& asked) {
    if (!OriginAllowed(Text(asked[http::field::origin]), origin_.host)) {
      keep_alive_ = false;
      return Refuse(http::status::forbidden, "this page is of another site");
    }
    if (!may_see_all_) {
      keep_alive_ = false;
      return RefuseStranger();
    }
    // Before the answer a browser has nothing to say.
    if (buffer_.size() != 0)
      return Refuse(http::status::bad_request, "there is more than a request");
    if (const auto why = front_.no_sessions()) return RefuseSession(*why);
    BrowserFacts facts{
        origin_.ip, std::string(Text(asked[http::field::user_agent])),
        (origin_.is_https ? "wss://" : "ws://") + origin_.host + origin_.prefix + front_.mount(),
        front_.logins().Take(CookieOf(Text(asked[http::field::cookie]), "flet_oauth_state"),
                             std::chrono::steady_clock::now())};
    GiveAway(
        [&front = front_, text = TextOf(asked), facts = std::move(facts)](UniqueFd socket) mutable {
          front.TakeWebSocket(std::move(socket), std::move(text), std::move(facts));
        });
  }

  void OnFound(Site::Found found) {
    const Request& asked = parser_->get();
    switch (found.kind) {
      case Site::Found::Kind::kNone:
        return Refuse(http::status::not_found, "there is no such file");
      case Site::Found::Kind::kBad:
        return Refuse(http::status::bad_request, "this is no path");
      case Site::Found::Kind::kLarge:
        return Refuse(http::status::insufficient_storage, "the file is too large to be served");
      case Site::Found::Kind::kRedirect: {
        const std::string_view target = Text(asked.target());
        const std::size_t mark = target.find('?');
        Head head = MakeHead(http::status::temporary_redirect);
        head.set(http::field::location,
                 origin_.prefix + front_.mount() + "/" +
                     std::string(mark == std::string_view::npos ? "" : target.substr(mark)));
        return Send(std::move(head), {}, {}, 0);
      }
      case Site::Found::Kind::kBody:
        break;
    }
    if (found.is_private && !may_see_all_) return RefuseStranger();
    const Body& body = *found.body;
    // A page opens a session; what the pages of the others still need is served.
    if (const auto why = front_.no_sessions(); why && body.type.starts_with("text/html"))
      return RefuseSession(*why);
    const std::string_view taken = Text(asked[http::field::accept_encoding]);
    const std::shared_ptr<const std::string> brotli = body.brotli();
    std::string_view coding;
    if (brotli && !brotli->empty() && Takes(taken, "br")) {
      coding = "br";
    } else if (!body.gzip.empty() && Takes(taken, "gzip")) {
      coding = "gzip";
    }
    // Of each form its own, since a range is of one of them.
    std::string etag = body.etag;
    if (!coding.empty()) etag.insert(etag.size() - 1, "-" + std::string(coding));
    const std::string& bytes = coding == "br" ? *brotli : coding.empty() ? body.bytes : body.gzip;
    Head head = MakeHead(http::status::ok);
    head.set(http::field::etag, etag);
    // Names of files stay the same in the next version: a browser asks, and 304 is the answer.
    head.set(http::field::cache_control, found.is_private ? "private, no-cache" : "no-cache");
    if (!body.gzip.empty()) head.set(http::field::vary, "Accept-Encoding");
    if (TagMatches(Text(asked[http::field::if_none_match]), etag)) {
      head.result(http::status::not_modified);
      return Send(std::move(head), {}, {}, 0);
    }
    head.set(http::field::content_type, body.type);
    head.set(http::field::accept_ranges, "bytes");
    if (!coding.empty()) head.set(http::field::content_encoding, coding);
    ByteRange range;
    const std::string_view if_range = Text(asked[http::field::if_range]);
    if (!is_head_ && (if_range.empty() || if_range == etag))
      range = ParseRange(Text(asked[http::field::range]), bytes.size());
    if (range.kind == ByteRange::Kind::kNone) {
      head.result(http::status::range_not_satisfiable);
      head.set(http::field::content_range, "bytes */" + std::to_string(bytes.size()));
      return Send(std::move(head), {}, {}, 0);
    }
    std::string_view part = bytes;
    if (range.kind == ByteRange::Kind::kPart) {
      head.result(http::status::partial_content);
      head.set(http::field::content_range, "bytes " + std::to_string(range.first) + "-" +
                                               std::to_string(range.first + range.count - 1) + "/" +
                                               std::to_string(bytes.size()));
      part = part.substr(range.first, range.count);
    }
    Send(std::move(head), found.body, part, part.size());
  }

  void RefuseStranger() {
    Refuse(http::status::forbidden,
           "this app is for whoever opens the address that fletbridge has printed, with its token");
  }

  void RefuseSession(Refusal why) {
    front_.figures().Refused(why);
    Say(http::status::service_unavailable, "this server takes no new sessions now");
  }

  void Refuse(http::status status, const std::string& why) {
    if (const auto kind = KindOf(status)) front_.figures().Refused(*kind);
    Say(status, why);
  }

  static std::optional<Refusal> KindOf(http::status status) {
    switch (status) {
      case http::status::misdirected_request:
        return Refusal::kHost;
      case http::status::forbidden:
        return Refusal::kStranger;
      case http::status::bad_request:
      case http::status::request_header_fields_too_large:
        return Refusal::kMalformed;
      case http::status::method_not_allowed:
        return Refusal::kMethod;
      default:
        return std::nullopt;
    }
  }

  void Say(http::status status, const std::string& why) {
    auto text = std::make_shared<std::string>(why + "\n");
    Head head = MakeHead(status);
    if (status == http::status::method_not_allowed) head.set(http::field::allow, "GET, HEAD");
    head.set(http::field::content_type, "text/plain; charset=utf-8");
    head.set(http::field::cache_control, "no-store");
    if (status == http::status::service_unavailable) head.set(http::field::retry_after, "5");
    Send(std::move(head), text, *text, text->size());
  }

  Head MakeHead(http::status status) {
    Head head(status, 11);
    head.keep_alive(keep_alive_);
    head.set("Cross-Origin-Opener-Policy", "same-origin");
    head.set("Cross-Origin-Embedder-Policy", "require-corp");
    head.set(http::field::access_control_allow_origin, "*");
    head.set("X-Content-Type-Options", "nosniff");
    if (!cookie_.empty()) head.insert(http::field::set_cookie, std::exchange(cookie_, {}));
    return head;
  }

  // `owner` keeps `bytes`.
  void Send(Head head, std::shared_ptr<const void> owner, std::string_view bytes,
            std::size_t length) {
    front_.figures().Answered(head.result_int());
    if (head.result() != http::status::not_modified) head.content_length(length);
    std::ostringstream text;
    text << head.base();
    auto header = std::make_shared<std::string>(text.str());
    if (is_head_) bytes = {};
    After(kAnswer + std::chrono::seconds(bytes.size() / kSlowest));
    const std::array<asio::const_buffer, 2> both{asio::buffer(*header),
                                                 asio::const_buffer(bytes.data(), bytes.size())};
    asio::async_write(socket_, both,
                      [self = shared_from_this(), header, owner](error_code error, std::size_t) {
                        if (!self->open_) return;
                        if (error) return self->Drop();
                        if (self->body_waits_) return self->Drain();
                        if (!self->keep_alive_) return self->Drop();
                        self->Read(kNextRequest);
                      });
  }

  // A browser hears an answer when it has sent all; closing before would take the answer away.
  void Drain() {
    error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    After(kDrain);
    drained_.resize(kDrainChunk);
    DrainMore();
  }
  void DrainMore() {
    socket_.async_read_some(asio::buffer(drained_),
                            [self = shared_from_this()](error_code error, std::size_t n) {
                              if (!self->open_) return;
                              self->drained_bytes_ += n;
                              if (error || self->drained_bytes_ > kMostDrained) return self->Drop();
                              self->DrainMore();
                            });
  }

  static std::string_view Text(beast::string_view text) { return {text.data(), text.size()}; }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;  // until the connection is dropped
  beast::flat_buffer buffer_{kMaxHeader * 2};
  std::optional<http::request_parser<http::empty_body>> parser_;
  const std::string ip_;
  Front& front_;
  std::function<void()> ended_;
  std::string cookie_;  // that the next answer sets
  bool is_first_ = true;
  bool open_ = true;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool may_see_all_ = false;
  bool body_waits_ = false;               // of this request: nobody has read it
  Origin origin_;                         // of this request
  std::shared_ptr<UploadReader> upload_;  // under way
  std::string drained_;
  std::size_t drained_bytes_ = 0;
};

}  // namespace

std::shared_ptr<HttpConnection> ServeHttp(EventLoop& loop, UniqueFd socket, std::string ip,
                                          Front& front, std::function<void()> ended,
                                          const Begun& begun) {
  if (begun.read.size() > kMaxHeader * 2) return nullptr;
  const auto protocol =
      ip.find(':') == std::string::npos ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
  auto connection = std::make_shared<Connection>(loop, protocol, std::move(socket), std::move(ip),
                                                 front, std::move(ended), begun);
  connection->Read(kFirstRequest);
  return connection;
}

}  // namespace fletbridge::web
