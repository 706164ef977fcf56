// Room: src/host. Decides what a run will be, from its request and the facts of this machine alone,
// so that the decision can be tested, printed and repeated. Survey() collects the facts (survey.h),
// Run(Launch) executes the plan (launch.h).
//
// Threads: any; pure functions and values.
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

// A stage's properties that matter for the choice.
struct StageTraits {
  std::string name;
  std::vector<std::string> transports;  // the default first
  bool hosts_python = false;            // the interpreter runs in the host's process
  bool by_name = false;                 // taken only if it is asked for: not by `auto`, no fallback
  bool wants_web = false;               // the app's Flet is a web server
};

// One of Flet's desktop clients on this machine.
struct FoundClient {
  std::string folder;   // where it is unpacked; or, if it is not yet,
  std::string archive;  // the archive
  std::string source;   // where it was found
  std::string version;  // of its Flet; empty: unknown
  int generation = 0;   // its wire generation, 1 to 3; 0: unknown
  bool pinned = false;  // added by the user
};

// The facts of this machine that matter for the request.
struct LaunchFacts {
  std::vector<StageTraits> stages;  // highest first: the order in which `auto` tries them
  Interpreter python;
  int generation = -1;               // of the interpreter's Flet; -1: unknown
  bool takes_socket = false;         // AppSpec::takes_socket
  std::string own_process_obstacle;  // why stage 1 is impossible; empty: it is possible
  std::string web_obstacle;          // why Flet cannot be a web server; empty: it can
  std::string brokerless_obstacle;   // why stage `legacy` is the only one; empty: it is not
  // Why a hosting is impossible; empty: it is possible. Of the hostings that the request allows.
  std::map<Hosting, std::string> hosting_obstacles;
  // If the request allows a window: the client for it, or why there is none.
  FoundClient client;
  std::optional<Error> window_obstacle;
  bool passed_over = false;    // `auto` then runs without a window; else it refuses
  bool names_browser = false;  // the app's source may ask ft.run() for a browser
  bool forces_web = false;     // FLET_FORCE_WEB_SERVER
};

struct LaunchPlan {
  std::string stage, transport;
  std::vector<Hosting> hostings;  // stages 2 and 3: the chosen one, then possible replacements
  std::string hosting_why;        // why the first one
  std::string why;                // after `auto` or a fallback: why this stage; else empty
  std::vector<RunReport::Fallback> fallbacks;
  bool doubtful = false;  // likely to fail, by earlier starts: start it in a child process

  std::string shown_by;     // "desktop", "web", "headless", "attach" or "replay"
  std::string no_window;    // with ui=auto: why there is no window
  FoundClient client;       // desktop: the chosen client
  std::string refusal;      // with may_be_web: why the run ends if the app asks for no browser
  bool may_be_web = false;  // the app may ask for browsers instead, when it calls ft.run()
  bool direct = false;      // direct mode: the client connects to the app itself
  std::string mode_why;     // desktop: why the mode is not direct

  std::string flet_version;          // of the app
  std::string accelerators_package;  // the package's folder; empty in programs without it
  std::string start_record;          // the path of the guard's start record; empty: none
  bool is_client = false;            // the app has started us, and may be restarted while we run
  bool reloads = false;  // each save starts the app again, in a child of the UI's process
};

// The fallbacks of this run so far, from the top down: a new decision begins at the last one's
// `to`.
struct Lowering {
  std::vector<RunReport::Fallback> changes;
  std::string why;  // a short reason
};

// kUsage or kSetup if the request cannot be fulfilled; the error says what to do.
[[nodiscard]] Result<LaunchPlan> Decide(const RunRequest& request, const LaunchFacts& facts,
                                        const Lowering& lowering = {});
// The plan of a run that an app has started as its client. The app already listens, on `transport`.
[[nodiscard]] Result<LaunchPlan> DecideAsClient(const RunRequest& request, const LaunchFacts& facts,
                                                const std::string& transport);

// Whether this value of FLET_FORCE_WEB_SERVER asks for a web server, as Flet reads it.
[[nodiscard]] bool ForcesWeb(std::string word);

// Whether the run may fall back from `stage`.
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
