// Room: src/ui/desktop. A UiSurface that is a window of this process: Flet's own desktop client,
// run by the Flutter engine that belongs to it. The client connects to a private socket of ours,
// since it communicates only by sockets. In direct mode it gets the app's own address instead, no
// packet passes through this object, and only the window's life is known. Used by src/host.
//
// The window appears at once, while the app's interpreter starts. If the user or the app closes it,
// the UI ends; the app's end closes it.
//
// Threads: as UiSurface, on the loop; GTK and the engine have their own threads (window.h). Destroy
// it after OnClosed(), or after the loop has ended.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/generation.h"
#include "common/transport/ui_surface.h"

namespace fletbridge::desktop {

struct DesktopOptions {
  std::string client;                                   // the folder of Flet's desktop client
  Generation client_generation = Generation::kUnknown;  // kUnknown: to be detected
  std::string page_url;  // direct mode: the app's address in Flet's notation; else empty
  std::string assets;    // the app's folder of assets; empty: none
  FlowLimits limits;
};

// Why no window can be opened, for example without a display; empty if one probably can. Does not
// try it.
[[nodiscard]] std::string NoDisplay();

// `loop` must outlive the UI. Creates a private folder for the socket (kSetup if that fails). If
// the window cannot be opened, OnClosed() says why.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> MakeDesktopUi(EventLoop& loop,
                                                               DesktopOptions options);

}  // namespace fletbridge::desktop
