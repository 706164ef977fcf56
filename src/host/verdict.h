// Room: src/host. Derives a run's exit code and its reason from the state of its life cycle.
//
// Threads: Life's.
#pragma once

#include <string>

#include "common/base/log.h"
#include "src/host/life.h"

namespace fletbridge {

struct Verdict {
  int code = 0;
  std::string reason;
  // A line for the user; empty if the exit code is enough.
  LogLevel level = LogLevel::kError;
  std::string line = {};
};

// Of an ended run; `app_code`: the app's own exit code.
[[nodiscard]] Verdict Judge(const Life& life, int app_code);
// Of an ended session whose app has not ended yet.
[[nodiscard]] Verdict JudgeSession(const Life& life);

}  // namespace fletbridge
