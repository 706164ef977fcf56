// Room: common/process. The end of this process that nothing can hold up: not a lock, not the event
// loop, not a disk. For the moment in which an app is ended by force, and with it, perhaps, the
// process that hosts it. Any thread.
#pragma once

#include <chrono>

namespace fletbridge {

// After `patience` from now the process ends by _exit(code), whatever its threads do, unless it has
// ended before. A later call moves the moment and the code.
void EndProcessAfter(std::chrono::milliseconds patience, int code) noexcept;
// It does not come to that.
void CancelEndOfProcess() noexcept;

}  // namespace fletbridge
