#include "src/rollout/validate_rollout.h"

#include <algorithm>
#include <cstdio>

#include "src/rollout/decision.h"

namespace fletbridge {
namespace {

int Rank(const std::string& stage) { return stage == "auto" ? 4 : stage[0] - '0'; }

// NOLINTNEXTLINE(misc-no-recursion): ParseJson() has bounded the depth
bool LooksAt(const Json& rule, const std::string& name) {
  if (rule.is_object() && rule.contains("var")) {
    const Json& var = rule["var"];
    if (var == name || (var.is_array() && !var.empty() && var[0] == name)) return true;
  }
  return rule.is_structured() && std::any_of(rule.begin(), rule.end(), [&](const Json& inner) {
           return LooksAt(inner, name);
         });
}

// Buckets are taken in their order along the hash. In the order of the stages, up or down, a higher
// share for a higher stage only ever moves installations up; in another order the buckets in
// between are shifted, and who had a stage may lose it.
void CheckOrder(const Fraction& fraction, const Json& variants, FlagProblems& problems) {
  std::vector<int> ranks;
  const Json& items = *fraction.arguments;
  for (const Json& item : items) {
    if (!item.is_array() || item.empty() || !item[0].is_string()) continue;
    const auto variant = variants.find(item[0].get<std::string>());
    if (variant == variants.end()) continue;
    if (const Result<StageVariant> stage = ReadStageVariant(*variant))
      ranks.push_back(Rank(stage->stage));
  }
  if (!std::is_sorted(ranks.begin(), ranks.end()) &&
      !std::is_sorted(ranks.rbegin(), ranks.rend())) {
    problems.Warn(fraction.pointer,
                  "the buckets are not in the order of their stages, so raising one share may take "
                  "a stage from those who had it; put the highest stage first");
  }
  if (!items.empty() && !items[0].is_array() && !items[0].is_null() &&
      !LooksAt(items[0], "targetingKey")) {
    problems.Warn(fraction.pointer + "/0",
                  "this does not bucket by targetingKey, the installation: its stage may change "
                  "with what is looked at here");
  }
}

void CheckStageFlag(const Json& flag, FlagProblems& problems) {
  const std::string at = "/flags/" + PointerToken(kStageFlag);
  const auto variants = flag.find("variants");
  if (variants == flag.end() || !variants->is_object()) return;
  for (const auto& [name, value] : variants->items()) {
    if (const Result<StageVariant> stage = ReadStageVariant(value); !stage)
      problems.Error(at + "/variants/" + PointerToken(name), stage.error().context);
  }
  const auto standard = flag.find("defaultVariant");
  if (standard == flag.end() || standard->is_null() || *standard == "")
    problems.Warn(at, "without a defaultVariant, who is not targeted runs on stage 1");
  if (const auto targeting = flag.find("targeting"); targeting != flag.end()) {
    for (const Fraction& fraction : FindFractions(*targeting, at + "/targeting"))
      CheckOrder(fraction, *variants, problems);
  }
}

void CheckOwnFlags(const Json& flags, FlagProblems& problems) {
  if (const auto stage = flags.find(kStageFlag); stage == flags.end()) {
    problems.Warn("/flags", std::string("there is no flag ") + kStageFlag +
                                ", so a rollout with this file decides nothing");
  } else if (stage->is_object()) {
    CheckStageFlag(*stage, problems);
  }
  const auto kill = flags.find(kKillFlag);
  if (kill == flags.end() || !kill->is_object() || !kill->contains("variants")) return;
  const Json& variants = (*kill)["variants"];
  if (!variants.is_object()) return;
  for (const auto& [name, value] : variants.items()) {
    if (!value.is_boolean()) {
      problems.Error("/flags/" + PointerToken(kKillFlag) + "/variants/" + PointerToken(name),
                     "the kill switch is true or false");
    }
  }
}

}  // namespace

std::vector<FlagProblem> ValidateRollout(std::string_view text) {
  const auto only = [](std::string why) {
    FlagProblem problem{true, "", std::move(why), {}};
    int taken = 0;
    // "3:14: no valid JSON: …": the place comes from the parser here.
    if (std::sscanf(problem.text.c_str(), "%d:%d: %n", &problem.place.line, &problem.place.column,
                    &taken) == 2 &&
        taken > 0) {
      problem.text.erase(0, static_cast<std::size_t>(taken));
    }
    return std::vector<FlagProblem>{problem};
  };
  if (text.size() > kMaxFlagFileBytes) return only("the file is larger than 1 MiB");
  const Result<Json> document = ParseJson(text);
  if (!document) return only(document.error().context);
  const JsonPlaces places = FindPlaces(text);
  FlagProblems problems;
  for (const std::string& pointer : places.twice)
    problems.Error(pointer, "this member stands there twice; the first one is not heeded");
  CheckFlags(*document, problems);
  if (document->is_object() && document->contains("flags") && (*document)["flags"].is_object())
    CheckOwnFlags((*document)["flags"], problems);
  return problems.Placed(places);
}

}  // namespace fletbridge
