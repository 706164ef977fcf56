// Room: src/host. Executes a launch plan in the program that hosts the run: creates the AppHost and
// the UI, connects them and runs them. Shared by all commands that run an app.
//
// Threads: the main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"
#include "src/host/features.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"
#include "src/host/session.h"

namespace fletbridge {

// The parts of a run.
struct Launch {
  // `features` and `timeline` must live until the process has ended, beyond exit().
  Launch(RunRequest asked, LaunchPlan decided, Interpreter found, const Features& given,
         Timeline& measured)
      : request(std::move(asked)),
        plan(std::move(decided)),
        python(std::move(found)),
        features(given),
        timeline(measured) {}

  RunRequest request;
  LaunchPlan plan;
  Interpreter python;
  const Features& features;
  Timeline& timeline;
  // Creates the app's side, on the session's loop. An error counts as the stage's failure.
  std::function<Result<std::unique_ptr<AppHost>>(EventLoop& loop, Accelerators* accelerators)>
      make_app;
  // The app's generation, for the UI.
  Generation generation = Generation::kUnknown;
  std::shared_ptr<std::atomic<std::uint64_t>> reloads;  // as SessionParts has it
  bool speeds_up = false;  // whether we start the app, and so can load accelerators into it
  std::string app;         // its name in the report; empty: its script or module
};

// Runs to the end and returns the process's exit code. If the app runs in this process, it may end
// the process instead of returning. Prints one line for an error.
[[nodiscard]] int Run(Launch launch);

// Prints the error and returns its exit code: 2 for wrong usage, else 70.
[[nodiscard]] int Fail(const Error& error);

// The interpreter's arguments: "-m", "MODULE" or "SCRIPT", and the app's own.
[[nodiscard]] std::vector<std::string> AppArguments(const RunRequest& request);

}  // namespace fletbridge
