// Room: src/host. The one list of all stages and UIs, and their making. A new stage or UI is a line
// in factory.cc. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/app_transport.h"
#include "common/transport/ui_endpoint.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"

namespace fletbridge {

// All stages, highest first.
[[nodiscard]] std::vector<StageTraits> StageList();
[[nodiscard]] std::vector<std::string> StageNames();

// Makes the plan's stage. An interpreter without libpython is one that this process has in it.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeStage(EventLoop& loop,
                                                              const LaunchPlan& plan,
                                                              const Interpreter& python,
                                                              AppSpec spec);

// Reads the steps' file into the request, if one is named and that has not been done.
[[nodiscard]] Result<> ReadSteps(RunRequest& request);

// `flet_package` is the app's `flet` folder, where the headless UI looks up icons; may be empty.
// `app` is what the app speaks; `page_url` is where, in direct mode.
[[nodiscard]] Result<std::unique_ptr<UiEndpoint>> MakeUi(EventLoop& loop, const RunRequest& request,
                                                         const LaunchPlan& plan,
                                                         const std::string& flet_package,
                                                         Generation app, const Features& features,
                                                         const std::string& page_url = {});

// The client of an app that has started us: `page_url` as Flet passes it to its own client.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeClientOf(EventLoop& loop,
                                                                 const RunRequest& request,
                                                                 const LaunchPlan& plan,
                                                                 const std::string& page_url,
                                                                 Generation app);

}  // namespace fletbridge
