// Room: tools. Generates steps from a recorded session's input, like the code generator of a
// browser test tool.
#pragma once

#include <string>

#include "src/recording/recording.h"

namespace fletbridge {

// The text of a steps file. What steps have no words for stands in it as a comment. `file` is the
// recording's name, for its first line.
[[nodiscard]] std::string StepsOf(const recording::Recording& recording, const std::string& file);

}  // namespace fletbridge
