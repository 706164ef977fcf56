#include "src/rollout/https/https_get.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <string_view>
#include <strings.h>

#define CURL_DISABLE_DEPRECATION  // the older names are those that each libcurl.so.4 knows
#include <curl/curl.h>

namespace fletbridge {
namespace {

constexpr int kMaxRedirects = 3;
constexpr std::size_t kMaxHeaderBytes = 65536;
constexpr std::string_view kTls = "https://";

// Opened and not linked. A wheel may ask the system for glibc alone, and one with libcurl and
// OpenSSL inside would keep their faults after the system's are mended; the system's also knows
// where the authorities lie, and how this place logs in to its proxy.
struct Curl {
  decltype(&::curl_easy_init) init = nullptr;
  decltype(&::curl_easy_setopt) set = nullptr;
  decltype(&::curl_easy_perform) perform = nullptr;
  decltype(&::curl_easy_getinfo) info = nullptr;
  decltype(&::curl_easy_strerror) words = nullptr;
  decltype(&::curl_slist_append) append = nullptr;
};

Result<Curl> OpenCurl() {
  // Debian has two, which differ in their TLS library.
  void* library = ::dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
  std::string why = library == nullptr ? ::dlerror() : "";
  if (library == nullptr) library = ::dlopen("libcurl-gnutls.so.4", RTLD_LAZY | RTLD_LOCAL);
  Curl curl;
  bool whole = library != nullptr;
  const auto find = [&](auto& function, const char* name) {
    if (!whole) return;
    function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
    whole = function != nullptr;
    if (!whole) why = std::string("it has no ") + name;
  };
  find(curl.init, "curl_easy_init");
  find(curl.set, "curl_easy_setopt");
  find(curl.perform, "curl_easy_perform");
  find(curl.info, "curl_easy_getinfo");
  find(curl.words, "curl_easy_strerror");
  find(curl.append, "curl_slist_append");
  if (whole) return curl;
  return MakeError(Errc::kSetup, "cannot use libcurl: " + why + "; install the package curl");
}

struct Received {
  std::size_t limit_bytes = 0;
  std::string body;
  std::string etag;
  std::size_t header_bytes = 0;
  bool too_large = false;
};

// Both give curl the number of bytes taken; 0 ends the transfer.
std::size_t TakeBody(char* data, std::size_t, std::size_t size, void* into) {
  auto& received = *static_cast<Received*>(into);
  received.too_large = size > received.limit_bytes - received.body.size();
  if (received.too_large) return 0;
  received.body.append(data, size);
  return size;
}
std::size_t TakeHeader(char* data, std::size_t, std::size_t size, void* into) {
  auto& received = *static_cast<Received*>(into);
  received.header_bytes += size;
  received.too_large = received.header_bytes > kMaxHeaderBytes;
  if (received.too_large) return 0;
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) received.etag.clear();  // one more answer of the same transfer
  constexpr std::string_view kName = "etag:";
  if (size < kName.size() || ::strncasecmp(data, kName.data(), kName.size()) != 0) return size;
  line.remove_prefix(std::min(line.find_first_not_of(" \t", kName.size()), size));
  received.etag = line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
  return size;
}

// "https://host:port".
std::string OriginOf(const std::string& url) {
  return url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
}
std::string HostOf(const std::string& url) { return OriginOf(url).substr(url.find("://") + 3); }

// One handle for all hops, never given back: a resolver's thread may still use it, and the process
// ends soon.
class Exchange {
 public:
  Exchange(const Curl& curl, const GetRequest& request)
      : curl_(curl), handle_(curl.init()), request_(request) {
    received_.limit_bytes = request.limit_bytes;
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_ERRORBUFFER, problem_);
    Set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_ANY));
    Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    Set(CURLOPT_MAXFILESIZE, static_cast<long>(request.limit_bytes));
    Set(CURLOPT_WRITEFUNCTION, &TakeBody);
    Set(CURLOPT_WRITEDATA, &received_);
    Set(CURLOPT_HEADERFUNCTION, &TakeHeader);
    Set(CURLOPT_HEADERDATA, &received_);
    Set(CURLOPT_USERAGENT, "fletbridge");
    curl_slist* headers = curl.append(nullptr, "Accept: application/json");
    if (!request.etag.empty())
      headers = curl.append(headers, ("If-None-Match: " + request.etag).c_str());
    Set(CURLOPT_HTTPHEADER, headers);
    // Of these the library knows nothing, as OpenSSL does.
    SetPath(CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO, "SSL_CERT_FILE");
    SetPath(CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH, "SSL_CERT_DIR");
  }

  // The status of the answer.
  [[nodiscard]] Result<long> Get(const std::string& url, std::chrono::milliseconds patience) {
    received_.body.clear();
    received_.header_bytes = 0;
    problem_[0] = '\0';
    const bool tls = url.starts_with(kTls);
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_PROTOCOLS, static_cast<long>(tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max(patience.count(), std::int64_t{1})));
    const bool ours = !request_.token.empty() && OriginOf(url) == OriginOf(request_.url);
    Set(CURLOPT_HTTPAUTH, static_cast<long>(ours ? CURLAUTH_BEARER : CURLAUTH_NONE));
    Set(CURLOPT_XOAUTH2_BEARER, ours ? request_.token.c_str() : nullptr);
    if (code_ == CURLE_OK) code_ = curl_.perform(handle_);
    if (code_ != CURLE_OK) return Failed(HostOf(url));
    long status = 0;
    curl_.info(handle_, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  // Where the answer leads to; empty if nowhere.
  [[nodiscard]] std::string redirect() const {
    char* to = nullptr;
    curl_.info(handle_, CURLINFO_REDIRECT_URL, &to);
    return to == nullptr ? std::string() : to;
  }
  [[nodiscard]] Received& received() { return received_; }

 private:
  template <class T>
  void Set(CURLoption option, T value) {
    if (code_ == CURLE_OK) code_ = curl_.set(handle_, option, value);
  }
  void SetPath(CURLoption server, CURLoption proxy, const char* variable) {
    const char* path = std::getenv(variable);
    if (path == nullptr) return;
    Set(server, path);
    Set(proxy, path);
  }
  [[nodiscard]] Error Failed(const std::string& host) const {
    const std::string why = problem_[0] != '\0' ? problem_ : curl_.words(code_);
    if (received_.too_large || code_ == CURLE_FILESIZE_EXCEEDED)
      return MakeError(Errc::kLimit, host + " answers with more than 1 MiB");
    if (code_ == CURLE_OPERATION_TIMEDOUT)
      return MakeError(Errc::kLimit, host + " did not answer in time");
    if (code_ == CURLE_LOGIN_DENIED)
      return MakeError(Errc::kUsage, "an address with a user name is not taken; leave it out");
    if (code_ == CURLE_PEER_FAILED_VERIFICATION || code_ == CURLE_SSL_CONNECT_ERROR)
      return MakeError(Errc::kUntrusted, "cannot trust " + host + ": " + why);
    return MakeError(Errc::kPeerGone, "cannot ask " + host + ": " + why);
  }

  const Curl& curl_;
  CURL* handle_;
  const GetRequest& request_;
  Received received_;
  char problem_[CURL_ERROR_SIZE] = {};
  CURLcode code_ = CURLE_OK;  // of the first thing that failed
};

}  // namespace

