#include "src/ui/headless/steps.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace fletbridge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAnswerTime{1000};
constexpr milliseconds kExpectTime{2000};
constexpr milliseconds kWaitTime{10000};
constexpr std::size_t kMaxCount = 1'000'000'000;
constexpr std::size_t kMaxDragSteps = 100'000;
constexpr std::size_t kMaxValues = 1000;
constexpr std::size_t kMaxStreamBytes = (64 << 20) - 4;  // with its channel's number a packet

// A bare word, a quoted text, or NAME=VALUE with a value of either form.
struct Token {
  std::string name;  // empty without '='
  std::string value;
  bool quoted = false;
};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::size_t> Count(std::string_view text) {
  const auto n = Number<std::size_t>(text);
  return n && *n <= kMaxCount ? n : std::nullopt;
}

std::optional<double> Length(std::string_view text) {
  const auto d = Number<double>(text);
  return d && std::isfinite(*d) ? d : std::nullopt;
}

std::optional<milliseconds> Duration(const Token& token) {
  if (token.quoted || !token.name.empty()) return std::nullopt;
  std::string_view text = token.value;
  double unit = 0;
  if (text.ends_with("ms")) {
    unit = 1;
    text.remove_suffix(2);
  } else if (text.ends_with("s")) {
    unit = 1000;
    text.remove_suffix(1);
  }
  const auto n = unit == 0 ? std::nullopt : Length(text);
  if (!n || *n < 0 || *n * unit > 86'400'000) return std::nullopt;
  return milliseconds(static_cast<milliseconds::rep>(*n * unit));
}

class LineParser {
 public:
  LineParser(int number, std::string_view line) : number_(number), rest_(line) {}

  // Nothing for an empty line or a comment.
  Result<std::optional<Step>> Parse() {
    const std::string_view line = rest_;
    while (true) {
      Result<std::optional<Token>> token = NextToken();
      if (!token) return token.error();
      if (!*token) break;
      tokens_.push_back(std::move(**token));
    }
    if (tokens_.empty()) return std::optional<Step>();
    Result<Step> step = ParseStep(false);
    if (!step) return step.error();
    if (at_ < tokens_.size()) return Expected("the end of the line");
    step->line = number_;
    step->source = Trimmed(line.substr(0, line.size() - comment_));
    return std::optional<Step>(std::move(*step));
  }

 private:
  Error Wrong(const std::string& what) const {
    return MakeError(Errc::kUsage, "steps, line " + std::to_string(number_) + ": " + what);
  }
  Error Expected(const std::string& what) const {
    std::string found = "the end of the line";
    if (at_ < tokens_.size()) {
      const Token& token = tokens_[at_];
      found = "'" + (token.name.empty() ? "" : token.name + "=") + token.value + "'";
    }
    return Wrong("expected " + what + ", found " + found);
  }

