// Room: src/recording. Records a run's session, for src/host. Main thread.
#pragma once

#include <memory>

#include "src/host/features.h"

namespace fletbridge {

// Null if the request names no file.
[[nodiscard]] Result<std::unique_ptr<Filter>> MakeRecordingFilter(const RunRequest& request,
                                                                  const FilterFacts& facts);

// The UI that is the recorded client of `request.replay_file`.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> ReplayFor(EventLoop& loop,
                                                           const RunRequest& request);

}  // namespace fletbridge
