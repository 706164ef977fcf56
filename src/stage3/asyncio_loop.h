// Room: src/stage3. What is known here of asyncio's event loops. Everything under the GIL. A loop
// that is not asyncio's own, such as uvloop's, or has its debug mode on, is served without the
// short cuts.
#pragma once

#include "common/python/py_ref.h"

namespace fletbridge::stage3 {

// The loop that runs in this thread; null, and no exception, if there is none.
[[nodiscard]] PyRef RunningLoop();
[[nodiscard]] bool IsClosed(PyObject* loop);

// A reader's callback that hands messages over, on the loop's own thread. Two things asyncio does
// for callers on other threads are not needed meanwhile:
//  - call_soon_threadsafe(), which handlers such as Flet's use, wakes the loop through a socket;
//  - what it adds waits for the loop's next round, which first asks the kernel for events. If
//  nothing
//    else was ready before the delivery, Finish() runs what the delivery has added at once, as that
//    round would have, and what that adds in turn (the task that waits for the message).
class LoopTurn {
 public:
  // Null: not on a loop; then it does nothing.
  explicit LoopTurn(PyObject* loop);
  ~LoopTurn();
  LoopTurn(const LoopTurn&) = delete;
  LoopTurn& operator=(const LoopTurn&) = delete;

  // False with an exception set that is the loop's: SystemExit or KeyboardInterrupt.
  [[nodiscard]] bool Finish();

 private:
  void WakeItselfAgain();

  PyRef loop_;   // null when it wakes itself again
  PyRef ready_;  // its queue of callbacks, empty at the start
};

}  // namespace fletbridge::stage3
