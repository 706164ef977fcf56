// Room: tools. A recorded session's input as steps, as a person would write them: what the code
// generator of a browser's test tool is for Flet.
#pragma once

#include <string>

#include "src/recording/recording.h"

namespace fletbridge {

// The text of a steps file. What steps have no words for stands in it as a comment. `file` is the
// recording's name, for its first line.
[[nodiscard]] std::string StepsOf(const recording::Recording& recording, const std::string& file);

}  // namespace fletbridge
