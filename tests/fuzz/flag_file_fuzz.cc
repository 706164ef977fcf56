// Room: tests/fuzz. Flag files: whatever the text, it is refused or every flag of it is evaluated
// to an answer that holds together, within bounds of time and memory; and a check of it finds a
// place inside the text for each mistake.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/rollout/flags/flag_file.h"
#include "src/rollout/decision.h"
#include "src/rollout/validate_rollout.h"

namespace {

using namespace fletbridge;

void Require(bool holds) {
  if (!holds) std::abort();
}

void Check(const FlagAnswer& answer) {
  Require(!answer.reason.empty());
  Require((answer.reason == "ERROR") == !answer.error_code.empty());
  if (answer.reason == "ERROR" || answer.reason == "DISABLED") Require(answer.value.is_null());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const FlagProblem& problem : ValidateRollout(text)) {
    Require(problem.place.line >= 1 && problem.place.line <= lines);
    Require(problem.place.column >= 1);
    Require(!problem.text.empty());
  }
  const Result<FlagFile> file = FlagFile::Parse(text);
  if (!file) return 0;
  FlagQuestion question;
  question.context = {{"targetingKey", "a"}, {"version", "1.2.3"}, {"list", {1, 2, 3}}};
  int left = 20;
  for (const auto& [key, ignored] : file->flags().items()) {
    if (--left < 0) break;
    question.flag = key;
    for (const Bucketing bucketing : {Bucketing::kInteger, Bucketing::kLegacy}) {
      question.bucketing = bucketing;
      const FlagAnswer answer = file->Evaluate(question);
      Check(answer);
      Require(file->Evaluate(question).variant == answer.variant);
    }
  }
  RolloutContext context;
  context.installation = "a";
  const Decision decision = Decide(*file, context, 0);
  Require(!decision.given.stage.empty() && !decision.why.empty());
  return 0;
}
