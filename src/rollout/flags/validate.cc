#include "src/rollout/flags/validate.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace fletbridge {
namespace {

constexpr std::size_t kMaxProblems = 200;

std::string Short(const std::string& text) {
  return text.size() > 60 ? text.substr(0, 57) + "…" : text;
}

std::string Inner(const std::string& pointer, const std::string& member) {
  return pointer + "/" + PointerToken(member);
}
std::string Inner(const std::string& pointer, std::size_t index) {
  return pointer + "/" + std::to_string(index);
}

const char* TypeName(const Json& value) { return value.is_number() ? "number" : value.type_name(); }

std::string Listed(const Json& object) {
  std::string text;
  for (const auto& [name, ignored] : object.items()) text += (text.empty() ? "" : ", ") + name;
  return Short(text);
}

// One flag's targeting, or one of $evaluators.
class RuleCheck {
 public:
  RuleCheck(const Json* variants, const Json& evaluators, FlagProblems& problems)
      : variants_(variants), evaluators_(evaluators), problems_(problems) {
    AddFlagdOperators(logic_, Bucketing::kInteger);
  }

  // `is_result`: its value is used as the name of a variant.
  // NOLINTNEXTLINE(misc-no-recursion): ParseJson() has bounded the depth
  void Check(const Json& rule, const std::string& at, bool is_result) {
    if (rule.is_array()) {
      for (std::size_t i = 0; i < rule.size(); ++i) Check(rule[i], Inner(at, i), false);
      if (is_result) problems_.Error(at, "a list is the name of no variant");
      return;
    }
    if (!rule.is_object()) {
      if (is_result) CheckVariant(rule, at);
      return;
    }
    if (!JsonLogic::IsRule(rule)) {
      problems_.Error(at, rule.empty() ? "an empty object is no rule"
                                       : "a rule has one operator; here are " + Listed(rule));
      return;
    }
    const std::string& name = rule.begin().key();
    const Json& body = rule.begin().value();
    const std::string inner = Inner(at, name);
    if (name == "$ref") return CheckReference(body, inner);
    if (!logic_.Knows(name)) {
      problems_.Error(at, "there is no operator " + Short(name));
      return;
    }
    if (name == "fractional") return CheckFractional(body, inner, is_result);
    if (name == "sem_ver") CheckSemVer(body, inner);
    if (name == "starts_with" || name == "ends_with") CheckAffix(name, body, inner);
    if (name == "if" || name == "?:") return CheckIf(body, inner, is_result);
    const bool passes = is_result && (name == "and" || name == "or");
    if (!body.is_array()) return Check(body, inner, passes);
    for (std::size_t i = 0; i < body.size(); ++i) {
      // `and` gives its last argument, or one that is false and so no variant's name.
      const bool result = passes && (name == "or" || i + 1 == body.size());
      Check(body[i], Inner(inner, i), result);
    }
  }

 private:
  void CheckVariant(const Json& value, const std::string& at) {
    if (value.is_null() || variants_ == nullptr || !variants_->is_object()) return;
    const std::string name = value.is_boolean() || value.is_number() || value.is_string()
                                 ? ToText(value)
                                 : std::string();
    if (variants_->contains(name)) return;
    problems_.Error(at, "there is no variant " + Short(name) + "; there are " + Listed(*variants_));
  }

  void CheckReference(const Json& name, const std::string& at) {
    if (!name.is_string()) return problems_.Error(at, "$ref wants the name of one of $evaluators");
    if (!evaluators_.contains(name.get<std::string>()))
      problems_.Error(at, "there is no " + Short(name.get<std::string>()) + " in $evaluators");
  }

  void CheckIf(const Json& body, const std::string& at, bool is_result) {
    if (!body.is_array() || body.empty())
      return problems_.Error(at, "if wants a list: condition, result, …, else");
    const std::size_t count = body.size();
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_last = i + 1 == count;
      const bool result = i % 2 == 1 || (is_last && count % 2 == 1);
      Check(body[i], Inner(at, i), is_result && result);
    }
  }

  void CheckFractional(const Json& body, const std::string& at, bool is_result) {
    if (!body.is_array() || body.empty())
      return problems_.Error(at, "fractional wants a list of [variant, weight]");
    std::size_t first = 0;
    if (!body[0].is_array()) {
      Check(body[0], Inner(at, std::size_t{0}), false);
      if (body[0].is_number() || body[0].is_boolean())
        problems_.Warn(Inner(at, std::size_t{0}),
                       "what is no text is not bucketed by; "
                       "targetingKey is");
      first = 1;
    }
    if (first == body.size()) return problems_.Error(at, "fractional has no [variant, weight]");
    double total = 0;
    bool known = true;
    for (std::size_t i = first; i < body.size(); ++i) {
      const std::string bucket = Inner(at, i);
      const Json& item = body[i];
      if (!item.is_array() || item.empty() || item.size() > 2) {
        problems_.Error(bucket, "a bucket is [variant, weight], or [variant] for the weight 1");
        known = false;
        continue;
      }
      Check(item[0], Inner(bucket, std::size_t{0}), is_result);
      if (item.size() < 2) {
        total += 1;
      } else {
        total += Weight(item[1], Inner(bucket, std::size_t{1}), known);
      }
    }
    if (!known) return;
    if (total == 0) problems_.Error(at, "all weights are 0, so nothing is chosen");
    if (total > 2147483647) problems_.Error(at, "the weights' sum is over 2147483647");
  }

