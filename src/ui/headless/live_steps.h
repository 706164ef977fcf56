// Room: src/ui/headless. Steps that come while the app runs: a connection to the Unix socket of
// whoever drives us (`fletbridge compare`), which listens. Lines to us, one JSON object a line
// back:
//
//   -> steps, one a line
//   -> run delay=NANOSECONDS       do them; before each input is sent, spin for so long; with
//                                  ` names` behind it the answer names the inputs; with
//                                  ` all-answer` at its end an input without an answer ends them
//   <- {"exit":0,"samples_ns":[…],"of":[…],"between":0,"unclear":0,"restless":["click key=a"],
//       "unanswered":"click key=b",
//       "inputs":[{"of":1,"name":"click key=a","line":1,"type":"Button","key":"a","words":["OK"],
//                  "icons":[65]}]}
//                                  their latencies, and which step, from 1, each is of; exit is 1
//                                  if a step failed, after which we end.
//                                  Then patches that nobody waited for, inputs whose answer nobody
//                                  can tell, the inputs after which the page was not quiet, and
//                                  the one that has ended them
//   -> clickables                  or clickables FINDER: what a click there would hit
//   <- {"clickables":[{"finder":"type=Button index=0","type":"Button","key":"","words":["OK"],
//                      "icons":[65]},…]}
//   -> read FINDER
//   <- {"read":"42"}               the text of the control; null if there is none
//
// A line has at most 1 MiB, and so have the steps before one `run`; the next `run` comes after the
// result of the one before. Whoever does otherwise is hung up on. While many answers wait to be
// read, no more lines are.
//
// The first line back is {"first_frame_ns":…,"made_in_ns":…}: when the first frame was drawn, on
// the steady clock, which all processes share; and how long the app took from its answer to our
// registration until the frame's patch had come. When the driver hangs up the window is closed.
//
// Threads: the loop's. Destroy it there, or when the loop has ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/ui/headless/screen.h"
#include "src/ui/headless/step_runner.h"
#include "src/ui/headless/steps.h"

namespace fletbridge {
class EventLoop;
}

namespace fletbridge::headless {

class LiveSteps {
 public:
  struct Calls {
    std::function<void(Steps steps, LiveRun how)> run;
    std::function<std::vector<Clickable>(const std::optional<Finder>& finder)> clickables;
    std::function<std::optional<std::string>(const Finder& finder)> read;
    std::function<void(const Error& why)> hung_up;  // once; an empty error when it just closed
  };
  LiveSteps(EventLoop& loop, std::string socket, Calls calls);
  ~LiveSteps();

  // Connects and reads; waits for nothing.
  void Start();
  // `made_in`: from the app's answer to our registration until the frame's patch had come.
  void TellFirstFrame(std::chrono::steady_clock::time_point at, std::chrono::nanoseconds made_in);
  void TellResult(int exit_code, const StepRunner& runner);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge::headless
