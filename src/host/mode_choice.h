// Room: src/host. Whether Flet's client speaks to the app's own socket, so that no byte passes
// through us, or packets are relayed. Main thread.
#pragma once

#include <string>

#include "src/host/run.h"

namespace fletbridge {

// What is known of the app when that is chosen.
struct ModeFacts {
  std::string flet_version;
  int generation = 0;  // what it speaks; 0: not known
  std::string stage;
  std::string transport;
  bool port_is_ours = false;  // tcp: nobody else can have taken the port when the client connects
  std::string no_window;      // why there is none, where the UI was chosen by itself
};

// Fills in `direct`. An error if what was asked for cannot be, or if the app can only be run
// directly and that cannot be.
[[nodiscard]] Result<> ChooseMode(RunRequest& request, const ModeFacts& app);

}  // namespace fletbridge
