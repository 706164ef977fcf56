// Room: tools. What `fletbridge run` would make of an app now; for `run --explain`, `doctor` and
// `rollout explain`. Asks the interpreter; leaves no trace.
#pragma once

#include "src/host/launch_plan.h"
#include "tools/app_place.h"
#include "tools/rollout_choice.h"

namespace fletbridge {

// `settings` have what the rollout says. The error is that of a run.
[[nodiscard]] Result<LaunchPlan> PlannedStart(const Toolbox& tools, const SplitArguments& split,
                                              const AppPlace& app, const RolloutChoice& rollout,
                                              const Settings& settings);

}  // namespace fletbridge
