// Room: src/stage3. Everything that depends on asyncio's event loops: two shortcuts around their
// wake-ups. They are not used on a loop that is not asyncio's own, such as uvloop's, nor in debug
// mode.
//
// Threads: any Python thread, with the GIL held; LoopTurn on the loop's own thread.
#pragma once

#include "common/python/py_ref.h"

namespace fletbridge::stage3 {

// The loop that runs in this thread; null, without an exception, if there is none.
[[nodiscard]] PyRef RunningLoop();
[[nodiscard]] bool IsClosed(PyObject* loop);

// Surrounds the delivery of messages in a reader's callback. Two things that asyncio does for
// callers on other threads are unnecessary meanwhile:
//  - call_soon_threadsafe(), which handlers such as Flet's call, wakes the loop through a socket;
//  - the callbacks it adds wait for the loop's next iteration, which first polls the kernel. If no
//    other callback was ready before the delivery, Finish() runs the added ones at once, as that
//    iteration would, and then those that they add (the task that waits for the message).
class LoopTurn {
 public:
  // Null: no loop, and this object does nothing.
  explicit LoopTurn(PyObject* loop);
  ~LoopTurn();
  LoopTurn(const LoopTurn&) = delete;
  LoopTurn& operator=(const LoopTurn&) = delete;

  // False, with an exception set that the loop must get: SystemExit or KeyboardInterrupt.
  [[nodiscard]] bool Finish();

 private:
  void WakeItselfAgain();

  PyRef loop_;   // null once the loop's own wake-up is restored
  PyRef ready_;  // the loop's queue of callbacks, if it was empty at the start
};

}  // namespace fletbridge::stage3
