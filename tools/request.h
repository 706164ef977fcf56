// Room: tools. Makes the request for src/host from merged settings.
#pragma once

#include "common/config/settings.h"
#include "tools/toolbox.h"

namespace fletbridge {

// All of the request but the app itself. Sets the level of the log, warns of an assets folder that
// is not there. `settings` have passed CheckSettings().
[[nodiscard]] RunRequest RequestFrom(const Toolbox& tools, const Settings& settings);

}  // namespace fletbridge
