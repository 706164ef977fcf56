// Room: src/host. What a run comes to: its exit code and the reason for it, of everything that
// happened. One thread.
#pragma once

#include <string>

#include "common/base/log.h"
#include "src/host/life.h"

namespace fletbridge {

struct Verdict {
  int code = 0;
  std::string reason;
  // What the person should be told; nothing where the code says it all.
  LogLevel level = LogLevel::kError;
  std::string line = {};
};

// Of a run that is over; `app_code` is the app's own exit code.
[[nodiscard]] Verdict Judge(const Life& life, int app_code);
// Of its session alone, whose app has not ended yet.
[[nodiscard]] Verdict JudgeSession(const Life& life);

}  // namespace fletbridge
