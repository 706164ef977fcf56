// Room: src/host. What a run will be, decided from what was asked for and what there is, without a
// look at the machine: so it can be tested, printed and decided again. Survey() finds the facts
// (survey.h), Launch carries the plan out (launch.h). Pure functions; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/measure/run_report.h"
#include "common/python/hosting.h"
#include "common/python/interpreter.h"
#include "src/host/run.h"

namespace fletbridge {

// One stage, as far as choosing it goes.
struct StageTraits {
  std::string name;
  std::vector<std::string> transports;  // the default first
  bool hosts_python = false;            // its interpreter is in the host's process
  int generation = 1;                   // the oldest that it can run
};

// A desktop client of Flet's on this machine.
struct FoundClient {
  std::string folder;   // unpacked; or, if it need not be yet,
  std::string archive;  // what it will be unpacked from
  std::string source;   // where it was found
  std::string version;  // of its Flet; empty: it cannot be told
  int generation = 0;   // that it speaks; 0: it cannot be told
  bool pinned = false;  // the person has added it
};

// What there is, as far as it matters to what was asked for.
struct LaunchFacts {
  std::vector<StageTraits> stages;  // highest first: the order in which `auto` tries them
  Interpreter python;
  int generation = 0;                // what an app in it speaks; 0: not known
  bool takes_socket = false;         // the shim can give a socket to Flet's server in it
  std::string own_process_obstacle;  // why it cannot be a process of its own; empty: it can
  // Why it cannot be hosted so; empty: it can. Of those that may be asked for.
  std::map<Hosting, std::string> hosting_obstacles;
  // Of those that may show a window: the client for it, or why there is none.
  FoundClient client;
  std::optional<Error> window_obstacle;
  bool passed_over = false;  // an obstacle that `auto` passes over; else it refuses
};

struct LaunchPlan {
  std::string stage, transport;
  std::vector<Hosting> hostings;  // stages 2 and 3: the one to take, then what may replace it
  std::string hosting_why;        // why this one comes first
  std::string why;                // for `auto` and after a fallback: why this stage; else empty
  std::vector<RunReport::Fallback> fallbacks;
  bool doubtful = false;  // by what earlier starts came to it may well fail: watch it

  std::string shown_by;   // "desktop", "headless", "attach" or "replay"
  std::string no_window;  // why there is none, where the UI was chosen by itself
  FoundClient client;     // desktop: the client that was chosen
  bool direct = false;    // the client and the app's socket are joined without us
  std::string mode_why;   // why they are not, where a window could be

  std::string flet_version;          // of the app
  std::string accelerators_package;  // the folder that the shim loads it from; not of every program
  std::string start_record;          // what the guard has left of this start; empty for nothing
  bool is_client = false;            // the app has started us, and may be started anew while we run
};

// Stages that are passed by, from the top down, in this run: a new decision begins at the last
// one's `to`.
struct Lowering {
  std::vector<RunReport::Fallback> changes;
  std::string why;  // in short
};

// The error says what to do.
[[nodiscard]] Result<LaunchPlan> Decide(const RunRequest& request, const LaunchFacts& facts,
                                        const Lowering& lowering = {});
// The plan of a run that an app has started as its client; it listens already, over `transport`.
[[nodiscard]] Result<LaunchPlan> DecideAsClient(const RunRequest& request, const LaunchFacts& facts,
                                                const std::string& transport);

// Whether a run may go on below the plan's stage.
[[nodiscard]] bool MayLower(const RunRequest& request, const LaunchFacts& facts,
                            const std::string& stage);
// To the next lower stage, after the plan's could not be started in this run.
[[nodiscard]] Lowering LowerThan(const LaunchPlan& plan, const LaunchFacts& facts,
                                 const Error& why);

// Why the plan's stage is not the one that was asked for; empty if it is.
[[nodiscard]] std::string WhyAnotherStage(const LaunchPlan& plan);
// "interpreter", or empty for two processes.
[[nodiscard]] std::string HostingOf(const LaunchPlan& plan);
// "stage 3 (ffi, one process, hosting interpreter), headless", for people.
[[nodiscard]] std::string Describe(const LaunchPlan& plan);

}  // namespace fletbridge
