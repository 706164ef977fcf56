// Room: src/ui/web/workers. The cookie by which a browser comes back to the worker that has its
// session: the worker's number, signed, so that nobody can send all browsers to one worker by
// making the cookie up. And what of a request's head is read to find it.
//
// Values and free functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fletbridge::web {

class Sticky {
 public:
  Sticky() = default;  // knows no cookie
  Sticky(std::string key, std::string cookie) : key_(std::move(key)), cookie_(std::move(cookie)) {}

  // Whose cookie is in a Cookie header; none if there is none of ours.
  [[nodiscard]] std::optional<int> WorkerOf(std::string_view cookie_header) const;
  // What makes a browser keep it.
  [[nodiscard]] std::string SetCookie(int worker) const;

 private:
  [[nodiscard]] std::string Value(int worker) const;

  std::string key_;
  std::string cookie_;  // its name
};

// The cookie's name, beside the one that opens the app; `cookie`: that one's, if it is not named by
// the port.
[[nodiscard]] std::string WorkerCookie(const std::string& cookie, std::uint16_t port);

// A request's header with its line end, of which no more is read.
inline constexpr std::size_t kMostHead = 16 * 1024;

// Where the empty line behind the headers ends; none while it has not come.
[[nodiscard]] std::optional<std::size_t> EndOfHead(std::string_view bytes);
// The first header of this name, in any case; empty if there is none.
[[nodiscard]] std::string_view HeaderIn(std::string_view head, std::string_view name);

}  // namespace fletbridge::web
