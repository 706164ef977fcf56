// Room: src/clients. Finds a window's client for src/host. Any thread.
#pragma once

#include "src/host/features.h"

namespace fletbridge {

// The one finder there is: it asks the environment and the disk each time.
[[nodiscard]] ClientFinder& DesktopClients();

}  // namespace fletbridge
