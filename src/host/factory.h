// Room: src/host. The one list of all stages and UIs, and the choice among them. A new stage or UI
// is a line in factory.cc. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/measure/run_report.h"
#include "common/python/hosting.h"
#include "common/transport/app_transport.h"
#include "common/transport/ui_endpoint.h"
#include "src/host/run.h"

namespace fletbridge {

struct ChosenStage {
  std::string stage;
  std::string transport;
  std::vector<Hosting> hostings;  // stages 2 and 3: the one to take, then what may replace it
  std::string hosting_why;        // why this one comes first
  std::string why;                // for `auto` and after a fallback: why this stage; else empty
  std::vector<RunReport::Fallback> fallbacks;
  bool doubtful = false;  // by what earlier starts came to it may well fail: watch it
};

// All stages, highest first.
[[nodiscard]] std::vector<std::string> StageNames();

// The stage that was asked for, or the highest that works here.
[[nodiscard]] Result<ChosenStage> ChooseStage(const RunRequest& request, const Interpreter& python);

// Whether a run may go on below `stage`.
[[nodiscard]] bool MayLower(const RunRequest& request, const std::string& stage);
// What runs in place of `chosen`, after the `changes` that have led away from it because of `why`:
// the stage that the last of them names, or lower.
[[nodiscard]] Result<ChosenStage> ChooseInstead(const RunRequest& request,
                                                const Interpreter& python,
                                                const ChosenStage& chosen,
                                                std::vector<RunReport::Fallback> changes,
                                                const std::string& why);
// The next lower stage that works, after `chosen` could not be started in this run.
[[nodiscard]] Result<ChosenStage> ChooseLowerStage(const RunRequest& request,
                                                   const Interpreter& python,
                                                   const ChosenStage& chosen, const Error& why);

// Makes it. An interpreter without libpython is one that this process has in it.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeStage(EventLoop& loop,
                                                              const ChosenStage& chosen,
                                                              const Interpreter& python,
                                                              AppSpec spec);

struct Features;

// Reads the steps' file into the request, if one is named and that has not been done.
[[nodiscard]] Result<> ReadSteps(RunRequest& request);

// `flet_package` is the app's `flet` folder, where the headless UI looks up icons; may be empty.
// `app` is what the app speaks; `page_url` is where, in direct mode.
[[nodiscard]] Result<std::unique_ptr<UiEndpoint>> MakeUi(EventLoop& loop, const RunRequest& request,
                                                         const std::string& flet_package,
                                                         Generation app, const Features& features,
                                                         const std::string& page_url = {});

// The client of an app that has started us: `page_url` as Flet passes it to its own client.
[[nodiscard]] Result<std::unique_ptr<AppTransport>> MakeClientOf(EventLoop& loop,
                                                                 const RunRequest& request,
                                                                 const std::string& page_url,
                                                                 Generation app);

}  // namespace fletbridge
