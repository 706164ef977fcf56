// Room: src/host. One run: connects an AppHost and a UiSurface by a pipeline, delivers events to
// Life and executes its orders, handles signals, and collects the report's figures. Knows no stage
// and no UI by name.
//
// Threads: RunSession() on the process's main thread; the callbacks as stated.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/measure/run_report.h"
#include "common/transport/app_host.h"
#include "common/transport/ui_surface.h"
#include "src/host/accelerators.h"
#include "src/host/features.h"
#include "src/host/life.h"

namespace fletbridge {

// How a session ended, for the start guard.
struct SessionEnd {
  int code = 0;
  std::string reason;
  bool by_person = false;   // Ctrl-C, SIGTERM, or the UI did not start or was closed
  bool app_killed = false;  // a signal that we did not send has ended the app's process
  bool first_frame = false;
  std::vector<std::uint64_t> clicks_ns;  // latencies from an input to the patch that answers it
};

struct SessionParts {
  std::unique_ptr<EventLoop> loop;  // not started yet
  std::unique_ptr<AppHost> app;
  std::unique_ptr<UiSurface> ui;
  RunReport report;                                  // as known before the start
  std::size_t max_packet = FlowLimits{}.max_packet;  // of both ports, in bytes
  std::string report_file;                           // empty: none
  Generation app_generation = Generation::kUnknown;
  Generation client_generation = Generation::kUnknown;  // direct mode: for the report
  std::vector<std::unique_ptr<Filter>> filters;         // the features', from the app's side on
  bool crash_fails = false;  // an exception of the app fails the run; else the UI decides
  std::unique_ptr<Accelerators> accelerators;  // null: none can be loaded into this app
  LifePatience patience;
  Timeline* timeline = nullptr;
  // How often the app was started again; null: it cannot be.
  std::shared_ptr<std::atomic<std::uint64_t>> reloads;
  std::function<void()> first_frame = [] {};  // on the loop's thread
  // Once, on any thread: at the session's end, or without one at the app's.
  std::function<void(const SessionEnd&)> ended = [](const SessionEnd&) {};
};

// Runs to the end and returns the process's exit code. If the app runs in this process, it may end
// the process instead of returning.
[[nodiscard]] int RunSession(SessionParts parts);

}  // namespace fletbridge
