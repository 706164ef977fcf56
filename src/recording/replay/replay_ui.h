// Room: src/recording/replay. The UI that is a recorded client: gives the app the recorded input,
// answers its calls as the recorded client did, and compares what the app says with what it said
// then. Used by src/host.
//
// Ends with kClosed by itself, with exit_code 0 if the app did the same and raised nothing but what
// is expected, else 1 and the first difference, or what it raised, as the cause.
//
// Threads: Send(), Pause..., Resume... and Close() from any thread; everything else happens on the
// loop. Destroy it on the loop, after kClosed, or when the loop has ended.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/transport/ui_surface.h"

namespace fletbridge {

class EventLoop;

struct ReplayOptions {
  std::string file;
  bool full_speed = true;
  std::chrono::milliseconds patience{5000};  // for a frame that does not come
  std::vector<std::string> masks;            // as of `fletbridge diff`
  std::vector<std::string> expect_crash;     // parts of what the app may raise
  FlowLimits limits;
};

// Reads the recording; refuses one whose beginning is missing.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> MakeReplayUi(EventLoop& loop,
                                                              ReplayOptions options);

}  // namespace fletbridge