Result<GetAnswer> HttpsGet(const GetRequest& request) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + request.deadline;
  std::string url = request.url;
  if (!request.token.empty() && !url.starts_with(kTls)) {
    return MakeError(Errc::kUsage, "a token is for https:// alone, so " + HostOf(url) +
                                       " is not asked; leave out one of the two");
  }
  const Result<Curl> curl = OpenCurl();
  if (!curl) return curl.error();
  auto& exchange = *new Exchange(*curl, request);
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const Result<long> status = exchange.Get(
        url, std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()));
    if (!status) return status.error();
    Received& received = exchange.received();
    if (*status == 304 && !request.etag.empty()) return GetAnswer{true, {}, request.etag};
    if (*status == 200) return GetAnswer{false, std::move(received.body), std::move(received.etag)};
    const std::string to = exchange.redirect();
    if (to.empty()) {
      return MakeError(Errc::kPeerMisbehaved, HostOf(url) + " answers " + std::to_string(*status) +
                                                  " instead of the flags");
    }
    if (url.starts_with(kTls) && !to.starts_with(kTls)) {
      return MakeError(Errc::kUntrusted,
                       "the flags' address leads from https to " + OriginOf(to) + "; not taken");
    }
    url = to;
  }
  return MakeError(Errc::kPeerMisbehaved, "the flags' address leads on and on");
}

}  // namespace fletbridge
