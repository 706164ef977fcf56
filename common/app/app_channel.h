// Room: common/app. The control channel between the host and the shim in the app's interpreter, on
// every stage: two pipes. It carries all messages about starting and ending the app, so that the
// app's signals, streams and connections remain the app's. Used by the transports of all stages;
// the other side is `Channel` in python/shim/sitecustomize.py.
//
// A message is two bytes, a letter (HostWord, AppWord) and a number, which a pipe transfers
// atomically.
//
// Threads: the loop's; the constructor and TakeAppEnds() any.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/transport/app_host.h"

namespace fletbridge {

enum class HostWord : char {
  kClosed = 'c',  // the UI has closed: end as when a window is closed; answered by kHeeds
  kSignal = 's',  // this signal was passed on; answered by kHeeds or kOwnsSignal
  kKnown = 'k',   // the answer to kReturned: ft.run() may return
};

// The environment variable with the descriptors of the app's ends, for the shim: READ:WRITE.
inline constexpr const char* kChannelVariable = "FLETBRIDGE_CHANNEL";

class AppChannel {
 public:
  // `loop` must outlive this object. Without free descriptors the channel carries nothing.
  explicit AppChannel(EventLoop& loop);
  ~AppChannel();

  // The app's ends, which the caller owns. Close-on-exec, unless `for_exec`: then a process may be
  // started with them. Once; empty if no descriptor is free.
  struct AppEnds {
    UniqueFd read, write;
    [[nodiscard]] std::string Text() const;  // the value of kChannelVariable
  };
  [[nodiscard]] AppEnds TakeAppEnds(bool for_exec);
  // Calls `on_word` for each message from the shim, on the loop's thread, until Close().
  void Start(std::function<void(AppWord word, int number)> on_word);
  // Sends a message. Never waits: if the pipe is full or closed, the message is dropped.
  void Say(HostWord word, int number = 0);
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
