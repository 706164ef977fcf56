// Room: src/host. What there is on this machine, as far as it matters to a run: the interpreter,
// ways to host it, a window. Main thread; starts the interpreter where it is not remembered, reads
// the disk, may open libpython and the display.
#pragma once

#include <string>

#include "src/host/features.h"
#include "src/host/launch_plan.h"

namespace fletbridge {

// Of a run that Python does not begin. `unpacks`: a client that a window needs.
[[nodiscard]] Result<LaunchFacts> Survey(const RunRequest& request, const Features& features,
                                         bool unpacks);
// Of one that an app with this interpreter has started as its client; it may be unknown.
[[nodiscard]] LaunchFacts SurveyAsClient(const RunRequest& request, const Features& features,
                                         Interpreter python, bool unpacks = true);

// Whether `auto` passes over this want of a client: what was named, or pinned, is not passed over
// in silence. `flet_client` is the setting of that name.
[[nodiscard]] bool IsPassedOver(const std::string& flet_client, const Error& why);

// Whether the shim can give a socket to Flet's server in this interpreter.
[[nodiscard]] bool TakesSocket(const Interpreter& python);

// What an app with this Flet speaks; kUnknown if it cannot be told.
[[nodiscard]] Generation GenerationOf(const LaunchFacts& facts);

}  // namespace fletbridge
