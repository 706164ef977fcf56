#include "src/rollout/https/https_get.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "common/base/error.h"

namespace fletbridge {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr int kMaxRedirects = 3;

Error Failed(const Url& url, const std::string& step, const boost::system::error_code& why) {
  return Error{why, "cannot " + step + " " + url.host + ": " + why.message()};
}

// One connection and one answer. Every step is a handler; Run() drives them until the deadline.
template <class Stream>
class Exchange {
 public:
  Exchange(asio::io_context& io, Stream& stream, const Url& url, const GetRequest& request)
      : stream_(stream), url_(url), resolver_(io) {
    message_.method(http::verb::get);
    message_.target(url.target);
    message_.version(11);
    message_.set(http::field::host, HostField());
    message_.set(http::field::user_agent, "fletbridge");
    message_.set(http::field::accept, "application/json");
    message_.set(http::field::connection, "close");
    if (!request.etag.empty()) message_.set(http::field::if_none_match, request.etag);
    parser_.body_limit(request.limit_bytes);
    parser_.header_limit(65536);
  }

  void Start() {
    resolver_.async_resolve(url_.host, url_.port, [this](auto error, auto found) {
      if (error) return Give(Failed(url_, "resolve", error));
      asio::async_connect(beast::get_lowest_layer(stream_).socket(), found,
                          [this](auto failed, const auto&) {
                            if (failed) return Give(Failed(url_, "connect to", failed));
                            Handshake();
                          });
    });
  }

  // Empty while it goes on.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] http::response<http::string_body>& answer() { return parser_.get(); }

 private:
  std::string HostField() const {
    const bool six = url_.host.find(':') != std::string::npos;
    const std::string host = six ? "[" + url_.host + "]" : url_.host;
    const bool usual = url_.port == (url_.tls ? "443" : "80");
    return usual ? host : host + ":" + url_.port;
  }
  void Give(Error error) {
    error_ = std::move(error);
    done_ = true;
  }
  void Handshake() {
    if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
      Send();
    } else {
      stream_.async_handshake(asio::ssl::stream_base::client, [this](auto error) {
        if (error) return Give(Failed(url_, "trust", error));
        Send();
      });
    }
  }
  void Send() {
    http::async_write(stream_, message_, [this](auto error, std::size_t) {
      if (error) return Give(Failed(url_, "ask", error));
      http::async_read(stream_, buffer_, parser_, [this](auto failed, std::size_t) {
        if (failed == http::error::body_limit)
          return Give(MakeError(Errc::kLimit, url_.host + " answers with more than 1 MiB"));
        if (failed) return Give(Failed(url_, "read the answer of", failed));
        done_ = true;
      });
    });
  }

  Stream& stream_;
  const Url& url_;
  tcp::resolver resolver_;
  http::request<http::empty_body> message_;
  beast::flat_buffer buffer_{std::size_t{2} << 20};
  http::response_parser<http::string_body> parser_;
  std::optional<Error> error_;
  bool done_ = false;
};

using Answer = http::response<http::string_body>;

template <class Stream>
Result<Answer> Run(asio::io_context& io, Stream& stream, const Url& url, const GetRequest& request,
                   std::chrono::steady_clock::time_point until) {
  // On the heap and left there at the deadline: a name that is still being resolved holds it.
  auto* exchange = new Exchange<Stream>(io, stream, url, request);
  exchange->Start();
  io.run_until(until);
  if (!exchange->done()) return MakeError(Errc::kLimit, url.host + " did not answer in time");
  if (exchange->error()) return *exchange->error();
  return std::move(exchange->answer());
}

// An OpenSSL that was built on another system than this one looks for authorities where that has
// them.
void AddSystemAuthorities(asio::ssl::context& context, boost::system::error_code& error) {
  namespace fs = std::filesystem;
  std::error_code missing;
  for (const char* known : {::X509_get_default_cert_file(), ::X509_get_default_cert_dir()}) {
    if (fs::exists(known, missing)) return;
  }
  for (const char* named :
       {::X509_get_default_cert_file_env(), ::X509_get_default_cert_dir_env()}) {
    if (std::getenv(named) != nullptr) return;
  }
  for (const char* bundle : {"/etc/ssl/certs/ca-certificates.crt",  // Debian, Arch
                             "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
                             "/etc/ssl/ca-bundle.pem",              // SUSE
                             "/etc/ssl/cert.pem"}) {                // Alpine
    if (fs::exists(bundle, missing)) {
      context.load_verify_file(bundle, error);
      return;
    }
  }
}

