// Room: src/ui/webview. A UiSurface that is a window of WebKitGTK 4.1 in this process, with Flet's
// real web client in it. The client's files come from a folder through a scheme of ours, and its
// packets through its JavaScript channel, which Flet made for Python in the browser
// (client/web/python.js: jsConnect, jsSend, jsDisconnect): no socket, no port. Used by src/host.
//
// What the web client has no place for: the window's position, its size by the app, prevent_close,
// the client's own file paths. The window's title follows page.title.
//
// Threads: as UiSurface, on the loop; WebKit has a thread of its own (web_window.h). Destroy it
// after OnClosed(), or after the loop has ended.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/generation.h"
#include "common/transport/ui_surface.h"

namespace fletbridge::webview {

struct WebviewOptions {
  std::string client;                       // the folder of Flet's web client
  Generation generation = Generation::kG3;  // the client's
  std::string assets;                       // the app's folder of assets; empty: none
  FlowLimits limits;
};

// `loop` must outlive the UI. Reads the client's folder: kSetup if it is not one. If the window
// cannot be opened, OnClosed() says why.
[[nodiscard]] Result<std::unique_ptr<UiSurface>> MakeWebviewUi(EventLoop& loop,
                                                               WebviewOptions options);

}  // namespace fletbridge::webview
