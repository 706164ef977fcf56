// Room: tools. Scripts that let a shell complete the command line of `fletbridge`.
#pragma once

#include <string>
#include <string_view>

#include "tools/command_model.h"

namespace fletbridge {

// `shell` is bash, zsh or fish.
[[nodiscard]] std::string CompletionScript(std::string_view shell, const CommandModel& model);

}  // namespace fletbridge
