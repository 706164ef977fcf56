// Room: src/rollout. Evaluates the two flags of fletbridge in a flag file: the stage of an
// installation, and the kill switch. Depends on the flags' values only, not on the stages. Free
// functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "src/rollout/flags/flag_file.h"

namespace fletbridge {

inline constexpr const char* kStageFlag = "fletbridge.stage";
inline constexpr const char* kKillFlag = "fletbridge.kill";
// Where every Flet app has run so far: what a kill switch, and a rollout without an answer, mean.
inline constexpr const char* kSafeStage = "1";

// What targeting may look at, beside targetingKey. All but the id are equal on many machines.
struct RolloutContext {
  std::string installation;  // targetingKey
  std::string app;           // folder and script: "shop/main.py"
  std::string app_version;   // of pyproject.toml
  std::string version;       // of fletbridge
};
[[nodiscard]] Json ToJson(const RolloutContext& context);

struct StageVariant {
  std::string stage;      // "legacy", "1", "2", "3" or "auto"
  std::string transport;  // empty: the stage's own default
};
// Reads a variant's value: "3", "1:tcp", 3, {"stage": "1", "transport": "tcp"}. The error says what
// is not allowed.
[[nodiscard]] Result<StageVariant> ReadStageVariant(const Json& value);

struct Decision {
  StageVariant given;
  bool killed = false;
  // Whether the flag gave it; otherwise `given` is the safe stage, and `why` says what was wrong.
  bool decided = false;
  std::string why;    // one sentence for people
  FlagAnswer answer;  // of the flag that decided
};
[[nodiscard]] Decision Decide(const FlagFile& file, const RolloutContext& context,
                              std::int64_t unix_time);
// The decision where there is no flag file.
[[nodiscard]] Decision NoDecision(std::string why);

}  // namespace fletbridge
