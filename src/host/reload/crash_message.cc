#include <algorithm>

#include "src/host/reload/reloaded_app.h"

namespace fletbridge::reload {
namespace {

constexpr std::string_view kTraceback = "Traceback (most recent call last):";
constexpr std::string_view kOurs = "fletbridge: ";

// Without what colours it: Python does that at a terminal.
std::string Plain(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      for (i += 2; i < text.size() && (text[i] < '@' || text[i] > '~'); ++i) {
      }
    } else if (text[i] == '\n' || text[i] == '\t' || static_cast<unsigned char>(text[i]) >= 0x20) {
      plain += text[i];
    }
  }
  return plain;
}

// " (app.py, line 3)", of the innermost frame; empty where there is none.
std::string PlaceIn(const std::string& traceback) {
  constexpr std::string_view kFile = "  File \"", kLine = "\", line ";
  const std::size_t begin = traceback.rfind(kFile);
  if (begin == std::string::npos) return {};
  const std::size_t end = traceback.find(kLine, begin);
  const std::size_t number = end == std::string::npos ? end : end + kLine.size();
  if (number == std::string::npos || traceback.find('\n', begin) < end) return {};
  const std::size_t slash = traceback.rfind('/', end);
  const std::size_t name =
      slash == std::string::npos || slash < begin ? begin + kFile.size() : slash + 1;
  const std::size_t digits = traceback.find_first_not_of("0123456789", number);
  return " (" + traceback.substr(name, end - name) + ", line " +
         traceback.substr(number, digits - number) + ")";
}

}  // namespace

std::string CrashMessage(const std::string& errors, int exit_code) {
  std::string text = Plain(errors);
  if (const std::size_t last = text.rfind(kTraceback); last != std::string::npos) {
    // Of several with "During handling of the above exception" between, all.
    std::size_t first = last;
    for (std::size_t at;
         first > 0 && (at = text.rfind(kTraceback, first - 1)) != std::string::npos;) {
      const std::string_view between(text.data() + at, first - at);
      if (between.find("exception") == std::string_view::npos) break;
      first = at;
    }
    text.erase(0, first);
    if (text.size() > kTraceback.size()) text.erase(0, kTraceback.size() + 1);
  }
  // The last line that the app has written, not we: the exception.
  std::string line, body;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string one = text.substr(at, end - at);
    at = end + 1;
    if (one.starts_with(kOurs)) {
      if (line.empty()) line = one.substr(kOurs.size());
      continue;
    }
    body += one + "\n";
    if (!one.empty() && one.front() != ' ') line = one;
  }
  if (line.empty() || exit_code == 0)
    line = "The app has ended with exit code " + std::to_string(exit_code);
  if (exit_code == 0 || body.find_first_not_of('\n') == std::string::npos)
    return line + "\n\nIt starts again when a file is saved.";
  return line + PlaceIn(body) + "\n" + std::string(kTraceback) + "\n" + body;
}

}  // namespace fletbridge::reload
