#include "tools/planned_start.h"

#include "tools/request.h"

namespace fletbridge {

Result<LaunchPlan> PlannedStart(const Toolbox& tools, const SplitArguments& split,
                                const AppPlace& app, const RolloutChoice& rollout,
                                const Settings& settings) {
  if (const Result<> found = CheckApp(split, app, tools.cwd); !found) return found.error();
  if (const Result<> good = CheckSettings(settings); !good) return good.error();
  RunRequest request = RequestFrom(tools, settings);
  request.script = app.script;
  request.module = split.module;
  WatchFor(settings, app, request);
  if (rollout.asked) NoteRollout(tools, settings, app, rollout, request);
  return tools.parts.plan_start(request);
}

void WatchFor(const Settings& settings, const AppPlace& app, RunRequest& request) {
  if (settings.flag("directory") || settings.flag("recursive")) request.watched_folder = app.folder;
}

}  // namespace fletbridge
