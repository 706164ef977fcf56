// Room: src/host. A UI that is chosen by the app itself: the app starts first, and when it calls
// ft.run() it gets browsers if it asks for them there, else the UI that was planned.
//
// Threads: as UiSurface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/transport/ui_surface.h"

namespace fletbridge {

// What an app asks for by ft.run(view=ft.AppView.WEB_BROWSER, host=…, port=…, name=…).
struct BrowserWish {
  bool opens = true;  // a browser
  std::string host, name;
  std::uint16_t port = 0;
};

// For an app that asks for no browser.
struct PlannedUi {
  std::unique_ptr<UiSurface> ui;
  std::string note;     // what is then said; empty: nothing
  std::string refusal;  // not empty: why the run then ends
};

// `make_web` is called at most once, on the loop; its error ends the run.
[[nodiscard]] std::unique_ptr<UiSurface> MakeAskedUi(
    EventLoop& loop, PlannedUi planned, int most_clients,
    std::function<Result<std::unique_ptr<UiSurface>>(const BrowserWish&)> make_web);

}  // namespace fletbridge
