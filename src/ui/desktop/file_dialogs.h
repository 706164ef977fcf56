// Room: src/ui/desktop. Whether the file dialogs of Flet's client can open on this machine, tried
// for real: for `fletbridge doctor`, by way of src/host. Not for a process that shows a window.
#pragma once

#include <string>

namespace fletbridge::desktop {

// Why they cannot, and what to do; empty if they can. A client of generation 1 starts a program
// that shows them, later ones ask the desktop's portal over the session bus, which may start it;
// that is waited for 3 s at most. Main thread.
[[nodiscard]] std::string WhyNoFileDialogs(int client_generation);

}  // namespace fletbridge::desktop