Result<Answer> GetOnce(const Url& url, const GetRequest& request,
                       std::chrono::steady_clock::time_point until) {
  // Not destroyed: its resolver's thread cannot be stopped, and the process ends soon.
  auto& io = *new asio::io_context(1);
  if (!url.tls) {
    auto& stream = *new beast::tcp_stream(io);
    return Run(io, stream, url, request, until);
  }
  auto& context = *new asio::ssl::context(asio::ssl::context::tls_client);
  boost::system::error_code error;
  context.set_default_verify_paths(error);
  if (!error) AddSystemAuthorities(context, error);
  if (error) return Failed(url, "find certificates for", error);
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  auto& stream = *new beast::ssl_stream<beast::tcp_stream>(io, context);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  ::SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  return Run(io, stream, url, request, until);
}

}  // namespace

Result<Url> ParseUrl(const std::string& text) {
  Url url;
  std::string rest;
  if (text.starts_with("https://")) {
    url.tls = true;
    rest = text.substr(8);
  } else if (text.starts_with("http://")) {
    rest = text.substr(7);
  } else {
    return MakeError(Errc::kUsage, text + " is no http:// or https:// address");
  }
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string place = rest.substr(0, slash);
  url.target = rest.substr(slash);
  if (!url.target.starts_with('/')) url.target = "/" + url.target;
  url.port = url.tls ? "443" : "80";
  const bool odd = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F;
  });
  if (odd)
    return MakeError(Errc::kUsage, "the address " + text +
                                       " has a character that must be "
                                       "written as %XX");
  if (place.find('@') != std::string::npos)
    return MakeError(Errc::kUsage, "an address with a user name is not taken; leave it out");
  std::size_t colon = place.rfind(':');
  if (place.starts_with('[')) {
    const std::size_t close = place.find(']');
    if (close == std::string::npos) return MakeError(Errc::kUsage, text + " has no ]");
    if (close + 1 < place.size()) url.port = place.substr(close + 2);
    url.host = place.substr(1, close - 1);
    colon = std::string::npos;
  } else {
    url.host = place.substr(0, colon);
  }
  if (colon != std::string::npos) url.port = place.substr(colon + 1);
  const bool number =
      !url.port.empty() && url.port.size() <= 5 &&
      std::all_of(url.port.begin(), url.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (url.host.empty() || !number)
    return MakeError(Errc::kUsage,
                     "the address " + text + " has no host, or no number as its port");
  return url;
}

Result<GetAnswer> HttpsGet(const GetRequest& request) {
  const auto until = std::chrono::steady_clock::now() + request.deadline;
  Result<Url> url = ParseUrl(request.url);
  if (!url) return url.error();
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    Result<Answer> answer = GetOnce(*url, request, until);
    if (!answer) return answer.error();
    const unsigned status = answer->result_int();
    if (status == 304 && !request.etag.empty()) return GetAnswer{true, {}, request.etag};
    if (status == 200) {
      GetAnswer got;
      got.body = std::move(answer->body());
      if (const auto etag = answer->find(http::field::etag); etag != answer->end())
        got.etag = std::string(etag->value());
      return got;
    }
    const auto location = answer->find(http::field::location);
    if (status / 100 != 3 || location == answer->end()) {
      return MakeError(Errc::kPeerMisbehaved,
                       url->host + " answers " + std::to_string(status) + " instead of the flags");
    }
    const std::string to(location->value());
    const bool was_tls = url->tls;
    if (to.starts_with('/') && !to.starts_with("//")) {
      url->target = to;
    } else {
      url = ParseUrl(to);
      if (!url) return url.error();
    }
    if (was_tls && !url->tls)
      return MakeError(Errc::kUntrusted, "the flags' address leads from https to http; not taken");
  }
  return MakeError(Errc::kPeerMisbehaved, "the flags' address leads on and on");
}

}  // namespace fletbridge
