// Room: src/ui/web/workers. One end of the line between the process that listens and one of its
// workers: messages, each with a descriptor if need be, over a pair of SOCK_SEQPACKET sockets that
// nobody else has. A browser's connection goes over it as a descriptor with what has been read of
// it, so no byte of a session passes through the process that listens.
//
// Bounds: 64 KiB a message, 256 messages that wait because the other side does not read.
//
// Threads: the EventLoop's.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"

namespace fletbridge::web {

enum class LineWord : char {
  // to a worker
  kConnection = 'c',  // the cookie that its first answer sets; a NUL; what has been read
  kTellMetrics = 'm',
  // from a worker
  kReady = 'r',     // its app listens
  kSessions = 's',  // how many it has, in digits
  kMetrics = 'M',   // the answer
  kBack = 'b',      // a connection whose cookie names another worker; what has been read
};

struct LineMessage {
  LineWord word{};
  std::string text;
  UniqueFd fd;
};

class WorkerLine {
 public:
  // `heard` is called with each message, `ended` once at the other side's end; neither after the
  // destructor, which may be called inside them.
  WorkerLine(EventLoop& loop, UniqueFd socket, std::function<void(LineMessage)> heard,
             std::function<void()> ended);
  ~WorkerLine();

  // False if the other side has gone or too much waits: the message is dropped, and its descriptor
  // closed.
  [[nodiscard]] bool Send(LineMessage message);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge::web
