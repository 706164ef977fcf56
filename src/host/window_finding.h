// Room: src/host. What stands behind a window on this machine, for `fletbridge doctor`. Main
// thread.
#pragma once

#include <string>

#include "src/host/features.h"

namespace fletbridge {

// What stands behind a window on this machine, for `fletbridge doctor`; by the rules of Decide().
struct WindowFinding {
  std::string display;           // that answers; or
  std::string display_obstacle;  // why there is none
  std::string toolkit_obstacle;  // why GTK cannot be loaded; empty if it can
  std::string client;            // the folder, or the archive that it will be unpacked from; or
  std::string client_obstacle;   // why there is none, and what to do
  std::string source;            // where it was found
  std::string version;           // of the client's Flet; empty: it cannot be told
  int generation = 0;            // that the client speaks
  std::string dialogs_obstacle;  // why its file dialogs cannot open; says nothing without a client
  bool pinned = false;
  bool passed_over = false;  // if there is none, `auto` runs the app headless; else it refuses

  [[nodiscard]] bool ok() const {
    return display_obstacle.empty() && toolkit_obstacle.empty() && client_obstacle.empty();
  }
};

// Loads GTK, connects to the display, unpacks nothing. `flet_client` is the setting of that name.
[[nodiscard]] WindowFinding LookForWindow(ClientFinder& clients, const std::string& flet_client,
                                          const std::string& flet_package, int generation);

}  // namespace fletbridge
