// Room: src/rollout/flags. The operators that flagd adds to JsonLogic: fractional, sem_ver,
// starts_with, ends_with. Like flagd's, each returns null for invalid arguments.
#pragma once

#include "src/rollout/flags/json_logic.h"

namespace fletbridge {

// How `fractional` turns a hash into a bucket.
enum class Bucketing {
  kInteger,  // flagd today: (hash * total weight) >> 32
  kLegacy,   // flagd before: |hash| as a percentage, in floating point
};

void AddFlagdOperators(JsonLogic& logic, Bucketing bucketing);

// Whether sem_ver takes `text` as a version: "1", "v1.2", "1.2.3-beta+build".
[[nodiscard]] bool IsVersion(std::string_view text);
[[nodiscard]] bool IsVersionOperator(std::string_view text);  // =, !=, <, <=, >, >=, ~, ^

}  // namespace fletbridge
