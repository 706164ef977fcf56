// Room: src/host. Carries out a launch plan, in the program in which the run stays: puts the app's
// side and the UI together as a session, and runs it. Shared by all that run an app. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "common/base/event_loop.h"
#include "common/transport/app_transport.h"
#include "src/host/features.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"
#include "src/host/session.h"

namespace fletbridge {

// What a run is made of besides its request, its plan and its features.
struct Launch {
  // `features` and `timeline` outlive the process's exit().
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
  // The app's side, on the loop of the session. An error is the stage's fault.
  std::function<Result<std::unique_ptr<AppTransport>>(EventLoop& loop, Accelerators* accelerators)>
      make_app;
  // What the app speaks, as the UI is to take it.
  Generation generation = Generation::kUnknown;
  bool speeds_up = false;  // the app is ours to give accelerators to
  std::string app;         // what the report calls it; empty: its script or module
};

// Runs to the end, and returns the process's exit code. May end the process by itself, when the app
// runs in it. Prints one line for an error.
[[nodiscard]] int Run(Launch launch);

// Prints the error and returns its exit code: 2 for wrong usage, else 70.
[[nodiscard]] int Fail(const Error& error);

// "-m", "MODULE" or "SCRIPT", and what follows: the interpreter's arguments.
[[nodiscard]] std::vector<std::string> AppArguments(const RunRequest& request);

}  // namespace fletbridge
