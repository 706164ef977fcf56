// Room: src/ui/web. Sign-ins by OAuth that are under way (page.login()): what the app has said of
// each (HOST_LOGIN in python/shim/on-demand/clients.py), and what the provider answers at the
// callback address, as flet_web 1.0.5 has it (flet_oauth.py, oauth_state.py). Whoever knows the
// state of one, which is random, may answer it, once.
//
// Bounds: kMostLogins, of at most kMostLoginBytes each; beyond it the oldest is given up.
//
// For one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace fletbridge::web {

inline constexpr std::size_t kMostLogins = 1024;
inline constexpr std::size_t kMostLoginBytes = 64 * 1024;

// A provider's answer, for the app.
struct LoginAnswer {
  std::string state;
  std::optional<std::string> code, error, error_description;
};

class Logins {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `page_html`, or Flet's own: what the browser shows when the provider has answered; or
  // `page_url`, not empty: where it goes. One that is too large is not taken.
  void Add(std::string state, std::string page_html, std::string page_url, Time until);

  // The answer to a request at the callback address.
  struct Callback {
    int status = 400;
    std::string text;                    // of the page, or why there is none
    std::string location;                // where the browser goes, with the state as a cookie
    std::string state;                   // that
    std::optional<LoginAnswer> for_app;  // at once
  };
  [[nodiscard]] Callback Answer(std::string_view query, Time now);

  // The answer that a browser has come back with, by its cookie; once.
  [[nodiscard]] std::optional<LoginAnswer> Take(std::string_view state, Time now);

 private:
  struct Login {
    LoginAnswer answer;
    std::string page_html, page_url;
    Time until;
    bool is_answered = false;
  };
  [[nodiscard]] std::optional<Login> Remove(std::string_view state, Time now);

  std::list<Login> logins_;  // the oldest first
};

}  // namespace fletbridge::web
