// Room: src/ui/desktop. Whether this machine can show a window at all, tried for real: for
// `fletbridge doctor`, by way of src/host. Not for a process that shows one afterwards.
#pragma once

#include <string>

namespace fletbridge::desktop {

struct Toolkit {
  std::string obstacle;          // why GTK cannot be loaded, and what to do; empty if it can
  std::string display;           // the one that answers, or
  std::string display_obstacle;  // why there is none
};

// Loads GTK and connects to the display. Main thread.
[[nodiscard]] Toolkit TryToolkit();

}  // namespace fletbridge::desktop
