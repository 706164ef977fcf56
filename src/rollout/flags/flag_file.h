// Room: src/rollout/flags. A flag definition file in flagd's JSON format, and the evaluation of
// its flags by flagd's rules. Accepts text from untrusted sources: invalid text causes an error
// and nothing else.
//
// A value; evaluations from one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/rollout/flags/flagd_operators.h"

namespace fletbridge {

inline constexpr std::size_t kMaxFlagFileBytes = std::size_t{1} << 20;

enum class FlagType { kAny, kBoolean, kString, kInteger, kFloat, kObject };

// What flagd answers. `error_code` is empty unless `reason` is "ERROR". `value` is null where the
// caller's own default is to be used: after an error, when disabled, and without a default variant.
struct FlagAnswer {
  std::string flag;
  Json value;
  std::string variant;
  std::string reason;      // STATIC, DEFAULT, TARGETING_MATCH, DISABLED or ERROR
  std::string error_code;  // FLAG_NOT_FOUND, PARSE_ERROR, TYPE_MISMATCH or GENERAL
  std::string detail;      // for people: what went wrong
  Json metadata = Json::object();
};

struct FlagQuestion {
  std::string flag;
  Json context = Json::object();
  FlagType type = FlagType::kAny;
  Bucketing bucketing = Bucketing::kInteger;
  std::int64_t unix_time = 0;  // $flagd.timestamp
};

class FlagFile {
 public:
  // The error gives the reason and, for invalid JSON, the position.
  [[nodiscard]] static Result<FlagFile> Parse(std::string_view text);

  [[nodiscard]] FlagAnswer Evaluate(const FlagQuestion& question) const;

  [[nodiscard]] bool Has(const std::string& flag) const { return flags_.contains(flag); }
  [[nodiscard]] const Json& flags() const { return flags_; }  // by key
  [[nodiscard]] const Json& evaluators() const { return evaluators_; }

 private:
  Json flags_ = Json::object();
  Json evaluators_ = Json::object();
  Json metadata_ = Json::object();
};

}  // namespace fletbridge
