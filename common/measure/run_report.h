// Room: common/measure. The report of a run, as `--report` writes it. Filled by src/host, read by
// tests and by users' scripts: keys stay, more may be added. Knows no stage and no UI.
//
// Values; not for concurrent use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/measure/percentiles.h"
#include "common/measure/stopwatch.h"

namespace fletbridge {

// An empty text, a negative generation and an empty optional are written as null: unknown.
struct RunReport {
  struct Fallback {
    std::string from, to, why;
  };
  struct Process {
    std::string role;  // "host", "app" or "broker"
    std::int64_t pid = 0;
  };
  struct Accelerator {
    std::string name;
    std::string obstacle;  // why it is not on; empty if it is
  };
  struct Packets {
    std::optional<std::uint64_t> count, bytes;  // unknown where no byte passes through us
  };

  std::string version, app, flet, python;
  int generation = -1;         // of the app's wire
  int client_generation = -1;  // of the client's, where a client of its own has come
  struct {
    std::string stage, transport, ui, hosting{}, accelerators{};
  } requested;
  struct {
    std::string stage, transport, ui, mode;  // mode: "direct" or "relayed"
    std::string hosting, hosting_why;        // stages 2 and 3: how the interpreter is hosted
    std::string ui_leg{};                    // how packets reach a client of its own: "uds"
    std::string client{};                    // desktop: the folder of Flet's client
    std::vector<std::string> accelerators;   // those that are on
    std::vector<Fallback> fallbacks;
    std::string why{};       // why this stage, where it was chosen
    std::string mode_why{};  // why no client speaks to the app itself, where there is a window
  } used;
  // What a rollout has said; its address is empty where there is none. `chose`: the stage is its
  // own.
  struct Rollout {
    std::string address, variant, why;
    bool chose = false;
  } rollout{};
  // What speeds up Flet's own Python, apart from any transport.
  struct {
    bool verify = false;             // Flet's own code is run as well, and compared
    std::vector<Accelerator> state;  // those that were asked for
    // As the app's side counts them, and what verify has found; none: it has told nothing.
    std::optional<std::vector<std::pair<std::string, std::uint64_t>>> counters;
    std::vector<std::string> differences;
  } accelerators;
  std::optional<std::uint64_t> reloads;  // hot reload: how often the app was started again
  std::vector<Process> processes;
  struct {
    // app_imported: the app has called ft.run(), so its imports are over.
    std::optional<std::chrono::nanoseconds> python_ready, app_imported, app_listening;
    std::optional<std::chrono::nanoseconds> registered, first_frame;
    // With a window: it is on the screen; the engine has drawn in it for the first time.
    std::optional<std::chrono::nanoseconds> window_shown{}, frame_drawn{};
  } timeline;
  struct {
    Packets to_app, to_ui;
  } packets;
  Percentiles latency;                // of nanoseconds
  std::uint64_t latency_unclear = 0;  // inputs whose answer nobody can tell
  struct {
    std::optional<int> code;
    std::string reason;
  } exit;

  void SetTimeline(const Timeline& from);
};

// One JSON object, indented, with a newline at its end. Times are in milliseconds, latencies in
// microseconds. Bytes that are no UTF-8 are shown as U+FFFD.
[[nodiscard]] std::string ToJson(const RunReport& report);

// Says why a report could not be written to `path` later, as far as that can be known now.
[[nodiscard]] Result<> CheckReportPath(const std::string& path);

// Writes the report whole or not at all, as WriteOwnFile() does: nothing of another user's is
// written to. A device or a pipe is written to directly. Waits for the disk.
[[nodiscard]] Result<> WriteReport(const std::string& path, const RunReport& report);
// The same for a report of another kind.
[[nodiscard]] Result<> WriteReportText(const std::string& path, std::string_view text);

}  // namespace fletbridge
