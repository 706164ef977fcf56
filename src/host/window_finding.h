// Room: src/host. Finds out whether a window can be shown on this machine, for `fletbridge doctor`.
//
// Threads: the main thread.
#pragma once

#include <string>

#include "src/host/features.h"

namespace fletbridge {

// By the rules of Decide().
struct WindowFinding {
  std::string display;           // the display that answers; or
  std::string display_obstacle;  // why none does
  std::string toolkit_obstacle;  // why GTK cannot be loaded; empty if it can
  std::string client;            // the client's folder or archive; or
  std::string client_obstacle;   // why there is none, and what to do
  std::string source;            // where the client was found
  std::string version;           // of the client's Flet; empty: unknown
  int generation = 0;            // the client's
  std::string dialogs_obstacle;  // why its file dialogs cannot open; empty without a client
  bool pinned = false;
  bool passed_over = false;  // without a client ui=auto runs the app headless; else it refuses

  [[nodiscard]] bool ok() const {
    return display_obstacle.empty() && toolkit_obstacle.empty() && client_obstacle.empty();
  }
};

// Loads GTK and connects to the display; unpacks nothing. `flet_client`: the setting.
[[nodiscard]] WindowFinding LookForWindow(ClientFinder& clients, const std::string& flet_client,
                                          const std::string& flet_package, int generation);

}  // namespace fletbridge
