// Room: src/ui/headless. The steps language: what a steps file says, as data. One step a line, `#`
// begins a comment:
//
//   click FINDER          type FINDER "Ann"      submit FINDER          check FINDER true|false
//   drag FINDER from X,Y to X,Y steps N [at R/s] dismiss FINDER         resize W H
//   hover FINDER          leave                  long_press FINDER      slide FINDER 40 [steps N]
//   pick FINDER 2026-03-04                       answer METHOD VALUE…   clipboard "text"
//   channel FINDER        stream BYTES count N
//   route "/x"            expect FINDER          expect no FINDER       expect count=N FINDER
//   expect crash "text"   expect clipboard "x"   wait FINDER 5s         repeat N STEP
//   tree FILE.json        screenshot FILE.png    sleep 200ms            close
//
// A FINDER is one or more of text="+", icon=ADD, key=save, type=Button, all of which must hold, and
// index=N for the match number N, counted from 0. A drag with a rate is sent by the clock, whether
// or not the app keeps up, and each of its movements must be answered by one patch: that one's
// latency counts from the moment the movement was due. `channel` opens a data channel on a control;
// `stream` sends N messages of so many bytes through it and waits until as many bytes have come
// back. `slide` sets a slider, or with 20,60 a range slider, in N movements; `pick` chooses in a
// date, time or duration picker, in a range picker two dates. `answer` is what the person chooses
// where the app calls the client's METHOD, such as save_file, or Clipboard.get where several
// services have one of that name: in the call that waits for it, or else in the next one. Its VALUE
// is text, a bare number, true, false or none, or several for a list; for pick_files the paths of
// files; or `error "text"`, which the app's call raises. Values are bare words or quoted, with the
// escapes \" \\ \n \t. A relative FILE lies in the folder in which fletbridge was started. `close`
// closes the window and ends the steps; an app with prevent_close is asked instead, and the next
// steps answer it, such as by a click in the dialog that it shows. Durations end in ms or s; every
// step but sleep, repeat, tree and close takes one at its end: how long an input waits for its
// control to come (2s) and for an answer (1s), a check for its truth (2s; wait: 10s).
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
  kHover,
  kLeave,
  kLongPress,
  kSlide,
  kPick,
  kAnswer,
  kClipboard,
  kResize,
  kRoute,
  kExpect,
  kExpectNo,
  kExpectCount,
  kExpectCrash,
  kExpectClipboard,
  kWait,
  kTree,
  kScreenshot,
  kSleep,
  kClose,
};

// As it is written: a bare word may stand for a number, true, false or none.
struct StepValue {
  std::string text;
  bool quoted = false;
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
  // type, clipboard, expect …: the text; route: the route; tree, screenshot: the file;
  // answer: the method
  std::string text;
  std::vector<StepValue> values;  // answer, pick
  bool on = false;                // check; answer: an error; slide: two values
  std::size_t count = 0;  // expect count; drag, slide: the number of updates; stream: of messages
  std::size_t bytes = 0;  // stream: of a message
  double rate = 0;        // drag: updates a second; 0: as fast as they can be sent
  double x1 = 0, y1 = 0;  // drag: from; resize: width and height; slide: the values
  double x2 = 0, y2 = 0;  // drag: to
};

struct Steps {
  std::vector<Step> steps;
};

// kUsage for the first line that is wrong; the text names the line and what was expected.
[[nodiscard]] Result<Steps> ParseSteps(std::string_view text);

}  // namespace fletbridge
