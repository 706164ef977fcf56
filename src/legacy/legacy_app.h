// Room: src/legacy. The AppHost of stage `legacy`: the app's interpreter is a child process, and a
// broker is another one, between that and us; WebSockets between the three. With Flet 0.4 and later
// the app is a web server (FastAPI and uvicorn), and the broker is ours (broker.h). Flet 0.1 starts
// a broker of its own, `fletd`, of which we are a client. Created by src/host.
//
// `fletd` listens on loopback alone, as we tell it, but checks no client: other users of this
// machine can open sessions of their own at it, as with Flet 0.1 itself.
//
// Threads, ownership and errors: as AppHost (common/transport/app_host.h).
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"

namespace fletbridge::legacy {

// Binds both addresses (kSetup if that fails); starts no process yet. `program`: what `program
// broker …` starts. `loop` must outlive the transport.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeLegacyApp(EventLoop& loop, AppSpec spec,
                                                             std::string program);

}  // namespace fletbridge::legacy
