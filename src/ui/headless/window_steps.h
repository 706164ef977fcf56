// Room: src/ui/headless. Steps in a window: another UI shows the app, whatever it is, and the
// steps' hand acts beside it. What the hand does goes to the app as if the window's client had sent
// it, and what a client changes by itself, such as a field's text, is shown to the window too. So a
// person can watch, and a picture of the window can be taken: that the window's client makes
// itself, by the method that an app may call as well. Used by src/host.
//
// Ends as HeadlessUi does, with the steps' exit code; or with the window.
//
// Threads: Send() on the loop, since the steps may answer a call of the app in place of the window;
// all else as of any UiSurface.
#pragma once

#include <memory>

#include "common/transport/ui_surface.h"
#include "src/ui/headless/headless_ui.h"

namespace fletbridge {

// `options` has steps; its size is the window's own matter. The loop must outlive the result.
[[nodiscard]] std::unique_ptr<UiSurface> MakeWindowSteps(EventLoop& loop,
                                                         std::unique_ptr<UiSurface> window,
                                                         HeadlessOptions options);

}  // namespace fletbridge
