#include "common/site/site.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <nlohmann/json.hpp>

#include "common/base/cause.h"
#include "common/platform/unique_fd.h"
#include "common/site/gzip.h"
#include "common/site/packer.h"

namespace fletbridge::web {
namespace {

constexpr std::size_t kWorthGzip = 1024;
constexpr std::size_t kMostPrefixes = 16;
// The first page, and what an app does at its start, come first.
constexpr std::chrono::seconds kPackingRest{5};

// Content that is compressed already grows.
bool Compresses(std::string_view type) {
  return type.starts_with("text/") || type.starts_with("application/json") ||
         type.starts_with("application/wasm") || type.starts_with("application/octet-stream") ||
         type.starts_with("image/svg") || type.starts_with("font/otf") ||
         type.starts_with("font/ttf") || type.starts_with("application/manifest");
}

// FNV-1a, twice over 64 bits: it tells versions of a file apart, and keeps no secret.
std::string TagOf(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "\"%016llx-%zx\"", static_cast<unsigned long long>(hash),
                bytes.size());
  return text.data();
}

std::shared_ptr<const Body> MakeBody(std::string bytes, std::string type, bool compressed) {
  auto body = std::make_shared<Body>();
  body->bytes = std::move(bytes);
  body->type = std::move(type);
  body->etag = TagOf(body->bytes);
  if (compressed && body->bytes.size() >= kWorthGzip && Compresses(body->type)) {
    body->gzip = Gzip(body->bytes);
    if (body->gzip.size() >= body->bytes.size()) body->gzip.clear();
  }
  return body;
}

// In memory, with a brotli form that may yet come and is smaller than the other.
std::size_t CostOf(const Body& body) { return body.bytes.size() + 2 * body.gzip.size(); }

Result<std::string> ReadFile(const std::string& path, struct stat* info = nullptr) {
  // A FIFO would be waited for.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat now {};
  if (!fd || ::fstat(fd.get(), &now) != 0)
    return Error{{errno, boost::system::system_category()}, {}};
  if (!S_ISREG(now.st_mode)) return Error{{EISDIR, boost::system::system_category()}, {}};
  if (now.st_size > static_cast<off_t>(Site::kMostBytes))
    return MakeError(Errc::kLimit, "the file is too large");
  std::string bytes(static_cast<std::size_t>(now.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  if (info != nullptr) *info = now;
  return bytes;
}

std::string Real(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return {};
  std::string text(real);
  std::free(real);
  return text;
}

std::string ExtensionOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  std::string extension(name.substr(dot));
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string> PlainPath(std::string_view path) {
  std::string decoded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size()) return std::nullopt;
      const int high = HexDigit(path[i + 1]);
      const int low = HexDigit(path[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0' || c == '\\') return std::nullopt;
    decoded.push_back(c);
  }
  std::string plain;
  for (std::size_t begin = 0; begin <= decoded.size();) {
    const std::size_t end = std::min(decoded.find('/', begin), decoded.size());
    const std::string_view segment = std::string_view(decoded).substr(begin, end - begin);
    if (segment == "." || segment == "..") return std::nullopt;
    if (!segment.empty()) plain += (plain.empty() ? "" : "/") + std::string(segment);
    begin = end + 1;
  }
  return plain;
}

bool IsPlainMount(std::string_view path) {
  return std::none_of(path.begin(), path.end(), [](unsigned char c) {
    return std::isalnum(c) == 0 &&
           std::string_view("-._~/").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

std::string TypeOf(std::string_view path) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".wasm", "application/wasm"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".webp", "image/webp"},
      {".avif", "image/avif"},
      {".svg", "image/svg+xml"},
      {".ico", "image/vnd.microsoft.icon"},
      {".bmp", "image/bmp"},
      {".woff", "font/woff"},
      {".woff2", "font/woff2"},
      {".ttf", "font/ttf"},
      {".otf", "font/otf"},
      {".txt", "text/plain; charset=utf-8"},
      {".md", "text/markdown; charset=utf-8"},
      {".csv", "text/csv; charset=utf-8"},
      {".xml", "text/xml"},
      {".pdf", "application/pdf"},
      {".mp3", "audio/mpeg"},
      {".wav", "audio/x-wav"},
      {".ogg", "audio/ogg"},
      {".mp4", "video/mp4"},
      {".webm", "video/webm"},
      {".zip", "application/zip"},
      {".gz", "application/gzip"},
      {".webmanifest", "application/manifest+json"},
  };
  const std::string extension = ExtensionOf(path);
  for (const auto& [its, type] : kTypes) {
    if (its == extension) return std::string(type);
  }
  return "application/octet-stream";
}

ByteRange ParseRange(std::string_view header, std::size_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit) || header.find(',') != std::string_view::npos) return {};
  header = Trimmed(header.substr(kUnit.size()));
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  const auto number = [](std::string_view text) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
      return std::nullopt;
    return value;
  };
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  const std::optional<std::uint64_t> first = number(from);
  const std::optional<std::uint64_t> last = number(to);
  if (from.empty()) {
    if (!last) return {};
    if (*last == 0 || size == 0) return {ByteRange::Kind::kNone, 0, 0};
    const std::size_t count = std::min<std::uint64_t>(*last, size);
    return {ByteRange::Kind::kPart, size - count, count};
  }
  if (!first || (!to.empty() && !last) || (last && *last < *first)) return {};
  if (*first >= size) return {ByteRange::Kind::kNone, 0, 0};
  const std::uint64_t end = last ? std::min<std::uint64_t>(*last, size - 1) : size - 1;
  return {ByteRange::Kind::kPart, *first, end - *first + 1};
}