  double Weight(const Json& weight, const std::string& at, bool& known) {
    if (weight.is_structured()) {
      known = false;
      Check(weight, at, false);
      return 0;
    }
    if (weight.is_null()) return 1;
    if (!weight.is_number()) {
      problems_.Error(at, std::string("a weight is a number, no ") + TypeName(weight));
      known = false;
      return 0;
    }
    const double number = weight.get<double>();
    if (std::trunc(number) != number) {
      problems_.Error(at, "a weight is a whole number; multiply all of them");
      known = false;
    } else if (number < 0) {
      problems_.Warn(at, "a weight below 0 counts as 0");
    }
    return std::max(0.0, number);
  }

  void CheckSemVer(const Json& body, const std::string& at) {
    if (!body.is_array() || body.size() != 3)
      return problems_.Error(at, "sem_ver wants [version, operator, version]");
    if (!body[1].is_object() &&
        (!body[1].is_string() || !IsVersionOperator(body[1].get<std::string>()))) {
      problems_.Error(
          Inner(at, std::size_t{1}),
          "sem_ver has no operator " + Short(body[1].dump()) + "; use =, !=, <, <=, >, >=, ~ or ^");
    }
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
      if (!body[i].is_structured() && !IsVersion(ToText(body[i])))
        problems_.Error(Inner(at, i), Short(ToText(body[i])) + " is no semantic version");
    }
  }

  void CheckAffix(const std::string& name, const Json& body, const std::string& at) {
    if (!body.is_array() || body.size() != 2) return problems_.Error(at, name + " wants two texts");
    for (std::size_t i = 0; i < 2; ++i) {
      if (!body[i].is_structured() && !body[i].is_string())
        problems_.Error(Inner(at, i), name + " wants a text here, no " + TypeName(body[i]));
    }
  }

  const Json* variants_;
  const Json& evaluators_;
  FlagProblems& problems_;
  JsonLogic logic_;
};

// NOLINTNEXTLINE(misc-no-recursion): ParseJson() has bounded the depth
void FindReferences(const Json& rule, std::set<std::string>& names) {
  if (rule.is_object() && rule.size() == 1 && rule.begin().key() == "$ref" &&
      rule.begin().value().is_string()) {
    names.insert(rule.begin().value().get<std::string>());
  }
  if (!rule.is_structured()) return;
  for (const Json& inner : rule) FindReferences(inner, names);
}

void CheckCycles(const Json& evaluators, FlagProblems& problems) {
  std::map<std::string, std::set<std::string>> uses;
  for (const auto& [name, rule] : evaluators.items()) FindReferences(rule, uses[name]);
  for (const auto& [name, ignored] : uses) {
    std::set<std::string> seen;
    std::vector<std::string> todo(uses[name].begin(), uses[name].end());
    while (!todo.empty() && seen.count(name) == 0) {
      const std::string next = todo.back();
      todo.pop_back();
      if (!seen.insert(next).second) continue;
      const auto found = uses.find(next);
      if (found != uses.end()) todo.insert(todo.end(), found->second.begin(), found->second.end());
    }
    if (seen.count(name) != 0)
      problems.Error("/$evaluators/" + PointerToken(name), "it refers to itself, so it has no end");
  }
}

void CheckVariants(const Json& flag, const std::string& at, FlagProblems& problems) {
  const auto variants = flag.find("variants");
  if (variants == flag.end()) return problems.Error(at, "the flag has no \"variants\"");
  const std::string inner = at + "/variants";
  if (!variants->is_object()) return problems.Error(inner, "\"variants\" is an object of values");
  if (variants->empty()) return problems.Error(inner, "there is no variant");
  const Json& first = variants->front();
  for (const auto& [name, value] : variants->items()) {
    if (std::string(TypeName(value)) != TypeName(first)) {
      problems.Warn(Inner(inner, name),
                    std::string("variants of one flag are of one type; this is ") +
                        TypeName(value) + ", another is " + TypeName(first));
    }
  }
  const auto standard = flag.find("defaultVariant");
  if (standard == flag.end() || standard->is_null()) return;
  if (!standard->is_string())
    return problems.Error(at + "/defaultVariant", "it is the name of a variant, a text");
  if (*standard != "" && !variants->contains(standard->get<std::string>())) {
    problems.Error(at + "/defaultVariant", "there is no variant " +
                                               Short(standard->get<std::string>()) +
                                               "; there are " + Listed(*variants));
  }
}

