// Room: tools. Adds the rollout to the settings of a run: evaluates the flag file that they name,
// and adds stage and transport with a lower priority than every other source, or, if the kill
// switch is on, with the highest priority except for the command line.
#pragma once

#include <chrono>
#include <string>

#include "common/config/settings.h"
#include "src/rollout/decision.h"
#include "src/rollout/installation.h"
#include "tools/app_place.h"
#include "tools/toolbox.h"

namespace fletbridge {

struct RolloutChoice {
  bool asked = false;   // the settings name a rollout; else nothing below is set
  std::string address;  // as the settings have it
  std::string origin;   // where the flags came from: the file, or the copy of an address
  std::string note;     // why a copy
  std::chrono::milliseconds waited{0};  // for an address
  Installation installation;
  RolloutContext context;
  Decision decision;
  std::string problem;  // one line for the person at the terminal; mostly empty
};

// What the variable holds; empty if it is not set.
[[nodiscard]] std::string EnvironmentOf(const Toolbox& tools, std::string_view name);
// Where this installation keeps its state; empty if it has no place for it.
[[nodiscard]] std::string StateFolderOf(const Toolbox& tools);

[[nodiscard]] RolloutChoice ChooseByRollout(const Toolbox& tools, const Settings& settings,
                                            const AppPlace& app);
void TakeRollout(const RolloutChoice& choice, Settings& settings);
// Has the run note its start, take a lower stage after failures unless a person has named one, and
// tell of the rollout in its report.
void NoteRollout(const Toolbox& tools, const Settings& settings, const AppPlace& app,
                 const RolloutChoice& choice, RunRequest& request);

}  // namespace fletbridge
