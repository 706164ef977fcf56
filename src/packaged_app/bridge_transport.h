// Room: src/packaged_app. An app on a libdart_bridge.so, ours or the original, as in an app made by
// `flet build`: the library starts Python on a thread of its own; packets to the app are calls of
// DartBridge_EnqueueMessage; packets from it are posts to native ports, here those of a small
// stand-in for the Dart VM. Only for measuring and comparing. Contract and threads:
// common/transport/app_transport.h.
//
// The loop's thread takes the role of the isolate's thread in a Flutter app: it calls the library,
// and blocks as long as a call does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/transport/app_host.h"

namespace fletbridge {

struct BridgeSpec {
  std::string library;    // path of libdart_bridge.so
  std::string libpython;  // opened with global scope before it; empty: not
  std::string python_home;
  std::vector<std::string> module_paths;
  std::string script;
  FlowLimits limits;
};

// One per process, which must end by _exit() after RunOnMainThread(): Python's threads may run on.
// kSetup if the library cannot be opened.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeBridgeTransport(EventLoop& loop,
                                                                   BridgeSpec spec);

}  // namespace fletbridge
