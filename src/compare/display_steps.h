// Room: src/compare. What is done at a display, as a steps file says it. One step a line, `#`
// begins a comment:
//
//   click at X,Y watch X,Y,WIDTH,HEIGHT [5s]     until something changes in that part of the screen
//   click at X,Y                                 not measured
//   click at X,Y frames 2s                       so long each frame that is drawn is measured
//   scroll at X,Y by N frames 2s                 the same, N steps of the wheel meanwhile; up: -N
//   sleep 200ms          repeat N STEP
//
// Pixels from the left and from the top. Values; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "src/compare/display.h"

namespace fletbridge::compare {

struct DisplayStep {
  std::string source;  // "line 3: click at 10,10", for messages
  int x = -1, y = -1;  // -1: a sleep
  std::optional<Box> watch;
  std::chrono::milliseconds time{5000};  // for the answer; of a sleep and of frames: how long
  bool frames = false;
  int scroll = 0;  // steps of the wheel, in place of a click
};

// With what is repeated as often as it is done. kUsage for the first line that is wrong.
[[nodiscard]] Result<std::vector<DisplayStep>> ParseDisplaySteps(std::string_view text);

}  // namespace fletbridge::compare
