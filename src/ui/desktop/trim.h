// Room: src/ui/desktop. Returns memory to the system that drawing has used and freed and that the C
// library would keep: some 5 MiB after the start, 100 MiB after a hundred clicks with software
// rendering (tests/bench/window.py --clicks 100; Flet's own client keeps it). Used by DesktopUi.
//
// Threads: one at a time.
#pragma once

namespace fletbridge::desktop {

class Trim {
 public:
  // To be called when nothing has been drawn for a while. Takes some milliseconds for large
  // amounts.
  void AtRest();

 private:
  bool first_ = true;
};

}  // namespace fletbridge::desktop
