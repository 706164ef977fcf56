#include "src/rollout/flags/json_places.h"

#include <stdexcept>

namespace fletbridge {
namespace {

constexpr int kMaxDepth = 100;

TextPlace PlaceOf(std::string_view text, std::size_t offset) {
  TextPlace place;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

// Walks a text that is known to be JSON.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  JsonPlaces Walk() {
    Value("");
    return std::move(places_);
  }

 private:
  void Skip() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++place_.line;
        place_.column = 0;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
      Step();
    }
  }
  void Step() {
    if ((static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) ++place_.column;
    ++at_;
  }
  [[nodiscard]] char Now() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  std::string_view String() {
    const std::size_t start = at_;
    Step();
    while (at_ < text_.size() && Now() != '"') {
      if (Now() == '\\') Step();
      if (at_ < text_.size()) Step();
    }
    if (at_ < text_.size()) Step();
    return text_.substr(start, at_ - start);
  }

  // NOLINTNEXTLINE(misc-no-recursion): ParseJson() has bounded the depth
  void Value(const std::string& pointer) {
    Skip();
    places_.at.emplace(pointer, place_);
    const char first = Now();
    if (first == '{' || first == '[') {
      const char close = first == '{' ? '}' : ']';
      Step();
      std::size_t index = 0;
      std::vector<std::string> names;
      for (Skip(); at_ < text_.size() && Now() != close; Skip()) {
        if (Now() == ',') {
          Step();
          continue;
        }
        std::string token = std::to_string(index++);
        if (first == '{') {
          const std::string name = Json::parse(String()).get<std::string>();
          token = PointerToken(name);
          names.push_back(name);
          Skip();
          if (at_ < text_.size()) Step();  // the colon
        }
        const std::string inner = pointer + "/" + token;
        if (first == '{' && places_.at.count(inner) != 0) {
          Skip();
          places_.twice.push_back(inner);
          places_.at.erase(inner);  // the last one counts
        }
        Value(inner);
      }
      if (at_ < text_.size()) Step();
      if (first == '{') places_.members[pointer] = std::move(names);
    } else if (first == '"') {
      (void)String();
    } else {
      while (at_ < text_.size() &&
             std::string_view(",]} \t\r\n").find(Now()) == std::string_view::npos)
        Step();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  TextPlace place_;
  JsonPlaces places_;
};

}  // namespace

Result<Json> ParseJson(std::string_view text) try {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Json::parse(text, [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw std::runtime_error("it is nested too deeply");
    return true;
  });
} catch (const Json::parse_error& error) {
  const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
  const TextPlace place = PlaceOf(text, offset);
  std::string why = error.what();
  // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong"
  if (const std::size_t colon = why.find(": "); colon != std::string::npos) why.erase(0, colon + 2);
  return MakeError(Errc::kUsage, std::to_string(place.line) + ":" + std::to_string(place.column) +
                                     ": no valid JSON: " + why);
} catch (const std::exception& error) {
  return MakeError(Errc::kUsage, error.what());
}

JsonPlaces FindPlaces(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Walker(text).Walk();
}

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

std::string PointerToken(std::string_view member) {
  std::string token;
  for (const char c : member) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

}  // namespace fletbridge
