// Room: src/rollout/flags. JsonLogic: rules as JSON, with all operators of jsonlogic.com,
// JavaScript's coercions, and registration of further operators. Rules come from untrusted
// sources: depth, steps and the size of results are bounded; exceeding a bound is an error.
//
// Threads: one at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "src/rollout/flags/js_value.h"

namespace fletbridge {

class JsonLogic {
 public:
  // `arguments` have been evaluated; `data` is what `var` looks into. Returns null for "no answer".
  using Operator = std::function<Json(const std::vector<Json>& arguments, const Json& data)>;

  void Add(std::string name, Operator operation);
  // Rules that {"$ref": name} stands for; must outlive the evaluations. They may refer to others.
  void SetReferences(const Json* references) { references_ = references; }

  // NaN and infinity in a result are numbers still; JSON has null for them. The error says what of
  // the rule cannot be evaluated.
  [[nodiscard]] Result<Json> Evaluate(const Json& rule, const Json& data) const;

  // An object with one member is a rule, and its name the operator.
  [[nodiscard]] static bool IsRule(const Json& value) {
    return value.is_object() && value.size() == 1;
  }
  [[nodiscard]] bool Knows(const std::string& name) const;

 private:
  std::map<std::string, Operator> added_;
  const Json* references_ = nullptr;
};

}  // namespace fletbridge
