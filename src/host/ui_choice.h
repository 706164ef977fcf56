// Room: src/host. What shows the app: the UI that was asked for, or for `auto` a window where there
// is a display and a client of Flet's for it, else the headless UI. Main thread.
#pragma once

#include <string>

#include "src/host/run.h"

namespace fletbridge {

// Fills in `shown_by`, and for a window the client; may unpack that. `flet_package` is the folder
// of the app's package, `generation` what it speaks; empty and 0 where they are not known. Returns
// for `auto` why there is no window, else nothing.
[[nodiscard]] Result<std::string> ChooseUi(RunRequest& request, const std::string& flet_package,
                                           int generation);

}  // namespace fletbridge
