// Room: src/ui/desktop. A GTK window with the Flutter engine in it, which runs Flet's client: what
// the client's own executable does, on a thread of this process. Used by DesktopUi; knows nothing
// of packets.
//
// Threads: Open() once, Close() from any thread. The events are called on the window's own thread,
// which must not wait for anything. It takes no signals: they belong to the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::desktop {

struct WindowOptions {
  std::string client;                  // the folder with the client's lib/ and data/
  std::vector<std::string> arguments;  // of its main(): page address, pid file, assets folder
  std::string title = "Flet";          // until the app says another
};

struct WindowEvents {
  std::function<void()> on_shown;        // the window is on the screen
  std::function<void()> on_frame_drawn;  // the engine has drawn its first frame
  std::function<void()> on_rest;         // a second has passed without a frame; after each last one
  // The window has gone, closed by a person, the app or Close(); or `why` says why there was none.
  // Once, last. The client still answers until Close(); then the engine rests. This thread and its
  // own stay until the process ends, which must be by _exit(), for they do not survive the end of
  // the libraries.
  std::function<void(const Error& why)> on_closed;
};

class Window {
 public:
  Window(WindowOptions options, WindowEvents events);
  // Waits for the thread if there was no engine; else leaves it to the process's end.
  ~Window();

  void Open();
  // Closes the window without asking it, or lets the client of a closed one rest; later calls do
  // nothing.
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the thread
};

}  // namespace fletbridge::desktop
