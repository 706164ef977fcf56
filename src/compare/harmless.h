// Room: src/compare. Decides which controls may be clicked hundreds of times without an explicit
// request: those whose words and icons suggest no harmful action. Pure, except for the icons'
// names, which come from the app's Flet. docs/compare.md has the rule.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace fletbridge::compare {

// As the headless client describes it.
struct Clickable {
  std::string finder, type, key;
  std::vector<std::string> words{};
  std::vector<std::int64_t> icons{};
};

// The names of a Flet's icons by their numbers; a number may have several.
class Icons {
 public:
  Icons() = default;
  // Of the `flet` package in this folder; none of what cannot be read.
  explicit Icons(const std::string& flet_package);
  void Add(std::int64_t code, const std::string& name) { names_.emplace(code, name); }
  [[nodiscard]] std::vector<std::string> Names(std::int64_t code) const;

 private:
  std::unordered_multimap<std::int64_t, std::string> names_;
};

// Why it is not to be clicked unless it is named: "it says \"Order\""; empty if it is harmless.
[[nodiscard]] std::string WhyNotClicked(const Clickable& control, const Icons& icons);
// For people: `Button "Add" (type=Button index=0)`.
[[nodiscard]] std::string Named(const Clickable& control, const Icons& icons);
// Alike for controls of which one is enough to try: the rows of a list have them each.
[[nodiscard]] std::string KindOf(const Clickable& control);
// Lower case of Latin, Greek and Cyrillic letters; the rest stays.
[[nodiscard]] std::string Lower(const std::string& text);

}  // namespace fletbridge::compare
