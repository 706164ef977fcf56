// Room: src/ui/desktop. Tests whether this machine can show a window, for `fletbridge doctor`,
// through src/host. Not for a process that shows one afterwards.
#pragma once

#include <string>

namespace fletbridge::desktop {

struct Toolkit {
  std::string obstacle;          // why GTK cannot be loaded, and what to do; empty if it can
  std::string display;           // the display that answers, or
  std::string display_obstacle;  // why none does
};

// Loads GTK and connects to the display. Main thread.
[[nodiscard]] Toolkit TryToolkit();

}  // namespace fletbridge::desktop
