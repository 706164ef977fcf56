// Room: tests/fuzz. What the web UI reads of a request: its head, to choose a worker; the Host, the
// Origin, the cookies and the token; the path; ranges and tags. And what it reads of its workers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "common/measure/prometheus.h"
#include "common/site/site.h"
#include "src/ui/web/access.h"
#include "src/ui/web/listening.h"
#include "src/ui/web/workers/sticky.h"

namespace {

using namespace fletbridge::web;
namespace http = boost::beast::http;

void Check(bool holds) {
  if (!holds) std::abort();
}

const Access& Ours() {
  static const Access access{
      "0123456789abcdef0123456789abcdef", "fletbridge_8550", {"app.example"}};
  return access;
}

void ReadPath(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (const auto plain = PlainPath(path)) {
    // Nothing of it leads out of a folder.
    Check(plain->find('\0') == std::string::npos && !plain->starts_with('/'));
    const std::string framed = "/" + *plain + "/";
    Check(framed.find("/../") == std::string::npos && framed.find("/./") == std::string::npos);
    (void)TypeOf(*plain);
  }
  std::string rest;
  if (HasToken(Ours(), target, rest))
    Check(rest.find(Ours().token) == std::string::npos ||
          target.find(Ours().token) != target.rfind(Ours().token));
}

void ReadHeaders(std::string_view host, std::string_view origin, std::string_view cookies,
                 std::string_view range, std::string_view tags, std::string_view encodings) {
  if (HostAllowed(Ours(), host)) Check(!HostName(host).empty());
  if (OriginAllowed(origin, host) && !origin.empty()) Check(origin.find("://") != origin.npos);
  if (HasCookie(Ours(), cookies)) Check(cookies.find(Ours().token) != cookies.npos);
  static const Sticky sticky("a key of the run", "fletbridge_worker_8550");
  if (const auto worker = sticky.WorkerOf(cookies)) {
    const std::string made = sticky.SetCookie(*worker);
    Check(cookies.find(made.substr(0, made.find(';'))) != cookies.npos);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{2800}}) {
    const ByteRange part = ParseRange(range, size);
    if (part.kind == ByteRange::Kind::kPart)
      Check(part.count > 0 && part.first < size && part.count <= size - part.first);
  }
  (void)TagMatches(tags, "\"tag\"");
  (void)Takes(encodings, "gzip");
}

void ReadByParser(std::string_view bytes) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(16 * 1024);
  boost::system::error_code error;
  (void)parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error || !parser.is_header_done()) return;
  const auto& asked = parser.get();
  const auto text = [&](http::field name) {
    const auto value = asked[name];
    return std::string_view(value.data(), value.size());
  };
  ReadPath({asked.target().data(), asked.target().size()});
  ReadHeaders(text(http::field::host), text(http::field::origin), text(http::field::cookie),
              text(http::field::range), text(http::field::if_none_match),
              text(http::field::accept_encoding));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = EndOfHead(bytes);
  if (end) Check(*end <= size && bytes.substr(*end - 4, 4) == "\r\n\r\n");
  const std::string_view head = bytes.substr(0, end.value_or(size));
  ReadHeaders(HeaderIn(head, "host"), HeaderIn(head, "origin"), HeaderIn(head, "cookie"),
              HeaderIn(head, "range"), HeaderIn(head, "if-none-match"),
              HeaderIn(head, "accept-encoding"));
  ReadPath(head.substr(0, head.find('\r')));
  ReadByParser(bytes);
  if (const auto address = ParseListenAddress(head)) Check(IsListenHost(address->host));
  const std::string text(bytes);
  const std::string once = fletbridge::prometheus::SumOf({&text, 1});
  Check(fletbridge::prometheus::SumOf({&once, 1}) == once);
  return 0;
}