  Result<std::optional<Token>> NextToken() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
    if (rest_.empty()) return std::optional<Token>();
    if (rest_.front() == '#') {
      comment_ = rest_.size();
      rest_ = {};
      return std::optional<Token>();
    }
    Token token;
    while (!rest_.empty() && !IsBlank(rest_.front())) {
      const char c = rest_.front();
      if (c == '"') {
        if (!token.value.empty()) return Wrong("expected a blank before a quoted text");
        if (Result<> ok = ReadQuoted(token.value); !ok) return ok.error();
        token.quoted = true;
        if (!rest_.empty() && !IsBlank(rest_.front())) {
          return Wrong("expected a blank after a quoted text");
        }
        break;
      }
      rest_.remove_prefix(1);
      if (c == '=' && token.name.empty() && !token.value.empty()) {
        token.name = std::exchange(token.value, {});
      } else {
        token.value += c;
      }
    }
    return std::optional<Token>(std::move(token));
  }

  Result<> ReadQuoted(std::string& out) {
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return {};
      if (c != '\\') {
        out += c;
        continue;
      }
      if (rest_.empty()) break;
      const char escaped = rest_.front();
      rest_.remove_prefix(1);
      switch (escaped) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case '"':
        case '\\':
          out += escaped;
          break;
        default:
          return Wrong(std::string("expected \\\" \\\\ \\n or \\t, found \\") + escaped);
      }
    }
    return Wrong("expected a closing quote, found the end of the line");
  }

  // True, and one token further, if the next one is the bare word `word`.
  bool Take(std::string_view word) {
    if (at_ >= tokens_.size()) return false;
    const Token& token = tokens_[at_];
    if (!token.name.empty() || token.quoted || token.value != word) return false;
    ++at_;
    return true;
  }
  // The next token if it is a value: bare or quoted, not NAME=VALUE.
  const Token* TakeValue() {
    if (at_ >= tokens_.size() || !tokens_[at_].name.empty()) return nullptr;
    return &tokens_[at_++];
  }

  Result<Finder> ReadFinder() {
    Finder finder;
    bool any = false;
    for (; at_ < tokens_.size() && !tokens_[at_].name.empty(); ++at_) {
      const Token& token = tokens_[at_];
      std::optional<std::string>* target = nullptr;
      if (token.name == "text") target = &finder.text;
      if (token.name == "icon") target = &finder.icon;
      if (token.name == "key") target = &finder.key;
      if (token.name == "type") target = &finder.type;
      if (target == nullptr && token.name == "index") {
        finder.index = Count(token.value);
        if (!finder.index) return Expected("index=N with a number from 0");
        continue;
      }
      if (target == nullptr) break;
      if (*target) return Expected("each of text=, icon=, key=, type= at most once");
      if (token.value.empty() && !token.quoted)
        return Expected("a value after " + token.name + "=");
      *target = token.value;
      any = true;
    }
    if (!any) return Expected("a finder: text=\"...\", icon=NAME, key=NAME or type=NAME");
    return finder;
  }

  // A duration at the end, or the default.
  milliseconds ReadTime(milliseconds standard) {
    if (at_ < tokens_.size()) {
      if (const auto time = Duration(tokens_[at_])) {
        ++at_;
        return *time;
      }
    }
    return standard;
  }

  Result<> WithFinder(Step& step, StepKind kind) {
    step.kind = kind;
    Result<Finder> finder = ReadFinder();
    if (!finder) return finder.error();
    step.finder = std::move(*finder);
    return {};
  }

  Result<Step> ParseStep(bool repeated) {
    Step step;
    Result<> ok;
    if (Take("click")) {
      ok = WithFinder(step, StepKind::kClick);
    } else if (Take("type")) {
      ok = WithFinder(step, StepKind::kType);
      if (ok) ok = ReadText(step, "the text to type");
    } else if (Take("submit")) {
      ok = WithFinder(step, StepKind::kSubmit);
    } else if (Take("check")) {
      ok = WithFinder(step, StepKind::kCheck);
      if (ok) ok = ReadOnOff(step);
    } else if (Take("drag")) {
      ok = WithFinder(step, StepKind::kDrag);
      if (ok) ok = ReadDrag(step);
    } else if (Take("hover")) {
      ok = WithFinder(step, StepKind::kHover);
    } else if (Take("leave")) {
      step.kind = StepKind::kLeave;
    } else if (Take("long_press")) {
      ok = WithFinder(step, StepKind::kLongPress);
    } else if (Take("slide")) {
      ok = WithFinder(step, StepKind::kSlide);
      if (ok) ok = ReadSlide(step);
    } else if (Take("pick")) {
      ok = WithFinder(step, StepKind::kPick);
      if (ok) ok = ReadValues(step, 2, "what to choose, such as 2026-03-04 or 14:30");
    } else if (Take("answer")) {
      ok = ReadAnswer(step);
    } else if (Take("clipboard")) {
      step.kind = StepKind::kClipboard;
      ok = ReadText(step, "the text that is on the clipboard");
      return Finished(ok, std::move(step));
    } else if (Take("channel")) {
      ok = WithFinder(step, StepKind::kChannel);
    } else if (Take("stream")) {
      ok = ReadStream(step);
    } else if (Take("dismiss")) {
      ok = WithFinder(step, StepKind::kDismiss);
    } else if (Take("resize")) {
      ok = ReadSize(step);
    } else if (Take("route")) {
      step.kind = StepKind::kRoute;
      ok = ReadText(step, "a route such as \"/settings\"");
    } else if (Take("expect")) {
      ok = ReadExpect(step);
      if (ok) step.time = ReadTime(kExpectTime);
      return Finished(ok, std::move(step));
    } else if (Take("wait")) {
      ok = WithFinder(step, StepKind::kWait);
      if (ok) step.time = ReadTime(kWaitTime);
      return Finished(ok, std::move(step));
    } else if (Take("tree")) {
      step.kind = StepKind::kTree;
      ok = ReadText(step, "a file to write, such as tree.json");
      return Finished(ok, std::move(step));
    } else if (Take("screenshot")) {
      step.kind = StepKind::kScreenshot;
      ok = ReadText(step, "a file to write, such as page.png");
      if (ok) step.time = ReadTime(kWaitTime);
      return Finished(ok, std::move(step));
    } else if (Take("sleep")) {
      return ReadSleep(std::move(step));
    } else if (Take("close")) {
      step.kind = StepKind::kClose;
      return step;
    } else if (!repeated && Take("repeat")) {
      return ReadRepeat();
    } else {
      return Expected(
          "click, type, submit, check, drag, hover, leave, long_press, slide, pick, answer, "
          "clipboard, channel, stream, dismiss, resize, route, expect, wait, tree, screenshot, "
          "sleep" +
          std::string(repeated ? " or close" : ", repeat or close"));
    }
    if (!ok) return ok.error();
    const std::size_t before = at_;
    step.time = ReadTime(kAnswerTime);
    if (at_ != before) step.target_time = step.time;
    return step;
  }

  static Result<Step> Finished(const Result<>& ok, Step step) {
    if (!ok) return ok.error();
    return step;
  }

  Result<Step> ReadRepeat() {
    const Token* token = TakeValue();
    const auto count = token == nullptr ? std::nullopt : Count(token->value);
    if (!count) {
      if (token != nullptr) --at_;
      return Expected("a number after repeat");
    }
    Result<Step> step = ParseStep(true);
    if (step) step->repeat = *count;
    return step;
  }

  Result<Step> ReadSleep(Step step) {
    step.kind = StepKind::kSleep;
    const auto time = at_ < tokens_.size() ? Duration(tokens_[at_]) : std::nullopt;
    if (!time) return Expected("a duration such as 200ms or 5s");
    ++at_;
    step.time = *time;
    return step;
  }

  Result<> ReadText(Step& step, const char* what) {
    const Token* token = TakeValue();
    if (token == nullptr) return Expected(what);
    step.text = token->value;
    return {};
  }

  Result<> ReadOnOff(Step& step) {
    step.on = Take("true");
    if (!step.on && !Take("false")) return Expected("true or false");
    return {};
  }

  Result<> ReadPoint(double& x, double& y) {
    const Token* token = TakeValue();
    if (token != nullptr) {
      const std::string_view text = token->value;
      const std::size_t comma = text.find(',');
      if (comma != std::string_view::npos) {
        const auto first = Length(text.substr(0, comma));
        const auto second = Length(text.substr(comma + 1));
        if (first && second) {
          x = *first;
          y = *second;
          return {};
        }
      }
      --at_;
    }
    return Expected("a point X,Y");
  }

  Result<> ReadDrag(Step& step) {
    if (!Take("from")) return Expected("from X,Y");
    if (Result<> ok = ReadPoint(step.x1, step.y1); !ok) return ok;
    if (!Take("to")) return Expected("to X,Y");
    if (Result<> ok = ReadPoint(step.x2, step.y2); !ok) return ok;
    if (Result<> ok = ReadMovements(step, 10); !ok) return ok;
    return ReadRate(step);
  }

  Result<> ReadRate(Step& step) {
    if (!Take("at")) return {};
    const Token* token = TakeValue();
    std::string_view text = token == nullptr ? std::string_view() : token->value;
    const bool per_second = text.ends_with("/s");
    if (per_second) text.remove_suffix(2);
    const auto rate = per_second ? Length(text) : std::nullopt;
    if (!rate || *rate <= 0 || *rate > 100'000) {
      if (token != nullptr) --at_;
      return Expected("a rate such as 60/s after at");
    }
    step.rate = *rate;
    return {};
  }

  // "40", or "20,60" for a range; [steps N]
  Result<> ReadSlide(Step& step) {
    const Token* token = TakeValue();
    const std::string_view text = token == nullptr ? std::string_view() : token->value;
    const std::size_t comma = text.find(',');
    step.on = comma != std::string_view::npos;
    const auto first = Length(text.substr(0, comma));
    const auto second = step.on ? Length(text.substr(comma + 1)) : first;
    if (!first || !second || (step.on && *first > *second)) {
      if (token != nullptr) --at_;
      return Expected("a slider's value such as 40, or two such as 20,60");
    }
    step.x1 = *first;
    step.y1 = *second;
    return ReadMovements(step, 1);
  }

  Result<> ReadMovements(Step& step, std::size_t standard) {
    step.count = standard;
    if (!Take("steps")) return {};
    const Token* token = TakeValue();
    const auto count = token == nullptr ? std::nullopt : Count(token->value);
    if (!count || *count == 0 || *count > kMaxDragSteps) {
      if (token != nullptr) --at_;
      return Expected("a number from 1 to 100000 after steps");
    }
    step.count = *count;
    return {};
  }

  // Up to the end of the line, or to a duration there.
  Result<> ReadValues(Step& step, std::size_t most, const char* what) {
    while (at_ < tokens_.size() && tokens_[at_].name.empty()) {
      if (at_ + 1 == tokens_.size() && !step.values.empty() && Duration(tokens_[at_])) break;
      if (step.values.size() == most) return Expected("the end of the line");
      step.values.push_back({tokens_[at_].value, tokens_[at_].quoted});
      ++at_;
    }
    if (step.values.empty()) return Expected(what);
    return {};
  }

  Result<> ReadAnswer(Step& step) {
    step.kind = StepKind::kAnswer;
    if (Result<> ok = ReadText(step, "a method such as save_file"); !ok) return ok;
    step.on = Take("error");
    return ReadValues(step, step.on ? 1 : kMaxValues,
                      step.on ? "the error's text" : "a value, or none");
  }

  Result<> ReadStream(Step& step) {
    step.kind = StepKind::kStream;
    const Token* token = TakeValue();
    const auto bytes = token == nullptr ? std::nullopt : Count(token->value);
    if (!bytes || *bytes == 0 || *bytes > kMaxStreamBytes) {
      if (token != nullptr) --at_;
      return Expected("a number of bytes from 1 to 67108860 after stream");
    }
    step.bytes = *bytes;
    step.count = 1;
    if (!Take("count")) return {};
    token = TakeValue();
    const auto count = token == nullptr ? std::nullopt : Count(token->value);
    if (!count || *count == 0) {
      if (token != nullptr) --at_;
      return Expected("a number from 1 after count");
    }
    step.count = *count;
    return {};
  }

  Result<> ReadSize(Step& step) {
    step.kind = StepKind::kResize;
    for (double* side : {&step.x1, &step.y1}) {
      const Token* token = TakeValue();
      const auto length = token == nullptr ? std::nullopt : Length(token->value);
      if (!length || *length <= 0) {
        if (token != nullptr) --at_;
        return Expected("a width and a height above 0");
      }
      *side = *length;
    }
    return {};
  }

  Result<> ReadExpect(Step& step) {
    if (Take("no")) return WithFinder(step, StepKind::kExpectNo);
    if (Take("crash")) {
      step.kind = StepKind::kExpectCrash;
      return ReadText(step, "a part of the crash's text");
    }
    if (Take("clipboard")) {
      step.kind = StepKind::kExpectClipboard;
      return ReadText(step, "the text that is on the clipboard");
    }
    if (at_ < tokens_.size() && tokens_[at_].name == "count") {
      const auto count = Count(tokens_[at_].value);
      if (!count) return Expected("count=N with a number from 0");
      ++at_;
      step.count = *count;
      Result<> ok = WithFinder(step, StepKind::kExpectCount);
      if (ok && step.finder.index) return Wrong("expected no index= beside count=");
      return ok;
    }
    return WithFinder(step, StepKind::kExpect);
  }

  const int number_;
  std::string_view rest_;
  std::size_t comment_ = 0;  // length of the comment at the end
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Steps> ParseSteps(std::string_view text) {
  Steps steps;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    Result<std::optional<Step>> step = LineParser(number, line).Parse();
    if (!step) return step.error();
    if (*step) steps.steps.push_back(std::move(**step));
  }
  return steps;
}

}  // namespace fletbridge
