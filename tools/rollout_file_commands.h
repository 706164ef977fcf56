// Room: tools. `fletbridge rollout validate|simulate|eval`: what can be told from a flag file
// alone, without an app and without this installation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/toolbox.h"

namespace fletbridge {

// The exit code; nothing if `name` is none of them.
[[nodiscard]] std::optional<int> RolloutFileCommand(const Toolbox& tools, const std::string& name,
                                                    const std::vector<std::string>& args);

}  // namespace fletbridge
