// Room: common/app. The host's own channel with the shim in the app's interpreter, on every stage:
// two pipes, since an app on stage 3 has no socket of ours. What concerns the life of a run goes
// here, and nothing else does: the app's signals, streams and connections stay the app's. Used by
// the transports of all stages.
//
// A message is two bytes, a letter and a number, which a pipe takes and gives whole. The loop's
// thread only, but for the constructor and TakeAppEnds().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "common/transport/app_transport.h"

namespace fletbridge {

enum class HostWord : char {
  kClosed = 'c',  // the UI has closed: end as a closed window would have you end
  kSignal = 's',  // this signal was passed on: kHeeds or kOwnsSignal?
  kKnown = 'k',   // answers AppWord::kReturned
};

// The variable that names the app's ends to the shim: READ:WRITE.
inline constexpr const char* kChannelVariable = "FLETBRIDGE_CHANNEL";

class AppChannel {
 public:
  explicit AppChannel(EventLoop& loop);
  ~AppChannel();

  // The app's ends, and what kChannelVariable says of them; close-on-exec, but for a process that
  // is started with them (`for_exec`). Once; empty if the system has no descriptors left.
  struct AppEnds {
    UniqueFd read, write;
    [[nodiscard]] std::string Text() const;
  };
  [[nodiscard]] AppEnds TakeAppEnds(bool for_exec);
  void Start(std::function<void(AppWord word, int number)> on_word);
  // Never waits; an app that has stopped reading misses it.
  void Say(HostWord word, int number = 0);
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge
