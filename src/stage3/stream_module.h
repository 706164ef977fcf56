// Room: src/stage3. The built-in module `_fletbridge_stream`, for our shim: the app's end of a
// stream of bytes, for a Flet that has no bridge. The shim makes an asyncio transport of it
// (python/shim/on-demand/ffi_streams.py).
//
//   listen(handler | None)          On the calling loop, handler(what) is then called with
//                                     n > 0: the session of this number begins
//                                     bytes: have come in it; an answer other than None keeps them
//                                     -n: it has ended
//                                     None: there is room again
//   send(session, data, offset) -> int   How many bytes of data[offset:] are accepted: if not all,
//                                   `None` is told later. -1: the session has ended. Never waits.
//   end(session)                    The app's stream has ended, after all that was sent.
//   taken()                         The oldest of the kept bytes have been used.
//
// Threads: any Python thread, with the GIL held.
#pragma once

#include <vector>

#include "common/python/hosted.h"
#include "src/stage3/ffi_channel.h"

namespace fletbridge::stage3 {

class Delivery;
class Outlet;

// The module to build into the interpreter. All arguments must live until the process ends.
[[nodiscard]] std::vector<BuiltinModule> StreamModules(FfiChannel& channel, Delivery& delivery,
                                                       Outlet& outlet, std::int64_t port);

}  // namespace fletbridge::stage3
