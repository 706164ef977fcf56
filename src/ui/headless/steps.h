// Room: src/ui/headless. The steps language: what a steps file says, as data. One step a line, `#`
// begins a comment:
//
//   click FINDER          type FINDER "Ann"      submit FINDER          check FINDER true|false
//   drag FINDER from X,Y to X,Y steps N [at R/s] dismiss FINDER         resize W H
//   channel FINDER        stream BYTES count N
//   route "/x"            expect FINDER          expect no FINDER       expect count=N FINDER
//   expect crash "text"   wait FINDER 5s         repeat N STEP          tree FILE.json
//   sleep 200ms           close
//
// A FINDER is one or more of text="+", icon=ADD, key=save, type=Button, all of which must hold, and
// index=N for the match number N, counted from 0. A drag with a rate is sent by the clock, whether
// or not the app keeps up, and each of its movements must be answered by one patch: that one's
// latency counts from the moment the movement was due. `channel` opens a data channel on a control;
// `stream` sends N messages of so many bytes through it and waits until as many bytes have come
// back. Values are bare words or quoted, with the escapes
// \" \\ \n \t. A relative FILE lies in the folder in which fletbridge was started. `close` closes
// the window and ends the steps; an app with prevent_close is asked instead, and the next steps
// answer it, such as by a click in the dialog that it shows. Durations end in ms or s; every step
// but sleep, repeat, tree and close takes one at its end: how long an input waits for its control
// to come (2s) and for an answer (1s), a check for its truth (2s; wait: 10s).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

struct Finder {
  std::optional<std::string> text;
  std::optional<std::string> icon;
  std::optional<std::string> key;
  std::optional<std::string> type;
  std::optional<std::size_t> index;
};

enum class StepKind {
  kClick,
  kType,
  kSubmit,
  kCheck,
  kDrag,
  kChannel,
  kStream,
  kDismiss,
  kResize,
  kRoute,
  kExpect,
  kExpectNo,
  kExpectCount,
  kExpectCrash,
  kWait,
  kTree,
  kSleep,
  kClose,
};

struct Step {
  StepKind kind = StepKind::kClick;
  int line = 0;        // of the file, from 1
  std::string source;  // as it is written, for messages
  std::size_t repeat = 1;
  // How long an input waits for its answer, a check for its truth; and an input for its control.
  std::chrono::milliseconds time{0};
  std::chrono::milliseconds target_time{2000};
  Finder finder;
  std::string text;       // type, expect crash: the text; route: the route; tree: the file
  bool on = false;        // check
  std::size_t count = 0;  // expect count; drag: the number of updates; stream: of messages
  std::size_t bytes = 0;  // stream: of a message
  double rate = 0;        // drag: updates a second; 0: as fast as they can be sent
  double x1 = 0, y1 = 0;  // drag: from; resize: width and height
  double x2 = 0, y2 = 0;  // drag: to
};

struct Steps {
  std::vector<Step> steps;
};

// kUsage for the first line that is wrong; the text names the line and what was expected.
[[nodiscard]] Result<Steps> ParseSteps(std::string_view text);

}  // namespace fletbridge
