// Room: common/app. The host's own channel with the shim in the app's interpreter, on every stage:
// a pair of connected sockets. What concerns the life of a run goes here, and nothing else does:
// the app's signals, streams and connections stay the app's. Used by the transports of all stages.
//
// A message is two bytes, a letter and a number. The loop's thread only, but for the constructor
// and TakeAppEnd().
#pragma once

#include <functional>
#include <memory>

#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "common/transport/app_transport.h"

namespace fletbridge {

enum class HostWord : char {
  kClosed = 'c',  // the UI has closed: end as a closed window would have you end
  kSignal = 's',  // this signal was passed on: kHeeds or kOwnsSignal?
  kKnown = 'k',   // answers AppWord::kReturned
};

// The variable that names the app's end to the shim.
inline constexpr const char* kChannelVariable = "FLETBRIDGE_CHANNEL";

class AppChannel {
 public:
  explicit AppChannel(EventLoop& loop);
  ~AppChannel();

  // The app's end. Close-on-exec, but for a process that is started with it (`for_exec`). Once;
  // invalid if the system has no descriptors left.
  [[nodiscard]] UniqueFd TakeAppEnd(bool for_exec);
  void Start(std::function<void(AppWord word, int number)> on_word);
  // Never waits; an app that has stopped reading misses it.
  void Say(HostWord word, int number = 0);
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
