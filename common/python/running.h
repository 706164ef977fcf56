// Room: common/python. The interpreter that a running process is: for a client which Python has
// started and which must know what its Flet speaks. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include "common/base/error.h"
#include "common/python/interpreter.h"

namespace fletbridge {

// Finds the executable as Python itself does, by its first argument, so that a virtual environment
// is seen; then asks it as RecallInterpreter() does. What an app has done to sys.path is not seen.
[[nodiscard]] Result<Interpreter> ProbeRunning(pid_t process);

}  // namespace fletbridge
