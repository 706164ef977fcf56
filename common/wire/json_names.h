// Room: common/wire. What generation 1 calls the types, properties and events that the others have
// too, and what its texts mean: it writes every property as text, and every name in small letters.
// Knows nothing of messages and trees.
//
//   {"t": "checkbox", "i": "_7", "value": "true", "labelposition": "left"}
//   {"_c": "Checkbox", "_i": 23, "value": true, "label_position": "left"}
//
// Values and names go both ways without a loss for those that its client says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/value.h"

namespace fletbridge::wire::json_names {

// "page" is 1, and "_7" is 7 behind the ids that the others keep for parts of the page. None if it
// is neither.
[[nodiscard]] std::optional<std::int64_t> IdOf(std::string_view id);
[[nodiscard]] std::string TextOfId(std::int64_t id);

inline constexpr std::int64_t kWindowId = 2;
inline constexpr std::int64_t kDialogsId = 5;
inline constexpr std::int64_t kFirstId = 16;

[[nodiscard]] std::string TypeOf(std::string_view type);          // "textfield": "TextField"
[[nodiscard]] std::string PropertyOf(std::string_view property);  // "bgcolor", "label_position"
[[nodiscard]] std::string TextOfProperty(std::string_view property);

// `type` as generation 1 calls it. Nil for a map in which nothing is set.
[[nodiscard]] Value ValueOf(std::string_view type, std::string_view property,
                            const std::string& text);
[[nodiscard]] std::string TextOf(const Value& value);

// The events that a client sends for this type whether or not the app has a handler: it does not
// say whether it has one. As on_click, one after the other.
[[nodiscard]] const std::vector<std::string>& EventsOf(std::string_view type);

// Where a child of this type and of this name (its attribute `n`) belongs in its parent.
struct Slot {
  std::string property;
  bool list = true;
  friend bool operator==(const Slot&, const Slot&) = default;
};
[[nodiscard]] Slot SlotOf(std::string_view parent, std::string_view child, std::string_view name);
// Whether it is on the screen only while it is open.
[[nodiscard]] bool IsDialog(std::string_view type);

}  // namespace fletbridge::wire::json_names
