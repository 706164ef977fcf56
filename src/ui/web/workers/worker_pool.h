// Room: src/ui/web/workers. Several processes of one app behind one address. This process listens,
// reads the head of each connection's first request, and gives the connection away, with what it
// has read, to a worker: to the one that the browser's cookie names, else to the one with the
// fewest sessions. A worker is a whole run of its own, with the same options, whose web UI takes
// its connections from a line in place of a listener (web_ui.h).
//
// A worker that ends takes its sessions with it and is replaced: at once, then after longer and
// longer; one that ends six times in a row before it has run for ten seconds is not. The first
// worker comes up alone, so that an app that cannot run says so once, and ends the run.
//
// SIGINT, SIGTERM and SIGHUP go to every worker, which does what any run does; when all have ended,
// this process does. The kernel kills the workers with it.
//
// Bounds: 1024 connections whose head has not come, 256 of one address beyond this machine; 10 s
// and 16 KiB for the head.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/event_loop.h"
#include "common/process/child.h"
#include "src/ui/web/listening.h"
#include "src/ui/web/proxy.h"
#include "src/ui/web/workers/sticky.h"

namespace fletbridge::web {

// One worker, to be started in a child.
struct WorkerOrder {
  int line = -1;           // its end of the line. Not close-on-exec
  int number = 0;          // from 0 up
  std::uint16_t port = 0;  // that browsers use
};

struct PoolOptions {
  ListenAddress address;
  std::string path;    // of the URL that a person is told, with what the token needs
  std::string key;     // that cookies are signed with; the workers have it too
  std::string cookie;  // WorkerCookie()'s first argument
  TrustedProxies proxies;
  int workers = 2;
  bool drains = false;  // workers take their time after SIGTERM, and browsers reach them meanwhile
  std::optional<ListenAddress> metrics;
  // On the main thread. As Child::Start().
  std::function<Result<std::unique_ptr<Child>>(EventLoop& loop, const WorkerOrder& order,
                                               std::function<void(int code)> on_exit)>
      start;
};

// Runs until all workers have ended, and returns the process's exit code: the first of theirs that
// is not 0 after a signal; that of the last worker that could not be kept up; 70 and a line if this
// process cannot listen. Main thread.
[[nodiscard]] int RunWorkers(PoolOptions options);

}  // namespace fletbridge::web
