// Room: common/python. Starts the analyser of `fletbridge check`, the Python package
// fletbridge.check of our own parts, in place of this process. Any thread.
#pragma once

#include <string>

#include "common/base/error.h"

namespace fletbridge {

// Becomes `python`, isolated from the environment, the site's packages and the folder, so that
// nothing of the app is loaded. `request` is a JSON object (python/fletbridge/check/__main__.py).
// The process's exit code is then the analyser's. Returns only if that failed: the reason.
[[nodiscard]] Error BecomeChecker(const std::string& python, const std::string& request);

}  // namespace fletbridge
