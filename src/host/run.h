// Room: src/host. Runs one app on one stage with one UI, from the request to the exit code: finds
// the interpreter, chooses the stage (with fallbacks if allowed), connects AppHost and UiSurface,
// controls their life cycle, writes the report. Called by tools/.
//
// Threads: the main thread, on which Python runs in stages 2 and 3; for that the process may
// replace its program (execve).
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

// The decision of a rollout; `address` is empty if there is none.
struct RolloutNote {
  std::string address, variant, why;
  bool chose = false;  // it has decided the stage; false if the user has named one
};

// Of the web UI.
struct WebRequest {
  std::string host = "127.0.0.1";  // an address of this machine, "localhost", "*"
  std::uint16_t port = 8550;       // 0: any that is free
  std::string name;                // the path below which the app is
  std::string client;              // the folder of Flet's web client; empty to search
  bool is_public = false;          // without a token
  std::int64_t workers = 1;        // processes of the app behind the address
  std::int64_t drain = 0;          // seconds that sessions have after SIGTERM
  std::string metrics;             // "HOST:PORT" of /metrics; empty: none
  std::string key_file;            // of the secrets that several machines share; empty: of this run
  // What the process that listens gives its workers, and a key file gives everybody.
  std::string token, cookie, key;
  int worker = 0;
  int line = -1;  // inherited
  std::vector<std::string> trusted_proxies;
  // What an app that asks for a browser itself (ft.run()) may still say.
  bool has_host = false, has_port = false;
  bool opens_browser = true;  // if it asks for that
};

// All settings of a run, merged from all sources and checked.
struct RunRequest {
  std::string stage = "auto";    // "legacy", "1", "2", "3" or "auto"
  std::string hosting = "auto";  // stages 2 and 3: "interpreter", "static", "library" or "auto"
  std::string transport;         // "uds", "tcp", "ffi", or empty for the stage's default
  std::string mode = "auto";     // "direct": the client connects to the app; "relayed", "auto"
  std::string ui = "auto";       // "desktop", "web", "headless", "attach" or "auto"
  WebRequest web;
  std::string attach_address;  // for attach: "unix:PATH" or "tcp:HOST:PORT"; empty for a default
  std::string flet_client;     // desktop: folder or archive of Flet's client; empty to search
  std::string accelerators = "all";    // the setting: "all", "none", "verify" or names
  bool hidden = false;                 // desktop: the window is hidden until the app shows it
  std::string assets;                  // desktop: the app's folder of assets; empty: none
  std::string python;                  // interpreter or virtual environment; empty to search
  std::string script;                  // path of the app, or
  std::string module;                  // name of the module (-m); exactly one of both is set
  std::vector<std::string> arguments;  // the app's own, after the script or module
  std::vector<std::pair<std::string, std::string>> environment;  // of the app, in addition to ours
  std::string steps_file;                                        // the steps; empty for none
  std::string steps;        // the file's text, once read, since a pipe can be read only once
  std::string report_file;  // where to write the JSON report; empty for none
  std::string record_file;  // where to record the session; empty for nowhere
  std::uint64_t record_limit = std::uint64_t{64} << 20;  // bytes, of all files of the recording
  std::vector<std::string> redact;                       // fields whose values are not recorded
  std::string replay_file;  // the UI replays this recording's client; empty for another UI
  bool replay_full_speed = true;
  std::vector<std::string> replay_masks;  // differences to ignore
  std::uint64_t replay_wait_ms = 5000;    // how long a missing frame is waited for
  std::vector<std::string> expect_crash;  // parts of expected exceptions, besides the steps'
  bool fallback = false;  // a stage that was named may be replaced by the next lower one
  bool quiet = false;     // without the line that says how the app runs
  FlowLimits limits;
  // In seconds. 0: none; kByUi: none with a user, a default with headless steps.
  static constexpr std::int64_t kByUi = -1;
  std::int64_t start_deadline = kByUi;        // until the app listens, then until it has answered
  std::int64_t first_frame_deadline = kByUi;  // headless with steps
  std::int64_t end_deadline = kByUi;          // from the app's acknowledgement to its end
  // Hot reload: the app is started again when a file in this folder is saved; empty: it is not.
  std::string watched_folder;  // absolute
  bool watches_below = false;  // the folder's own folders too
  std::vector<std::string> ignored_folders;
  int life_line = -1;  // attach: inherited; its end closes the UI
  std::string guard;   // StartGuard's own data; empty: the start is not guarded
  RolloutNote rollout;
};

// Returns the process's exit code: the app's own, 1 for a failed step, 2 for a usage error, 70 for
// a failure of ours, 128 + signal after a signal. If the app runs in this process, it may end the
// process instead of returning. Prints one line for each error.
[[nodiscard]] int Run(const RunRequest& request, const Features& features);

// What Run() would do, as far as that is known without starting the app. Probes the interpreter;
// changes nothing.
[[nodiscard]] Result<LaunchPlan> PlanStart(const RunRequest& request, const Features& features);

// Continues a run that Run() has begun, after execve() to the interpreter or to our executable with
// a static libpython. `fd`: the inherited descriptor (handover.h). Inside the interpreter it
// returns before the app has run (RunHosted()).
[[nodiscard]] int RunHandedOver(int fd, const Features& features) noexcept;

// One start of an app that is reloaded, or one of its workers, in a child of the run that holds the
// UI or listens for it: `fd` is what it has inherited. Nobody types its word, which is followed by
// that number.
inline constexpr const char* kReloadedWord = "reloaded-start";
[[nodiscard]] int RunReloaded(int fd, const Features& features);

// Runs as Flet's desktop client, started by Python: connects to `page_url` (a socket path or
// tcp://host:port), writes our pid to `pid_file`, and returns when the UI has ended. Uses the UI
// settings of `request`; those of the app are ignored.
[[nodiscard]] int RunAsClient(const RunRequest& request, const std::string& page_url,
                              const std::string& pid_file, const Features& features);

}  // namespace fletbridge
