// Room: tools. The plan that `fletbridge run` would make for an app now; for `run --explain`,
// `doctor` and `rollout explain`. Probes the interpreter; writes nothing.
#pragma once

#include "src/host/launch_plan.h"
#include "tools/app_place.h"
#include "tools/rollout_choice.h"

namespace fletbridge {

// `settings` have what the rollout says. The error is that of a run.
[[nodiscard]] Result<LaunchPlan> PlannedStart(const Toolbox& tools, const SplitArguments& split,
                                              const AppPlace& app, const RolloutChoice& rollout,
                                              const Settings& settings);

// Hot reload, where the settings ask for it.
void WatchFor(const Settings& settings, const AppPlace& app, RunRequest& request);

}  // namespace fletbridge
