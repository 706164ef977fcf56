// Room: src/ui/desktop. Gives memory back to the system that drawing has used and freed, and that
// the C library keeps: some 5 MiB after the start, 100 MiB after a hundred clicks where software
// draws. (tests/bench/window.py --clicks 100; Flet's own client keeps it.) Used by DesktopUi, one
// thread.
#pragma once

namespace fletbridge::desktop {

class Trim {
 public:
  // When nothing has been drawn for a while. Takes some milliseconds if there is much.
  void AtRest();

 private:
  bool first_ = true;
};

}  // namespace fletbridge::desktop
