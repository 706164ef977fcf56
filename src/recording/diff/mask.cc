#include "src/recording/diff/mask.h"

#include <algorithm>
#include <fnmatch.h>
#include <regex>

namespace fletbridge::diff {
namespace {

using wire::Value;

// std::regex recurses once for each character of a run, and tries a run from each of its positions:
// so runs are bounded, and text longer than any real path is not examined.
constexpr std::size_t kLongestPath = 4096;

const std::regex& TimePattern() {
  static const std::regex pattern(
      R"(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,20})?)?(Z|[+-]\d\d:?\d\d)?)?)"
      R"(|\d{1,2}:\d\d(:\d\d([.,]\d{1,20})?)?( ?[AaPp][Mm])?)"
      R"(|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,20}([.,]\d{1,20})? ?(ms|µs|us|ns|s|sec|seconds|min|minutes|h|hours)\b)",
      std::regex::ECMAScript | std::regex::optimize);
  return pattern;
}

const std::regex& RandomPattern() {
  static const std::regex pattern(
      R"([0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|\b[0-9A-Fa-f]{8,128}\b|[+-]?\d{1,40}([.,]\d{1,40}){0,40}([eE][+-]?\d{1,20})?)",
      std::regex::ECMAScript | std::regex::optimize);
  return pattern;
}

// The rest of the text, without the parts that are masked.
std::string Without(const Value& value, const std::regex& parts) {
  if (const std::string* text = value.AsText(); text != nullptr)
    return std::regex_replace(*text, parts, "*");
  const Value::Content& content = value.content();
  const bool number = std::holds_alternative<double>(content) || value.AsInt() ||
                      std::holds_alternative<std::uint64_t>(content);
  if (number && &parts == &RandomPattern()) return "*";
  if (const auto* ext = std::get_if<std::shared_ptr<wire::Ext>>(&content);
      ext != nullptr && &parts == &TimePattern())
    return "ext " + std::to_string((*ext)->type);
  return {};
}

std::string NoBlanks(std::string_view path) {
  std::string text(path);
  std::erase(text, ' ');
  return text;
}

}  // namespace

struct Mask::Impl {
  bool time = false;
  bool random = false;
  std::vector<std::string> globs;
  std::vector<std::regex> expressions;
};

Mask::Mask() = default;
Mask::~Mask() = default;
Mask::Mask(Mask&&) noexcept = default;
Mask& Mask::operator=(Mask&&) noexcept = default;

Result<Mask> Mask::Of(const std::vector<std::string>& words) {
  auto impl = std::make_unique<Impl>();
  for (const std::string& word : words) {
    if (word == "time") {
      impl->time = true;
    } else if (word == "random") {
      impl->random = true;
    } else if (word.starts_with("re:")) {
      try {
        impl->expressions.emplace_back(word.substr(3));
      } catch (const std::regex_error& error) {
        return MakeError(Errc::kUsage,
                         "--mask " + word + " is no regular expression: " + error.what());
      }
    } else if (word.empty()) {
      return MakeError(Errc::kUsage, "--mask needs a pattern, such as '*Text #clock . value'");
    } else {
      impl->globs.push_back(word);
    }
  }
  Mask mask;
  mask.impl_ = std::move(impl);
  return mask;
}

bool Mask::Covers(std::string_view path, const Value* a, const Value* b) const {
  if (impl_ == nullptr) return false;
  const std::string text(path);
  for (const std::string& glob : impl_->globs) {
    // Blanks only make the pattern readable.
    if (::fnmatch(NoBlanks(glob).c_str(), NoBlanks(path).c_str(), 0) == 0) return true;
  }
  for (const std::regex& expression : impl_->expressions) {
    if (text.size() <= kLongestPath && std::regex_search(text, expression)) return true;
  }
  if (a == nullptr || b == nullptr) return false;
  const auto alike = [&](const std::regex& parts) {
    const std::string left = Without(*a, parts);
    return !left.empty() && left == Without(*b, parts);
  };
  return (impl_->time && alike(TimePattern())) || (impl_->random && alike(RandomPattern()));
}

}  // namespace fletbridge::diff
