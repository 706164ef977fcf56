// Room: src/host. Runs one app on one stage with one UI, from request to exit code: finds the
// interpreter, chooses the stage (with fallbacks where allowed), joins the AppTransport to the
// UiEndpoint, watches the life cycle, writes the report. Called by tools/ on the main thread, which
// Python may take for itself (stages 2 and 3); the process may become another program for that.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/transport/packet_port.h"

namespace fletbridge {

struct Features;    // src/host/features.h
struct LaunchPlan;  // src/host/launch_plan.h

// What a rollout has said of a run; its address is empty where there is none.
struct RolloutNote {
  std::string address, variant, why;
  bool chose = false;  // the stage is the rollout's, not somebody's who named one
};

// Everything a run depends on, after the settings of all sources were merged and checked.
struct RunRequest {
  std::string stage = "auto";    // "1", "2", "3" or "auto"
  std::string hosting = "auto";  // stages 2 and 3: "interpreter", "static", "library" or "auto"
  std::string transport;         // "uds", "tcp", "ffi", or empty for the stage's default
  std::string mode = "auto";     // "direct": the client speaks to the app itself; "relayed", "auto"
  std::string ui = "auto";       // "desktop", "headless", "attach" or "auto"
  std::string attach_address;    // for attach: "unix:PATH" or "tcp:HOST:PORT"; empty for a default
  std::string flet_client;       // desktop: folder or archive of Flet's client; empty to search
  std::string accelerators = "all";    // as the setting has it: "all", "none", "verify" or names
  bool hidden = false;                 // desktop: the window is hidden until the app shows it
  std::string assets;                  // desktop: the app's folder of assets; empty if it has none
  std::string python;                  // interpreter or virtual environment; empty to search
  std::string script;                  // path of the app, or
  std::string module;                  // name of the module (-m); exactly one of both is set
  std::vector<std::string> arguments;  // the app's own, after the script or module
  std::vector<std::pair<std::string, std::string>> environment;  // set for the app, over ours
  std::string steps_file;   // headless: what to do; empty for nothing
  std::string steps;        // its text, once it has been read: a pipe gives it once
  std::string report_file;  // where to write the JSON report; empty for none
  std::string record_file;  // where to record the session; empty for nowhere
  std::uint64_t record_limit = std::uint64_t{64} << 20;  // bytes, of all files of the recording
  std::vector<std::string> redact;                       // fields whose values are left out of it
  std::string replay_file;  // the UI is the client that was recorded there; empty for another UI
  bool replay_full_speed = true;
  std::vector<std::string> replay_masks;  // differences that do not count
  std::uint64_t replay_wait_ms = 5000;    // for a frame that does not come
  std::vector<std::string> expect_crash;  // parts of what the app may raise; beside the steps'
  bool fallback = false;  // a stage asked for by name may be replaced by the next lower one
  bool quiet = false;     // no line that says what runs how
  FlowLimits limits;
  // In seconds; 0: none; kByUi: none for a person, some for steps that nobody watches.
  static constexpr std::int64_t kByUi = -1;
  std::int64_t start_deadline = kByUi;        // until the app listens, then until it answers
  std::int64_t first_frame_deadline = kByUi;  // headless with steps
  std::int64_t end_deadline = kByUi;          // from the app's heeding to its end
  std::string guard;  // what StartGuard needs to know, in its own words; empty: no start is noted
  RolloutNote rollout;
};

// Returns the process's exit code: the app's own, 1 for a failed step, 2 for a usage error, 70 for
// a failure of ours, 128 + signal after a signal. May end the process by itself when the app runs
// in it. Prints one line for each error.
[[nodiscard]] int Run(const RunRequest& request, const Features& features);

// What Run() would do now, as far as it is known before the app is started: asks the interpreter,
// and leaves no trace.
[[nodiscard]] Result<LaunchPlan> PlanStart(const RunRequest& request, const Features& features);

// Goes on with a run that Run() has begun in another program of this process: it has become the
// interpreter, or our executable with a static one inside. `fd` is what it has inherited. As a
// guest of the interpreter it returns before the app has run, as RunHosted() says.
[[nodiscard]] int RunHandedOver(int fd, const Features& features) noexcept;

// Runs as Flet's desktop client, started by Python: connects to `page_url` (a socket path or
// tcp://host:port), writes our pid to `pid_file`, lives as long as the UI. The UI and its steps
// come from `request`; its app part is ignored.
[[nodiscard]] int RunAsClient(const RunRequest& request, const std::string& page_url,
                              const std::string& pid_file, const Features& features);

}  // namespace fletbridge
