// Room: common/wire. JSON texts as values: for the messages of wire generation 1, and for the
// properties that it writes as JSON within JSON. Knows nothing of messages.
//
// Bytes from a peer are not trusted: depth and number of values are limited while they are read,
// and a text is never longer than what has come.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/wire/value.h"

namespace fletbridge::wire {

// Exactly one value; anything else is kPeerMisbehaved. Of keys that come twice the last counts.
[[nodiscard]] Result<Value> FromJson(std::string_view text, const DecodeLimits& limits = {});
// ASCII alone, as Flet's client of generation 1 wants it. What JSON has no form for becomes text.
[[nodiscard]] std::string ToJson(const Value& value);
// A number as Dart and Python write it: 40.0, and not 40.
[[nodiscard]] std::string NumberText(double number);

}  // namespace fletbridge::wire
