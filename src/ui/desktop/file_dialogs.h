// Room: src/ui/desktop. Tests whether the file dialogs of Flet's client can open on this machine,
// for `fletbridge doctor`, through src/host. Not for a process that shows a window.
#pragma once

#include <string>

namespace fletbridge::desktop {

// Why they cannot open, and what to do; empty if they can. A client of generation 1 starts a
// program that shows the dialogs; later clients call the desktop's portal over the session bus,
// which may have to be started: this waits for that, at most 3 s. Main thread.
[[nodiscard]] std::string WhyNoFileDialogs(int client_generation);

}  // namespace fletbridge::desktop
