#include "src/ui/web/upload_url.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <optional>

#include "common/base/same_secret.h"
#include "src/ui/web/keyed_hash.h"
#include "src/ui/web/query.h"

namespace fletbridge::web {
namespace {

std::string_view WithoutSlashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// "2026-11-30T16:37:00.123456+00:00": what Python writes for a time in UTC; the fraction may lack.
// In microseconds, as Python has them: the year 9999 is no time in nanoseconds.
std::optional<std::chrono::sys_time<std::chrono::microseconds>> ParseTime(const std::string& text) {
  std::tm at{};
  int used = 0;
  // Each of these fields has its own width; %n says where they have ended.
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &at.tm_year, &at.tm_mon, &at.tm_mday,
                  &at.tm_hour, &at.tm_min, &at.tm_sec, &used) != 6 ||
      used != 19 || at.tm_year < 1 || at.tm_mon < 1 || at.tm_mon > 12 || at.tm_mday < 1 ||
      at.tm_mday > 31 || at.tm_hour > 23 || at.tm_min > 59 || at.tm_sec > 59)
    return std::nullopt;
  std::string_view rest = std::string_view(text).substr(19);
  std::chrono::microseconds fraction{0};
  if (rest.starts_with('.')) {
    const std::string digits(rest.substr(1, 6));
    if (digits.size() != 6 || !std::all_of(digits.begin(), digits.end(),
                                           [](unsigned char c) { return std::isdigit(c) != 0; }))
      return std::nullopt;
    fraction = std::chrono::microseconds(std::stoi(digits));
    rest.remove_prefix(7);
  }
  if (rest != "+00:00") return std::nullopt;
  at.tm_year -= 1900;
  at.tm_mon -= 1;
  return std::chrono::sys_time<std::chrono::microseconds>(std::chrono::seconds(::timegm(&at)) +
                                                          fraction);
}

}  // namespace

UploadAnswer CheckUploadUrl(std::string_view path, std::string_view query, const std::string& key,
                            std::chrono::system_clock::time_point now, std::string& name) {
  const std::string file = QueryValue(query, "f");
  const std::string expires = QueryValue(query, "e");
  const std::string signature = QueryValue(query, "s");
  if (file.empty() || expires.empty() || signature.empty())
    return {400, "Missing upload parameters"};
  const auto until = ParseTime(expires);
  if (!until) return {400, "Invalid expiration parameter"};
  std::string text(WithoutSlashes(path));
  text += "f=" + QueryEncoded(file) + "&e=" + QueryEncoded(expires);
  if (key.empty() || !IsSameSecret(KeyedHash(KeyedHashBytes(key, expires), text), signature))
    return {403, "Invalid upload signature"};
  if (std::chrono::floor<std::chrono::microseconds>(now) >= *until)
    return {410, "Upload URL has expired"};
  name = file;
  return {};
}

}  // namespace fletbridge::web
