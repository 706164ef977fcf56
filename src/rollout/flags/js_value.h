// Room: src/rollout/flags. JavaScript's coercions of JSON values, by which JsonLogic is defined. A
// missing argument (undefined) is Json's discarded value; NaN is a number. Free functions; any
// thread.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace fletbridge {

using Json = nlohmann::json;

[[nodiscard]] inline Json Undefined() { return Json(Json::value_t::discarded); }

// JsonLogic's truth: as JavaScript's, but an empty array is false.
[[nodiscard]] bool Truthy(const Json& value);
// Number(value).
[[nodiscard]] double ToNumber(const Json& value);
// parseFloat(value): the number that its text begins with.
[[nodiscard]] double ParseFloat(const Json& value);
// String(value).
[[nodiscard]] std::string ToText(const Json& value);
// The text of a number as JavaScript writes it: "3", "0.1", "1e+21".
[[nodiscard]] std::string NumberText(double number);
// A number that is whole becomes one of JSON's integers.
[[nodiscard]] Json FromNumber(double number);

// a == b, a === b, a < b. Arrays and objects have no identity here, so they equal nothing.
[[nodiscard]] bool LooseEqual(const Json& a, const Json& b);
[[nodiscard]] bool StrictEqual(const Json& a, const Json& b);
[[nodiscard]] bool Less(const Json& a, const Json& b);
[[nodiscard]] bool LessOrEqual(const Json& a, const Json& b);

}  // namespace fletbridge
