// Room: src/stage3. The built-in module `dart_bridge` that Flet (>= 0.86) speaks to in a packaged
// app, here in front of an FfiChannel; its four functions behave as those of flet-dev/dart-bridge.
// Besides it `_fletbridge_ffi`, for our shim. One channel per process.
//
// What differs: handlers run on the event loop that was running when the protocol port's handler
// was set, many packets per wake-up, never on the caller's thread; a full queue makes send_bytes()
// wait.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/python/hosted.h"
#include "src/stage3/ffi_channel.h"

namespace fletbridge::stage3 {

struct BridgeEvents {
  std::function<void()> on_listening;  // the app has set its handler; called under the GIL
  std::function<void()> on_closed;     // and has taken it away
  std::function<void(const Error&)> on_refused;  // a packet of the app over the limit
};

// The modules to build in. `channel` must live until the process ends or the interpreter has ended;
// `port` is the value of FLET_DART_BRIDGE_PORT, above 2^32 so that it is no data channel's id.
[[nodiscard]] std::vector<BuiltinModule> BridgeModules(FfiChannel& channel, std::int64_t port,
                                                       BridgeEvents events);

}  // namespace fletbridge::stage3
