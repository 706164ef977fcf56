// Room: src/ui/desktop. The app in a window of this process: Flet's own desktop client, run by the
// Flutter engine that belongs to it. The client is reached by a private socket of ours, since it
// has no other way to speak; if it speaks another wire generation than the app, what passes is
// translated. Used by src/host. In direct mode the client is given the app's own address, and no
// packet comes this way: of the session only the window's life is known.
//
// The window appears at once, while the app's interpreter starts. Closed by a person or by the app,
// it ends the UI; the app's end closes it.
//
// Threads: everything happens on the loop, but for GTK and the engine, which have a thread of their
// own. Destroy it after kClosed, or when the loop has ended.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/generation.h"
#include "common/transport/ui_endpoint.h"

namespace fletbridge::desktop {

struct DesktopOptions {
  std::string client;                                   // the folder of Flet's desktop client
  Generation client_generation = Generation::kUnknown;  // if it is known
  Generation app_generation = Generation::kUnknown;
  std::string page_url;  // direct mode: where the app listens, as Flet writes it; else empty
  std::string assets;    // the app's folder of assets; empty: it has none
  FlowLimits limits;
};

// Why no window can be opened here, such as for want of a display; empty if one can, as far as it
// can be told without trying.
[[nodiscard]] std::string NoDisplay();

// `loop` must outlive it. Makes a private folder for the socket. What stands in the way of the
// window itself is told by kClosed.
[[nodiscard]] Result<std::unique_ptr<UiEndpoint>> MakeDesktopUi(EventLoop& loop,
                                                                DesktopOptions options);

}  // namespace fletbridge::desktop
