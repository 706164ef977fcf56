// Room: src/legacy. The AppHost of stage `legacy`: the app's interpreter is a child process, in
// which Flet is a web server (FastAPI and uvicorn); the broker is another one, between that and us
// (broker.h). WebSockets between the three. Created by src/host.
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
