// Room: src/host. One run: an AppTransport and a UiEndpoint, joined by two relays, with the life
// cycle of both, signals, the end in order and the figures for the report. Knows no stage and no UI
// by name.
//
// Threads: constructed and Run() on the process's main thread; everything else on the EventLoop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/measure/run_report.h"
#include "common/transport/app_transport.h"
#include "common/transport/ui_endpoint.h"
#include "src/host/accelerators.h"
#include "src/host/features.h"
#include "src/host/life.h"

namespace fletbridge {

// How a session ended, for who judges the stage by it.
struct SessionEnd {
  int code = 0;
  std::string reason;
  bool by_person = false;   // Ctrl-C, SIGTERM, or the UI did not come up or was closed
  bool app_killed = false;  // the app's own process, by a signal that nobody of us has sent
  bool first_frame = false;
  std::vector<std::uint64_t> clicks_ns;  // input to the first patch that answers it
};

struct SessionParts {
  std::unique_ptr<EventLoop> loop;  // not started
  std::unique_ptr<AppTransport> app;
  std::unique_ptr<UiEndpoint> ui;
  RunReport report;                                  // what is known before the start
  std::size_t max_packet = FlowLimits{}.max_packet;  // of both ports, in bytes
  std::string report_file;                           // empty: none is written
  std::unique_ptr<SessionTap> tap;                   // null: nobody sees the packets
  bool crash_fails = false;  // what the app raises is the run's failure; else the UI judges it
  std::unique_ptr<Accelerators> accelerators;  // null: the app is not ours to speed up
  LifePatience patience;
  Timeline* timeline = nullptr;
  std::function<void()> first_frame = [] {};  // on the loop's thread
  // Once, on any thread: when the session has ended, or else when the app has.
  std::function<void(const SessionEnd&)> ended = [](const SessionEnd&) {};
};

// Runs to the end and returns the process's exit code. May end the process by itself, when the app
// runs in it.
[[nodiscard]] int RunSession(SessionParts parts);

}  // namespace fletbridge
