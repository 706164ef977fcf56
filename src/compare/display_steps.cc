#include "src/compare/display_steps.h"

#include <charconv>
#include <iterator>
#include <sstream>

namespace fletbridge::compare {
namespace {

constexpr int kMostRepeats = 100'000;

bool TakeNumber(std::string_view& text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// "10,20": as many numbers as there are places for them.
bool ReadNumbers(std::string_view text, const std::vector<int*>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (!text.starts_with(',')) return false;
      text.remove_prefix(1);
    }
    if (!TakeNumber(text, *numbers[i])) return false;
  }
  return text.empty();
}

bool ReadTime(std::string_view text, std::chrono::milliseconds& time) {
  int number = 0;
  if (!TakeNumber(text, number) || number > 1'000'000) return false;
  if (text != "s" && text != "ms") return false;
  time = std::chrono::milliseconds(text == "s" ? std::int64_t{number} * 1000 : number);
  return true;
}

bool OnScreen(const Box& box) {
  return box.width > 0 && box.height > 0 && box.x < Display::kScreen.width &&
         box.y < Display::kScreen.height && box.width <= Display::kScreen.width - box.x &&
         box.height <= Display::kScreen.height - box.y;
}

// What is wrong with it; empty if nothing is.
std::string Read(const std::vector<std::string>& words, DisplayStep& step) {
  static const std::string kForms =
      "expected `click at X,Y watch X,Y,WIDTH,HEIGHT [5s]`, `click at X,Y`, `click at X,Y frames "
      "2s`, `scroll at X,Y by N frames 2s`, `sleep 200ms` or `repeat N STEP`";
  if (words.size() == 2 && words[0] == "sleep") return ReadTime(words[1], step.time) ? "" : kForms;
  const bool scroll = words[0] == "scroll";
  if (words.size() < 3 || (words[0] != "click" && !scroll) || words[1] != "at" ||
      !ReadNumbers(words[2], {&step.x, &step.y}))
    return kForms;
  Box watch;
  std::size_t next = 3;
  if (scroll) {
    const bool up = words.size() > 4 && words[4].starts_with('-');
    if (words.size() != 7 || words[3] != "by" ||
        !ReadNumbers(std::string_view(words[4]).substr(up ? 1 : 0), {&step.scroll}) ||
        step.scroll < 1 || step.scroll > kMostRepeats || words[5] != "frames")
      return kForms;
    if (up) step.scroll = -step.scroll;
    next = 5;
  }
  if (words.size() > next && words[next] == "frames") {
    if (words.size() == next + 1 || !ReadTime(words[next + 1], step.time)) return kForms;
    step.frames = true;
    next += 2;
  } else if (words.size() > 3 && words[3] == "watch") {
    if (words.size() == 4 ||
        !ReadNumbers(words[4], {&watch.x, &watch.y, &watch.width, &watch.height}))
      return kForms;
    step.watch = watch;
    next = 5;
    if (words.size() > next && ReadTime(words[next], step.time)) ++next;
  }
  if (next != words.size()) return kForms;
  if (OnScreen({step.x, step.y, 1, 1}) && (!step.watch || OnScreen(watch))) return {};
  return "it is outside of the screen of " + std::to_string(Display::kScreen.width) + " x " +
         std::to_string(Display::kScreen.height) + " pixels";
}

}  // namespace

Result<std::vector<DisplayStep>> ParseDisplaySteps(std::string_view text) {
  std::vector<DisplayStep> steps;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream in(line.substr(0, line.find('#')));
    std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    if (words.empty()) continue;
    DisplayStep step;
    step.source = "line " + std::to_string(number) + ": " + line;
    int times = 1;
    std::string wrong;
    if (words[0] == "repeat" && words.size() > 2) {
      if (!ReadNumbers(words[1], {&times}) || times < 1 || times > kMostRepeats)
        wrong = "it is to be repeated 1 to " + std::to_string(kMostRepeats) + " times";
      words.erase(words.begin(), words.begin() + 2);
    }
    if (wrong.empty()) wrong = Read(words, step);
    if (!wrong.empty())
      return MakeError(Errc::kUsage, "steps for a display, " + step.source + ": " + wrong);
    steps.insert(steps.end(), static_cast<std::size_t>(times), step);
  }
  return steps;
}

}  // namespace fletbridge::compare
