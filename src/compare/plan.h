// Room: src/compare. The plan of a comparison: variants (how an app runs), workloads (its input,
// and what is measured), and the limits of a run. Values, made by tools/ from the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::compare {

// A way to run the app: `1:uds`, `2:tcp`, `3`, with a hosting where wanted (`3@static`); `flet:uds`
// and `flet:tcp`, Flet alone with our headless client; `original:ffi` and `bridge:ffi`, as `flet
// build` packages it, on flet-dev's libdart_bridge and on ours. A delay may be added at our end,
// before each input: `1:uds+100us`, to see whether it is found. Our stages run without what speeds
// up Flet's own Python, for which no transport deserves the credit, but for `1:uds+accelerators`.
// `flet:0.28.3` is another Flet, alone as well, with the app written for it (OtherFlet); before 0.4
// that means with its own broker, `fletd`.
struct Variant {
  enum class Kind { kStage, kFlet, kPackaged };
  std::string name;  // as it was written
  Kind kind = Kind::kStage;
  std::string stage, transport, hosting;
  std::chrono::nanoseconds delay{0};
  bool accelerated = false;
  std::string other{};  // another Flet's version
};
[[nodiscard]] Result<Variant> ParseVariant(std::string_view text);
// A list with commas; no variant twice.
[[nodiscard]] Result<std::vector<Variant>> ParseVariants(std::string_view text);

enum class Measure {
  kLatency,     // ns from an input to its answer
  kStartUp,     // ns from the start of the first process to the first frame, or to the screen as it
                // stays
  kFirstFrame,  // ns from the app's answer to the registration until its first frame has come
  kPace,        // ns that a computing thread of the app takes for a piece of its work
  kMemoryStart,  // bytes, PSS of all processes, after the first frame
  kMemoryEnd,    // the same after inputs
  kMemoryPeak,   // bytes, PSS and what each process once had more resident
  kFrameTime,    // ns from one drawn frame to the next, at a display, while steps measure them
  kLateFrames,   // frames a second that come later than kLate behind the one before
  kInputCpu,     // ns of processor time of all processes for each input
  kIdleCpu,      // ns of processor time in a second, nobody touching the app
  kWakeUps,      // how often a thread left the processor by itself, in such a second
};
[[nodiscard]] const char* UnitOf(Measure measure);  // "ns", "bytes" or "1/s"
// Judged by difference, since the baseline may be 0; else by ratio.
[[nodiscard]] bool ByDifference(Measure measure);

struct Workload {
  std::string name;
  std::string group{};  // asked for together, by this name; empty: alone
  std::string title;
  Measure measure = Measure::kLatency;
  // Of the built-in apps: the script in Plan::parts and its arguments, with blanks. Workloads of
  // one page share its instances. Empty: the plan's app.
  std::string page{};
  // kLatency: steps before the first block in a fresh instance, unmeasured; the steps of one input
  // or of one turn over several; how many such units are dropped as a warm-up, and stand in a
  // block. 0: as many as fit into kBlockTime.
  // `before`: steps before each unit, unmeasured, that put the page back.
  std::string prepare{};
  std::string before{};
  std::string unit{};
  std::string read{};  // kPace: finder of the text with the figure, after a unit
  std::size_t warm_up = 20;
  std::size_t block = 0;
  int turns = 12;     // blocks of each variant in a round
  bool once = false;  // the unit is a whole script: a fresh instance each time, nothing dropped
  // Its inputs, a line each, have been seen to be answered; one that is no more is left out.
  bool all_answer = false;
  std::vector<std::string> phases{};  // kStartUp: what it may consist of, in this order
  bool apart = false;                 // each line of the unit is an input with figures of its own
};

