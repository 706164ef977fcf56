// Room: src/rollout. The complete check of a rollout's flag file: flagd's rules, and fletbridge's
// rules for its own two flags. Any thread.
#pragma once

#include <string_view>
#include <vector>

#include "src/rollout/flags/validate.h"

namespace fletbridge {

// All mistakes with their places, in the order of the text; empty if there are none.
[[nodiscard]] std::vector<FlagProblem> ValidateRollout(std::string_view text);

}  // namespace fletbridge
