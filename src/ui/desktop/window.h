// Room: src/ui/desktop. A GTK window with the Flutter engine, which runs Flet's client: does what
// the client's own executable does, on a thread of this process. Used by DesktopUi; independent of
// packets.
//
// Threads: Open() and Close() any. The events are called on the window's own thread and must not
// wait. That thread blocks all signals, which belong to the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::desktop {

struct WindowOptions {
  std::string client;                  // the folder with the client's lib/ and data/
  std::vector<std::string> arguments;  // the client's: page address, pid file, assets folder
  std::string title = "Flet";          // until the app sets another
};

struct WindowEvents {
  std::function<void()> on_shown;        // the window is on the screen
  std::function<void()> on_frame_drawn;  // the engine has drawn its first frame
  std::function<void()> on_rest;         // a second has passed since the last frame
  // The window has been closed, by the user, the app or Close(); or `why` says why none could be
  // opened. The last event, once. The client still answers until Close(), which stops the engine.
  // The window's and the engine's threads live until the process ends, which must be by _exit(),
  // since they do not support the libraries' finalisation.
  std::function<void(const Error& why)> on_closed;
};

class Window {
 public:
  Window(WindowOptions options, WindowEvents events);
  // Joins the thread if the engine was not started; else the thread lives until the process ends.
  ~Window();

  void Open();  // once; returns at once
  // Closes the window without asking the client, or stops the engine of a closed window. Later
  // calls have no effect.
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the thread
};

}  // namespace fletbridge::desktop
