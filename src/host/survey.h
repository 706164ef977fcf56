// Room: src/host. Collects the facts of this machine for a run: the interpreter, the possible
// hostings, whether a window can be shown. Starts the interpreter if its answers are not cached,
// reads the disk, and may open libpython and the display.
//
// Threads: the main thread.
#pragma once

#include <string>

#include "src/host/features.h"
#include "src/host/launch_plan.h"

namespace fletbridge {

// For a run that we start. `unpacks`: unpacks the client if a window needs one.
[[nodiscard]] Result<LaunchFacts> Survey(const RunRequest& request, const Features& features,
                                         bool unpacks);
// For a run that an app with this interpreter, which may be unknown, has started as its client.
[[nodiscard]] LaunchFacts SurveyAsClient(const RunRequest& request, const Features& features,
                                         Interpreter python, bool unpacks = true);

// AppSpec::takes_socket, for this interpreter's Flet.
[[nodiscard]] bool TakesSocket(const Interpreter& python);

// The generation of the interpreter's Flet.
[[nodiscard]] Generation GenerationOf(const LaunchFacts& facts);

}  // namespace fletbridge
