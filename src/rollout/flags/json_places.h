// Room: src/rollout/flags. Parses JSON text from untrusted sources within bounds, and finds the
// position of a value in the text, so that an error can be shown with line and column. Free
// functions; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "src/rollout/flags/js_value.h"

namespace fletbridge {

struct TextPlace {
  int line = 1;
  int column = 1;  // in characters
};

// The error's context gives the reason with line and column. Depth is bounded.
[[nodiscard]] Result<Json> ParseJson(std::string_view text);

struct JsonPlaces {
  std::map<std::string, TextPlace> at;  // by JSON pointer; the place where the value begins
  std::vector<std::string> twice;       // members that stand there a second time
  std::map<std::string, std::vector<std::string>> members;  // of each object, in the text's order
};
// `text` is one that ParseJson() has taken.
[[nodiscard]] JsonPlaces FindPlaces(std::string_view text);

// For a terminal: control characters, which a stranger's text may hold, become question marks.
[[nodiscard]] std::string Printable(std::string text);

[[nodiscard]] std::string PointerToken(std::string_view member);  // "a/b" -> "a~1b"

}  // namespace fletbridge
