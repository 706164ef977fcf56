// Room: src/ui/webview. A GTK window with WebKit's view in it (WebKitGTK 4.1), on a thread of this
// process. What the page loads comes from a function of the owner's through a scheme of ours, and
// messages go through script: no socket and no port. Used by WebviewUi; independent of packets.
//
// WebKit renders in processes of its own, which end with this one.
//
// Threads: Open(), Send() and Close() any. The events and `serve` are called on the window's own
// thread and must not wait for Python. That thread blocks all signals, which belong to the main
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "common/base/error.h"

namespace fletbridge::webview {

// What is at a path of the page.
struct WebFile {
  std::shared_ptr<const std::string> bytes;  // null: there is nothing
  std::string type;                          // Content-Type
};

struct WebWindowOptions {
  std::string title = "Flet";   // until the page sets another
  std::size_t max_message = 0;  // of the page's; a longer one is told as on_refused
  std::function<WebFile(const std::string& path)> serve;
};

struct WebWindowEvents {
  std::function<void()> on_shown;        // the window is on the screen
  std::function<void()> on_frame_drawn;  // the client has drawn its first frame
  std::function<void()> on_connect;      // the client begins a session; any before ends
  std::function<void()> on_disconnect;   // and ends it
  std::function<void(std::string message)> on_message;  // the client says
  std::function<void(std::size_t size)> on_refused;     // what it says is too long
  std::function<void()> on_taken;  // the client has taken the oldest message of Send()
  // Closed by the user or by Close(), or `why` says why it cannot be opened, or that WebKit's
  // process has crashed. The last event, once.
  std::function<void(const Error& why)> on_closed;
};

class WebWindow {
 public:
  WebWindow(WebWindowOptions options, WebWindowEvents events);
  // Joins the thread if WebKit was not started; else the thread lives until the process ends, which
  // must be by _exit(): WebKit does not support the libraries' finalisation on another thread.
  ~WebWindow();

  void Open();  // once; returns at once
  // Gives the client a message. Each is told by on_taken; after on_closed none is.
  void Send(std::string message);
  void Close();  // later calls have no effect

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the thread
};

}  // namespace fletbridge::webview
