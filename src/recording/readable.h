// Room: src/recording. Values as JSON, for people and programs. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/wire/value.h"

namespace fletbridge::recording {

enum class KeyOrder { kAsItIs, kSorted };

// `indent` below zero: on one line. Bytes become {"$bytes": SIZE}, extensions {"$ext": TYPE,
// "text": "..."}; keys that are numbers become text, and of equal ones the last counts.
[[nodiscard]] std::string ToJson(const wire::Value& value, int indent = -1,
                                 KeyOrder order = KeyOrder::kAsItIs);

// Text from a recording for a terminal, which might heed control characters: they become escapes.
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace fletbridge::recording
