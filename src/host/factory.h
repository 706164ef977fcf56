// Room: src/host. The list of all stages and UIs, and their construction. A new stage or UI is one
// line in factory.cc.
//
// Threads: the main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"
#include "common/transport/ui_surface.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"

namespace fletbridge {

// All stages, highest first.
[[nodiscard]] std::vector<StageTraits> StageList();
[[nodiscard]] std::vector<std::string> StageNames();

// Creates the plan's stage. An interpreter without a libpython path is part of this process.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeStage(EventLoop& loop, const LaunchPlan& plan,
                                                         const Interpreter& python, AppSpec spec);

// Reads the steps file into the request, if it names one that has not been read. kUsage or kSetup.
[[nodiscard]] Result<> ReadSteps(RunRequest& request);

// Of the web UI, at a time.
inline constexpr int kMostWebClients = 4096;

// Creates the plan's UI. `flet_package`: the folder of the app's package `flet`, where the headless
// UI looks up icons; may be empty. `page_url`: in direct mode the app's address.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> MakeUi(EventLoop& loop, const RunRequest& request,
                                                        const LaunchPlan& plan,
                                                        const std::string& flet_package,
                                                        const Features& features,
                                                        const std::string& page_url = {});

// Creates the AppHost of an app that has started us as its client. `page_url`: as Flet passes it to
// its own client. `app`: the app's generation.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeClientOf(EventLoop& loop,
                                                            const RunRequest& request,
                                                            const LaunchPlan& plan,
                                                            const std::string& page_url,
                                                            Generation app);

}  // namespace fletbridge