// Phases of a start; under the headless client they follow one another.
inline constexpr const char* kInterpreter = "interpreter";
inline constexpr const char* kImports = "imports";
inline constexpr const char* kListening = "listening";
inline constexpr const char* kRegistration = "registration";
inline constexpr const char* kFirstFrame = "first frame";
// In a window Python and the engine start side by side.
inline constexpr const char* kUntilPython = "until Python runs";
inline constexpr const char* kUntilImported = "until the app has imported";
inline constexpr const char* kUntilListening = "until the app listens";
inline constexpr const char* kUntilShown = "until the window is shown";
inline constexpr const char* kUntilDrawn = "until the engine has drawn";

// Whether its inputs are done by instances that take turns.
[[nodiscard]] bool InTurns(const Workload& workload);

// Short, so that what a machine does for a second or two hits all variants alike.
inline constexpr std::chrono::milliseconds kBlockTime{30};
inline constexpr std::chrono::milliseconds kIdleTime{500};
// An engine draws 60 frames a second; half a frame's time more is seen.
inline constexpr std::chrono::milliseconds kLate{25};
// A warm-up of large inputs ends after so long.
inline constexpr std::chrono::milliseconds kWarmUpTime{500};

// The workloads on the built-in apps, in the order in which they are run: of each page the small
// ones first.
[[nodiscard]] const std::vector<Workload>& BuiltInWorkloads();
// Their groups; the first one is measured where none is named.
[[nodiscard]] std::vector<std::string> BuiltInGroups();
// Of steps for a display that measure frames.
[[nodiscard]] std::vector<Workload> FrameWorkloads();
// Start-up, memory and idleness: of any app.
[[nodiscard]] std::vector<Workload> AnyAppWorkloads(bool at_display);

// A control that a person has named. The client knows no icons' names, so that one is apart.
struct NamedControl {
  std::string written, finder, icon;  // finder: without the icon and the index; may be empty
  std::size_t index = 0;
  bool all = true;  // no index was written
};

// A Flet in an environment of its own.
struct OtherFlet {
  std::string version, python, python_home, python_version, flet_package;
  std::string app;  // a script; empty: the plan's app runs on it
};

struct Plan {
  std::vector<Variant> variants;  // the baseline is the first
  std::vector<Workload> workloads;
  bool find_clicks = false;  // the workload `clicks` is found by looking at the app
  // Only these, or by the rule if there are none; and the controls that are never clicked.
  std::vector<NamedControl> clicks, not_clicks;
  bool dry_run = false;  // only tell what would be clicked
  enum class Fresh { kIfWritten, kAlways, kNever } fresh = Fresh::kIfWritten;  // headless
  std::string app_folder;    // what a fresh copy is of
  std::string prepare;       // for a shell, before each start; empty: nothing
  std::string flet_package;  // its folder, with the names of the icons
  std::string app;           // a script, or
  std::string module;
  std::vector<std::string> arguments;
  std::string python;       // the interpreter's path
  std::string python_home;  // its sys.base_prefix
  std::string python_version, flet;
  std::vector<OtherFlet> others;  // of all variants that have another
  std::string programs;           // folder of fletbridge and flet
  std::string parts;              // folder of the built-in app and of the page's parts
  std::string packaged_host;      // runs original:ffi and bridge:ffi; empty: not installed
  std::string original;           // flet-dev's libdart_bridge.so; empty: not there
  std::string bridge;             // ours
  std::string client;  // the folder of Flet's desktop client, in whose window everything is
                       // shown and looked at; empty: under our headless client
  bool client_is_of_the_app = true;  // speaks what the app's Flet speaks
  std::chrono::duration<double> time{90};
  double precision = 0.01;  // an interval is narrow enough when it ends so close to its estimate
  std::size_t max_rounds = 1000;
  std::uint64_t seed = 1;
  std::vector<int> cpus;  // pinned to these; empty: not pinned
};

// With the Flet of this variant, and its app.
[[nodiscard]] Plan PlanOf(const Variant& variant, Plan plan);

}  // namespace fletbridge::compare