bool TagMatches(std::string_view header, std::string_view etag) {
  for (std::size_t begin = 0; begin < header.size();) {
    const std::size_t end = std::min(header.find(',', begin), header.size());
    std::string_view tag = Trimmed(header.substr(begin, end - begin));
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == "*" || tag == etag) return true;
    begin = end + 1;
  }
  return false;
}

bool Takes(std::string_view header, std::string_view coding) {
  bool by_default = false;
  for (std::size_t begin = 0; begin < header.size();) {
    const std::size_t end = std::min(header.find(',', begin), header.size());
    const std::string_view word = header.substr(begin, end - begin);
    const std::size_t mark = word.find(';');
    const std::string_view name = Trimmed(word.substr(0, mark));
    const std::string_view weight =
        mark == std::string_view::npos ? "" : Trimmed(word.substr(mark + 1));
    const bool is_taken = weight != "q=0" && !weight.starts_with("q=0.0");
    if (name == coding) return is_taken;
    if (name == "*") by_default = is_taken;
    begin = end + 1;
  }
  return by_default;
}

std::string AdaptIndex(std::string index, const SiteOptions& options) {
  const std::string base = options.mount.empty() ? "/" : options.mount + "/";
  // <base href="/">, in either kind of quotes
  if (const std::size_t tag = index.find("<base"); tag != std::string::npos) {
    const std::size_t end = index.find('>', tag);
    const std::size_t href = index.find("href=", tag);
    if (href != std::string::npos && href + 5 < end) {
      const char quote = index[href + 5];
      const std::size_t close = index.find(quote, href + 6);
      if (close != std::string::npos && close < end)
        index.replace(href + 6, close - href - 6, base);
    }
  }
  std::string config = std::string("<script>\nflet.pyodide = ") +
                       (options.through_javascript ? "true" : "false") + ";\n";
  if (options.no_cdn) {
    config += "flet.canvasKitBaseUrl=\"" + base + "canvaskit/\";\n";
    config += "flet.fontFallbackBaseUrl=\"assets/fonts/\";\n";
  }
  config += std::string("flet.noCdn=") + (options.no_cdn ? "true" : "false") + ";\n";
  config += "flet.webRenderer=\"" + options.renderer + "\";\n";
  config += "flet.routeUrlStrategy=\"" + options.route_strategy + "\";\n";
  config += "flet.entrypointBaseUrl=\"" + base + "\";\n";
  config += "flet.assetBase=\"" + base + "\";\n";
  if (!options.through_javascript) config += "flet.webSocketEndpoint=\"" + base + "ws\";\n";
  config += "</script>";
  constexpr std::string_view kMark = "<!-- fletAppConfig -->";
  if (const std::size_t mark = index.find(kMark); mark != std::string::npos)
    index.replace(mark, kMark.size(), config);
  return index;
}

std::string AdaptFonts(const std::string& manifest) {
  nlohmann::ordered_json fonts = nlohmann::ordered_json::parse(manifest, nullptr, false);
  if (!fonts.is_array()) return manifest;
  fonts.push_back({{"family", "Roboto"},
                   {"fonts", nlohmann::ordered_json::array({{{"asset", "fonts/roboto.woff2"}}})}});
  return fonts.dump(2);
}

