// Room: tools. `fletbridge rollout merge`: whether a stage is worse than another, over what
// `rollout status --json` has printed on many installations.
#pragma once

#include <string>
#include <vector>

#include "tools/toolbox.h"

namespace fletbridge {

[[nodiscard]] int MergeStatus(const Toolbox& tools, const std::vector<std::string>& args);

}  // namespace fletbridge
