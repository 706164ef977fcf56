#include "src/ui/web/logins.h"

#include <algorithm>
#include <utility>

#include "common/base/same_secret.h"
#include "src/ui/web/query.h"

namespace fletbridge::web {
namespace {

constexpr std::string_view kSignedIn = R"(<!DOCTYPE html>
<html>
<head>
    <title>Signed in successfully</title>
</head>
<body>
    <script type="text/javascript">
        window.close();
    </script>
    <p>You've been successfully signed in! You can close this tab or window now.</p>
</body>
</html>
)";

std::optional<std::string> Given(std::string_view query, std::string_view name) {
  std::string value = QueryValue(query, name);
  return value.empty() ? std::nullopt : std::optional(std::move(value));
}

}  // namespace

void Logins::Add(std::string state, std::string page_html, std::string page_url, Time until) {
  if (state.empty() || state.size() + page_html.size() + page_url.size() > kMostLoginBytes) return;
  if (logins_.size() >= kMostLogins) logins_.pop_front();
  Login login{{std::move(state), {}, {}, {}}, std::move(page_html), std::move(page_url), until};
  logins_.push_back(std::move(login));
}

std::optional<Logins::Login> Logins::Remove(std::string_view state, Time now) {
  logins_.remove_if([now](const Login& login) { return login.until <= now; });
  const auto found = std::find_if(logins_.begin(), logins_.end(), [state](const Login& login) {
    return IsSameSecret(login.answer.state, state);
  });
  if (found == logins_.end()) return std::nullopt;
  std::optional<Login> login(std::move(*found));
  logins_.erase(found);
  return login;
}

Logins::Callback Logins::Answer(std::string_view query, Time now) {
  std::optional<Login> login = Remove(QueryValue(query, "state"), now);
  if (login && login->is_answered) {  // its browser may still come with it
    logins_.push_back(std::move(*login));
    login.reset();
  }
  if (!login) return {400, "Invalid state", {}, {}, {}};
  login->answer.code = Given(query, "code");
  login->answer.error = Given(query, "error");
  login->answer.error_description = Given(query, "error_description");
  Callback callback;
  if (login->page_url.empty()) {
    callback.status = 200;
    callback.text = login->page_html.empty() ? std::string(kSignedIn) : login->page_html;
    callback.for_app = std::move(login->answer);
    return callback;
  }
  callback.status = 307;
  callback.location = login->page_url;
  callback.state = login->answer.state;
  login->is_answered = true;
  logins_.push_back(std::move(*login));
  return callback;
}

std::optional<LoginAnswer> Logins::Take(std::string_view state, Time now) {
  std::optional<Login> login = Remove(state, now);
  if (!login) return std::nullopt;
  if (login->is_answered) return std::move(login->answer);
  logins_.push_back(std::move(*login));
  return std::nullopt;
}

}  // namespace fletbridge::web
