#include "src/rollout/flags/flag_file.h"

#include <cmath>
#include <stdexcept>

#include "src/rollout/flags/json_places.h"

namespace fletbridge {
namespace {

Error Broken(std::string why) { return MakeError(Errc::kUsage, "no flag file: " + std::move(why)); }

bool HasType(const Json& value, FlagType type) {
  switch (type) {
    case FlagType::kAny:
      return true;
    case FlagType::kBoolean:
      return value.is_boolean();
    case FlagType::kString:
      return value.is_string();
    case FlagType::kInteger:
    case FlagType::kFloat:
      return value.is_number();
    case FlagType::kObject:
      return value.is_object();
  }
  return false;
}

Json As(const Json& value, FlagType type) {
  if (type == FlagType::kInteger) return FromNumber(std::trunc(value.get<double>()));
  return value;
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// flagd looks for the result's JSON text, without quotes, among the names of the variants.
std::string VariantName(const Json& result) {
  if (result.is_string()) return result.get<std::string>();
  if (result.is_number()) return NumberText(result.get<double>());
  return result.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsNull(const Json& result) {
  return result.is_null() || (result.is_number_float() && !std::isfinite(result.get<double>()));
}

// Flags may be a list whose items have a key of their own.
Result<Json> ByKey(const Json& flags) {
  if (flags.is_object()) return flags;
  if (!flags.is_array()) return Broken("\"flags\" is neither an object nor a list");
  Json by_key = Json::object();
  for (const Json& flag : flags) {
    const std::string key = flag.is_object() ? TextOf(flag, "key") : std::string();
    if (key.empty()) return Broken("an item of \"flags\" has no \"key\"");
    by_key[key] = flag;
  }
  return by_key;
}

Result<> CheckFlag(const std::string& key, const Json& flag) {
  if (!flag.is_object()) return Broken("flag " + key + " is no object");
  const auto variants = flag.find("variants");
  if (variants != flag.end() && !variants->is_object() && !variants->is_null())
    return Broken("the variants of flag " + key + " are no object");
  const auto standard = flag.find("defaultVariant");
  if (standard == flag.end() || standard->is_null()) return {};
  // An object's `true` and `false` are written without quotes by people who mean a name.
  if (!standard->is_string()) return Broken("defaultVariant of flag " + key + " is no text");
  if (*standard == "") return {};
  if (variants == flag.end() || !variants->is_object() ||
      !variants->contains(standard->get<std::string>())) {
    return Broken("defaultVariant " + standard->get<std::string>() + " of flag " + key +
                  " is none of its variants");
  }
  return {};
}

}  // namespace

Result<FlagFile> FlagFile::Parse(std::string_view text) {
  if (text.size() > kMaxFlagFileBytes) return Broken("it is larger than 1 MiB");
  const Result<Json> parsed = ParseJson(text);
  if (!parsed) return Broken(parsed.error().context);
  if (!parsed->is_object() || !parsed->contains("flags")) return Broken("it has no \"flags\"");
  FlagFile file;
  Result<Json> flags = ByKey((*parsed)["flags"]);
  if (!flags) return flags.error();
  file.flags_ = std::move(*flags);
  for (const auto& [key, flag] : file.flags_.items()) {
    if (Result<> good = CheckFlag(key, flag); !good) return good.error();
  }
  if (const auto found = parsed->find("$evaluators"); found != parsed->end() && !found->is_null()) {
    if (!found->is_object()) return Broken("\"$evaluators\" is no object");
    file.evaluators_ = *found;
  }
  if (const auto found = parsed->find("metadata"); found != parsed->end() && found->is_object())
    file.metadata_ = *found;
  return file;
}

FlagAnswer FlagFile::Evaluate(const FlagQuestion& question) const {
  FlagAnswer answer;
  answer.flag = question.flag;
  answer.metadata = metadata_;
  const auto fail = [&](const char* code, std::string detail) {
    answer.value = Json();
    answer.variant.clear();
    answer.reason = "ERROR";
    answer.error_code = code;
    answer.detail = std::move(detail);
    return answer;
  };
  const auto found = flags_.find(question.flag);
  if (found == flags_.end()) return fail("FLAG_NOT_FOUND", "there is no flag " + question.flag);
  const Json& flag = *found;
  if (const auto own = flag.find("metadata"); own != flag.end() && own->is_object()) {
    for (const auto& [key, value] : own->items()) {
      if (!value.is_null()) answer.metadata[key] = value;
    }
  }
  if (TextOf(flag, "state") == "DISABLED") {
    answer.reason = "DISABLED";
    return answer;
  }
  answer.variant = TextOf(flag, "defaultVariant");
  answer.reason = "STATIC";
  const auto targeting = flag.find("targeting");
  if (targeting != flag.end() && !targeting->is_null() && *targeting != Json::object()) {
    JsonLogic logic;
    AddFlagdOperators(logic, question.bucketing);
    logic.SetReferences(&evaluators_);
    Json data = question.context.is_object() ? question.context : Json::object();
    data["$flagd"] = {{"flagKey", question.flag}, {"timestamp", question.unix_time}};
    const Result<Json> result = logic.Evaluate(*targeting, data);
    if (!result) return fail("PARSE_ERROR", result.error().context);
    if (IsNull(*result)) {
      answer.reason = "DEFAULT";
    } else {
      answer.variant = VariantName(*result);
      answer.reason = "TARGETING_MATCH";
      if (!flag.contains("variants") || !flag["variants"].is_object() ||
          !flag["variants"].contains(answer.variant)) {
        return fail("GENERAL", "targeting gives " + answer.variant.substr(0, 60) +
                                   ", which is none of the variants");
      }
    }
  }
  if (answer.variant.empty() && answer.reason != "TARGETING_MATCH") {
    answer.reason = "DEFAULT";  // flagd: the caller's own default is used
    return answer;
  }
  const Json& value = flag["variants"][answer.variant];
  if (!HasType(value, question.type)) {
    return fail("TYPE_MISMATCH", "variant " + answer.variant.substr(0, 60) + " is of another type");
  }
  answer.value = As(value, question.type);
  return answer;
}

}  // namespace fletbridge