void CheckFlag(const Json& flag, const std::string& at, const Json& evaluators,
               FlagProblems& problems) {
  if (!flag.is_object()) return problems.Error(at, "a flag is an object");
  static const std::set<std::string> kMembers = {
      "key", "state", "variants", "defaultVariant", "targeting", "metadata", "$comment"};
  for (const auto& [name, ignored] : flag.items()) {
    if (kMembers.count(name) == 0)
      problems.Warn(Inner(at, name), "a flag has no member " + Short(name));
  }
  const auto state = flag.find("state");
  if (state == flag.end()) {
    problems.Error(at, "the flag has no \"state\"; write ENABLED or DISABLED");
  } else if (*state != "ENABLED" && *state != "DISABLED") {
    problems.Error(at + "/state", "the state is ENABLED or DISABLED");
  }
  CheckVariants(flag, at, problems);
  const auto targeting = flag.find("targeting");
  if (targeting == flag.end() || targeting->is_null() || *targeting == Json::object()) return;
  const auto variants = flag.find("variants");
  RuleCheck check(variants == flag.end() ? nullptr : &*variants, evaluators, problems);
  check.Check(*targeting, at + "/targeting", true);
}

}  // namespace

void FlagProblems::Add(bool is_error, const std::string& pointer, std::string text) {
  if (problems_.size() < kMaxProblems)
    problems_.push_back({is_error, pointer, Printable(std::move(text)), {}});
}

std::vector<FlagProblem> FlagProblems::Placed(const JsonPlaces& places) const {
  std::vector<FlagProblem> placed = problems_;
  for (FlagProblem& problem : placed) {
    std::string pointer = problem.pointer;
    while (places.at.count(pointer) == 0 && !pointer.empty()) pointer.erase(pointer.rfind('/'));
    if (const auto found = places.at.find(pointer); found != places.at.end())
      problem.place = found->second;
  }
  std::stable_sort(placed.begin(), placed.end(), [](const FlagProblem& a, const FlagProblem& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  return placed;
}

void CheckFlags(const Json& document, FlagProblems& problems) {
  if (!document.is_object()) return problems.Error("", "a flag file is an object with \"flags\"");
  static const std::set<std::string> kMembers = {"$schema", "flags", "$evaluators", "metadata",
                                                 "$comment"};
  for (const auto& [name, ignored] : document.items()) {
    if (kMembers.count(name) == 0)
      problems.Warn("/" + PointerToken(name), "a flag file has no member " + Short(name));
  }
  Json evaluators = Json::object();
  if (const auto found = document.find("$evaluators"); found != document.end()) {
    if (!found->is_object()) {
      problems.Error("/$evaluators", "$evaluators is an object of rules");
    } else {
      evaluators = *found;
    }
  }
  CheckCycles(evaluators, problems);
  RuleCheck shared(nullptr, evaluators, problems);
  for (const auto& [name, rule] : evaluators.items())
    shared.Check(rule, "/$evaluators/" + PointerToken(name), false);
  const auto flags = document.find("flags");
  if (flags == document.end()) return problems.Error("", "there is no \"flags\"");
  if (flags->is_array()) {
    for (std::size_t i = 0; i < flags->size(); ++i) {
      const std::string at = Inner("/flags", i);
      if (!(*flags)[i].is_object() || !(*flags)[i].contains("key"))
        problems.Error(at, "a flag in a list has a \"key\"");
      CheckFlag((*flags)[i], at, evaluators, problems);
    }
    return;
  }
  if (!flags->is_object()) return problems.Error("/flags", "\"flags\" is an object or a list");
  for (const auto& [key, flag] : flags->items())
    CheckFlag(flag, Inner("/flags", key), evaluators, problems);
}

// NOLINTNEXTLINE(misc-no-recursion): ParseJson() has bounded the depth
std::vector<Fraction> FindFractions(const Json& rule, const std::string& pointer) {
  std::vector<Fraction> found;
  const auto take = [&](std::vector<Fraction> more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  if (rule.is_array()) {
    for (std::size_t i = 0; i < rule.size(); ++i) take(FindFractions(rule[i], Inner(pointer, i)));
  } else if (rule.is_object()) {
    for (const auto& [name, body] : rule.items()) {
      if (name == "fractional" && body.is_array()) found.push_back({Inner(pointer, name), &body});
      take(FindFractions(body, Inner(pointer, name)));
    }
  }
  return found;
}

}  // namespace fletbridge