Result<std::unique_ptr<Site>> MakeSite(SiteOptions options) {
  options.client = Real(options.client);
  if (!options.assets.empty()) options.assets = Real(options.assets);
  std::unique_ptr<Site> site(new Site(std::move(options)));
  const auto made = [&site](std::string bytes, std::string type) {
    return MakeBody(std::move(bytes), std::move(type), site->options_.compressed);
  };
  const auto read = [&options = site->options()](const std::string& name) -> Result<std::string> {
    if (!options.assets.empty()) {
      Result<std::string> own = ReadFile(options.assets + "/" + name);
      if (own) return own;
    }
    Result<std::string> theirs = ReadFile(options.client + "/" + name);
    if (theirs) return theirs;
    return MakeError(Errc::kSetup, "cannot read " + name + " of Flet's web client in " +
                                       options.client + ": " + theirs.error().code.message() +
                                       "; pip install --force-reinstall flet-web, or name another "
                                       "client with --web-client");
  };
  Result<std::string> index = read("index.html");
  if (!index) return index.error();
  site->index_ = std::move(*index);
  (void)site->Index({});
  Result<std::string> manifest = read("manifest.json");
  if (!manifest) return manifest.error();
  site->made_["manifest.json"] = made(std::move(*manifest), TypeOf("manifest.json"));
  if (site->options_.no_cdn) {
    if (Result<std::string> fonts = read("assets/FontManifest.json"); fonts)
      site->made_["assets/FontManifest.json"] = made(AdaptFonts(*fonts), "application/json");
  }
  return site;
}

Site::Site(SiteOptions options) : options_(std::move(options)) {
  if (options_.compressed && !options_.packed.empty())
    packer_ = std::make_unique<Packer>(options_.packed, kPackingRest);
}

Site::~Site() = default;

std::shared_ptr<const Body> Site::Index(const std::string& prefix) {
  if (const auto found = indices_.find(prefix); found != indices_.end()) return found->second;
  // A proxy has few of them; one that has made up many finds each anew.
  if (indices_.size() >= kMostPrefixes) indices_.clear();
  SiteOptions options = options_;
  options.mount = prefix + options.mount;
  return indices_[prefix] =
             MakeBody(AdaptIndex(index_, options), TypeOf("index.html"), options_.compressed);
}

Site::Found Site::Find(std::string_view path, const std::string& prefix) {
  const std::string& mount = options_.mount;
  if (!mount.empty()) {
    if (path == mount) return {Found::Kind::kRedirect, {}, false};
    if (!path.starts_with(mount + "/")) return {};
    path.remove_prefix(mount.size());
  }
  const std::optional<std::string> plain = PlainPath(path);
  if (!plain) return {Found::Kind::kBad, {}, false};
  const std::string& name = plain->empty() ? std::string("index.html") : *plain;
  if (name == "index.html") return {Found::Kind::kBody, Index(prefix), true};
  if (const auto made = made_.find(name); made != made_.end())
    return {Found::Kind::kBody, made->second, false};
  if (!options_.assets.empty()) {
    if (std::optional<Found> found = FindIn(options_.assets, name)) {
      found->is_private = true;
      return *found;
    }
  }
  if (std::optional<Found> found = FindIn(options_.client, name)) {
    if (packer_ && found->body) packer_->Want(found->body);
    return *found;
  }
  const std::string extension = ExtensionOf(name);
  if (extension.empty() || extension == ".html") return {Found::Kind::kBody, Index(prefix), true};
  return {};
}

std::optional<Site::Found> Site::FindIn(const std::string& folder, const std::string& path) {
  const std::string real = Real(folder + "/" + path);
  if (!real.starts_with(folder + "/")) return std::nullopt;
  struct stat info {};
  if (::stat(real.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  const auto changed = [](const struct stat& its) {
    return static_cast<std::int64_t>(its.st_mtim.tv_sec) * 1'000'000'000 + its.st_mtim.tv_nsec;
  };
  if (const auto kept = kept_.find(real); kept != kept_.end()) {
    if (kept->second.changed_ns == changed(info) && kept->second.size == info.st_size) {
      order_.splice(order_.begin(), order_, kept->second.at);
      return Found{Found::Kind::kBody, kept->second.body, false};
    }
    kept_bytes_ -= CostOf(*kept->second.body);
    order_.erase(kept->second.at);
    kept_.erase(kept);
  }
  Result<std::string> bytes = ReadFile(real, &info);
  if (!bytes)
    return bytes.error().code == Errc::kLimit ? std::optional(Found{Found::Kind::kLarge, {}, false})
                                              : std::nullopt;
  std::shared_ptr<const Body> body = MakeBody(std::move(*bytes), TypeOf(path), options_.compressed);
  const std::size_t cost = CostOf(*body);
  if (cost <= kMostKept / 2) {
    order_.push_front(real);
    kept_[real] = {body, changed(info), info.st_size, order_.begin()};
    kept_bytes_ += cost;
    while (kept_bytes_ > kMostKept) {
      const auto oldest = kept_.find(order_.back());
      kept_bytes_ -= CostOf(*oldest->second.body);
      kept_.erase(oldest);
      order_.pop_back();
    }
  }
  return Found{Found::Kind::kBody, std::move(body), false};
}

}  // namespace fletbridge::web
