// Room: src/rollout/flags. Finds the errors of a flag file, each with its position: values that
// flagd refuses, and values that flagd accepts but evaluates differently from what the author
// probably meant. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/rollout/flags/flag_file.h"
#include "src/rollout/flags/json_places.h"

namespace fletbridge {

struct FlagProblem {
  bool is_error = true;  // false: a warning; the file works
  std::string pointer;   // JSON pointer of the value concerned
  std::string text;      // what is wrong, and what to do
  TextPlace place;
};

// What is collected, without places: those are looked up once at the end.
class FlagProblems {
 public:
  void Error(const std::string& pointer, std::string text) { Add(true, pointer, std::move(text)); }
  void Warn(const std::string& pointer, std::string text) { Add(false, pointer, std::move(text)); }
  // In the order of the text.
  [[nodiscard]] std::vector<FlagProblem> Placed(const JsonPlaces& places) const;

 private:
  void Add(bool is_error, const std::string& pointer, std::string text);
  std::vector<FlagProblem> problems_;
};

// All but the syntax, which ParseJson() checks: `document` is what it made.
void CheckFlags(const Json& document, FlagProblems& problems);

// Each `fractional` in the rule, wherever it stands, with its pointer.
struct Fraction {
  std::string pointer;
  const Json* arguments = nullptr;
};
[[nodiscard]] std::vector<Fraction> FindFractions(const Json& rule, const std::string& pointer);

}  // namespace fletbridge
