// Room: src/host. Begins to record a session, if the request asks for it. Main thread.
#pragma once

#include "src/host/run.h"
#include "src/host/session.h"

namespace fletbridge {

// `parts` is complete but for its recorder; `interpreter` is empty where Python has started us.
[[nodiscard]] Result<> BeginRecording(const RunRequest& request, SessionParts& parts,
                                      const std::string& interpreter);

}  // namespace fletbridge
