// Room: tools. `fletbridge rollout validate|simulate|eval`: commands on a flag file alone, without
// an app and without this installation.
#pragma once

#include <string>
#include <vector>

#include "tools/toolbox.h"

namespace fletbridge {

[[nodiscard]] int ValidateFlagFile(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int SimulateFlagFile(const Toolbox& tools, const std::vector<std::string>& args);
[[nodiscard]] int EvaluateFlag(const Toolbox& tools, const std::vector<std::string>& args);

}  // namespace fletbridge
