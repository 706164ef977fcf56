#include "src/rollout/decision.h"

#include <sys/utsname.h>

namespace fletbridge {
namespace {

Error NotAllowed(const std::string& why) { return MakeError(Errc::kUsage, why); }

Result<StageVariant> CheckedVariant(StageVariant variant) {
  const std::string& stage = variant.stage;
  const std::string& transport = variant.transport;
  if (stage != "legacy" && stage != "1" && stage != "2" && stage != "3" && stage != "auto")
    return NotAllowed("there is no stage " + stage.substr(0, 40) + "; use legacy, 1, 2, 3 or auto");
  if (stage == "legacy" && !transport.empty() && transport != "ws")
    return NotAllowed("stage legacy has no transport " + transport.substr(0, 40) + "; use ws");
  if (stage == "legacy") return variant;
  if (!transport.empty() && transport != "uds" && transport != "tcp" && transport != "ffi")
    return NotAllowed("there is no transport " + transport.substr(0, 40) + "; use uds, tcp or ffi");
  if (!transport.empty() && stage != "auto" && (transport == "ffi") != (stage == "3")) {
    return NotAllowed("stage " + stage + " has no transport " + transport + "; use " +
                      (stage == "3" ? "ffi" : "uds or tcp"));
  }
  return variant;
}

// A number or a text, as a text.
std::string Word(const Json& value) {
  return value.is_number() || value.is_string() ? ToText(value) : std::string("of this kind");
}

}  // namespace

Json ToJson(const RolloutContext& context) {
  Json json = {{"targetingKey", context.installation},
               {"app", context.app},
               {"appVersion", context.app_version},
               {"fletbridgeVersion", context.version}};
  utsname machine{};
  if (::uname(&machine) == 0) {
    json["os"] = machine.sysname;
    json["osRelease"] = machine.release;
    json["arch"] = machine.machine;
  }
  return json;
}

Result<StageVariant> ReadStageVariant(const Json& value) {
  if (value.is_string() || value.is_number()) {
    const std::string text = ToText(value);
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return CheckedVariant({text, {}});
    if (colon + 1 == text.size()) return NotAllowed("no transport behind the colon of " + text);
    return CheckedVariant({text.substr(0, colon), text.substr(colon + 1)});
  }
  if (!value.is_object() || !value.contains("stage"))
    return NotAllowed("a variant is a stage, \"stage:transport\" or an object with \"stage\"");
  for (const auto& [key, ignored] : value.items()) {
    if (key != "stage" && key != "transport")
      return NotAllowed("a variant has \"stage\" and \"transport\", no " + key.substr(0, 40));
  }
  StageVariant variant{Word(value["stage"]), {}};
  if (value.contains("transport") && !value["transport"].is_null())
    variant.transport = Word(value["transport"]);
  return CheckedVariant(std::move(variant));
}

Decision NoDecision(std::string why) {
  Decision decision;
  decision.given.stage = kSafeStage;
  decision.why = std::move(why);
  return decision;
}

Decision Decide(const FlagFile& file, const RolloutContext& context, std::int64_t unix_time) {
  FlagQuestion question{.flag = kKillFlag, .context = ToJson(context), .unix_time = unix_time};
  if (file.Has(kKillFlag)) {
    FlagAnswer answer = file.Evaluate(question);
    const bool on = answer.value.is_boolean() ? answer.value.get<bool>() : false;
    // Somebody reached for the switch: when it cannot be read, it counts as pulled.
    if (on || answer.reason == "ERROR") {
      Decision decision = NoDecision(std::string(kKillFlag) +
                                     (on ? " is on" : " cannot be evaluated: " + answer.detail));
      decision.killed = true;
      decision.answer = std::move(answer);
      return decision;
    }
  }
  question.flag = kStageFlag;
  FlagAnswer answer = file.Evaluate(question);
  Decision decision;
  if (answer.reason == "DISABLED") {
    decision = NoDecision(std::string(kStageFlag) + " is DISABLED");
    decision.killed = true;
  } else if (answer.reason == "ERROR") {
    decision = NoDecision(answer.detail + " (" + answer.error_code + ")");
  } else if (answer.variant.empty() && answer.value.is_null()) {
    decision = NoDecision(std::string(kStageFlag) + " has no default variant");
  } else if (Result<StageVariant> variant = ReadStageVariant(answer.value); !variant) {
    decision = NoDecision("variant " + answer.variant + ": " + variant.error().context);
  } else {
    decision.given = std::move(*variant);
    decision.decided = true;
    decision.why = "variant " + answer.variant + ", " + answer.reason;
  }
  decision.answer = std::move(answer);
  return decision;
}

}  // namespace fletbridge
