// Room: common/process. Whether a process is held up by a person: then it is not late. Linux; any
// thread.
#pragma once

#include <sys/types.h>

namespace fletbridge {

// A debugger has hold of the process, or one of its threads reads from standard input, which is a
// terminal: input(), breakpoint(). False where the system does not tell.
[[nodiscard]] bool HoldsUpByPerson(pid_t pid);

}  // namespace fletbridge
