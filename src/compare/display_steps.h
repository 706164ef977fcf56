// Room: src/compare. The steps at a display, parsed from a steps file. One step per line; `#`
// begins a comment:
//
//   click at X,Y watch X,Y,WIDTH,HEIGHT [5s]     until something changes in that part of the screen
//   click at X,Y                                 not measured
//   click at X,Y frames 2s                       measures each drawn frame for that long
//   scroll at X,Y by N frames 2s                 the same, with N steps of the wheel; up: -N
//   sleep 200ms          repeat N STEP
//
// Coordinates are pixels from the left and from the top. Values; any thread.
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

// Repeated steps are expanded. kUsage for the first invalid line.
[[nodiscard]] Result<std::vector<DisplayStep>> ParseDisplaySteps(std::string_view text);

}  // namespace fletbridge::compare
