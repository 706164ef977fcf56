// Room: common/site. Flet's web client as a page gets it: what is served at which path, as Flet's
// web server does it (flet_web 1.0.5, patch_index.py, flet_static_files.py): the index and the
// manifest, adapted to this run; the app's assets; the web client's own files; the index again for
// whatever a page's router may know.
//
// No path leaves the folders: dots and links that lead out are refused. A file's bytes, and their
// compressed form, are kept while the file is unchanged, up to a bound.
//
// Threads: MakeSite() and Find() wait for the disk, so they are not for the event loop; Find() one
// at a time.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/error.h"

namespace fletbridge::web {

// One file as it is sent.
class Body {
 public:
  std::string bytes;
  std::string gzip;  // empty: it does not pay
  std::string type;  // Content-Type
  std::string etag;  // of `bytes`, with its quotes

  // The smallest form. None: it is not made yet; empty: it does not pay. Any thread.
  [[nodiscard]] std::shared_ptr<const std::string> brotli() const {
    const std::lock_guard lock(mutex_);
    return brotli_;
  }
  // The first one stays: it may be on its way to a browser.
  void SetBrotli(std::string packed) const {
    const std::lock_guard lock(mutex_);
    if (!brotli_) brotli_ = std::make_shared<const std::string>(std::move(packed));
  }

 private:
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const std::string> brotli_;
};

class Packer;

struct SiteOptions {
  std::string client;  // the folder of Flet's web client
  std::string assets;  // the app's folder; empty: none
  std::string mount;   // "" or "/a/b"
  bool no_cdn = true;  // everything from this server
  std::string renderer = "auto";
  std::string route_strategy = "path";
  // The client speaks by the functions that Flet made for Python in the browser (jsConnect, jsSend,
  // jsDisconnect), which the page has, in place of a WebSocket.
  bool through_javascript = false;
  bool compressed = true;  // with Body::gzip where it pays
  // Where brotli forms of the client's files are kept, which are made while nothing else is to be
  // done (packer.h); empty: there are none.
  std::string packed = {};
};

class Site {
 public:
  struct Found {
    enum class Kind {
      kBody,
      kRedirect,  // to the mount path with its slash
      kNone,      // 404
      kBad,       // no path: 400
      kLarge,     // above kMostBytes
    } kind = Kind::kNone;
    std::shared_ptr<const Body> body;
    bool is_private = false;  // the app's own: not for whoever has no token
  };

  // A file that is larger is not served.
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20;
  // Kept, in all.
  static constexpr std::size_t kMostKept = std::size_t{96} << 20;

  ~Site();

  // `path`: of a request's target, with its percent signs, without its query. `prefix`: what a
  // proxy has taken off before the mount path, "" or "/a/b"; the page's own addresses need it.
  [[nodiscard]] Found Find(std::string_view path, const std::string& prefix = {});

  [[nodiscard]] const SiteOptions& options() const { return options_; }

 private:
  friend Result<std::unique_ptr<Site>> MakeSite(SiteOptions options);

  struct Kept {
    std::shared_ptr<const Body> body;
    std::int64_t changed_ns = 0;
    std::int64_t size = 0;
    std::list<std::string>::iterator at;
  };

  explicit Site(SiteOptions options);
  [[nodiscard]] std::shared_ptr<const Body> Index(const std::string& prefix);
  // A file in one of the folders; none if there is no such file.
  [[nodiscard]] std::optional<Found> FindIn(const std::string& folder, const std::string& path);

  const SiteOptions options_;
  std::unique_ptr<Packer> packer_;
  std::string index_;                                                        // as the client has it
  std::map<std::string, std::shared_ptr<const Body>, std::less<>> indices_;  // prefix -> adapted
  std::map<std::string, std::shared_ptr<const Body>, std::less<>> made_;     // path -> adapted
  std::map<std::string, Kept, std::less<>> kept_;                            // real path -> file
  std::list<std::string> order_;                                             // the newest first
  std::size_t kept_bytes_ = 0;
};

// kSetup, with what to do, if the client's folder lacks what a page needs.
[[nodiscard]] Result<std::unique_ptr<Site>> MakeSite(SiteOptions options);

// The segments of a path with percent signs resolved, joined by slashes, without those at its ends;
// none if it is no path that a file may have: dots, NUL, backslashes, bad escapes.
[[nodiscard]] std::optional<std::string> PlainPath(std::string_view path);
// Whether these characters may stand in a mount path, where they need no escapes in HTML or a
// script.
[[nodiscard]] bool IsPlainMount(std::string_view path);
// "text/javascript; charset=utf-8" for "a/main.mjs".
[[nodiscard]] std::string TypeOf(std::string_view path);

// A Range header, for a body of `size` bytes.
struct ByteRange {
  enum class Kind { kAll, kPart, kNone } kind = Kind::kAll;  // kNone: 416
  std::size_t first = 0;
  std::size_t count = 0;
};
// More than one range, and what is malformed, is the whole body, as RFC 9110 allows.
[[nodiscard]] ByteRange ParseRange(std::string_view header, std::size_t size);
// Whether an If-None-Match header names this tag.
[[nodiscard]] bool TagMatches(std::string_view header, std::string_view etag);
// Whether an Accept-Encoding header allows a coding, such as "gzip" or "br".
[[nodiscard]] bool Takes(std::string_view header, std::string_view coding);

// What flet_web does to the two files.
[[nodiscard]] std::string AdaptIndex(std::string index, const SiteOptions& options);
[[nodiscard]] std::string AdaptFonts(const std::string& manifest);

}  // namespace fletbridge::web
