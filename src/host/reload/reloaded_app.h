// Room: src/host/reload. Hot reload: an AppHost whose app is started anew each time its sources
// are saved, while the UI stays. Each start is a run of its own, on whatever stage, in a child of
// this process: its UI is a socket to which this connects (ui/attach), and it ends as when its
// window is closed once its life line does. A client is sent away when its start ends and comes
// back by itself, to the next start; while there is none it is shown what the last one came to.
//
// An app that ends by itself, at its start or later, is waited for: the next save starts it again.
// What an old start still does after its UI has closed, such as saving data, is not cut off: the
// next one waits for it, and after ten seconds begins beside it.
//
// Contract and threads: common/transport/app_host.h. Made by src/host.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/process/child.h"
#include "common/transport/app_host.h"
#include "src/host/reload/source_watch.h"

namespace fletbridge::reload {

// One start, to be made in a child.
struct StartOrder {
  std::string socket;  // where it is to wait for us, as its client
  int life_line = -1;  // it reads there; the end of it is the end of its UI. Not close-on-exec
  int errors = -1;     // what becomes its standard error; -1: ours. Not close-on-exec
};

struct ReloadOptions {
  WatchOptions sources;
  Capabilities capabilities;  // of each start
  Generation generation = Generation::kG3;
  FlowLimits limits;
  bool quiet = false;  // no line for each save
  // On the main thread. As Child::Start().
  std::function<Result<std::unique_ptr<Child>>(const StartOrder& order,
                                               std::function<void(int code)> on_exit)>
      start;
  // How often the app was started again; any thread. May be null.
  std::shared_ptr<std::atomic<std::uint64_t>> reloads;
};

// `loop` must outlive it.
[[nodiscard]] Result<std::unique_ptr<AppHost>> MakeReloadedApp(EventLoop& loop,
                                                               ReloadOptions options);

// The text of an exception as Flet's clients take it, of what was written to standard error: the
// exception's own line first, then the traceback.
[[nodiscard]] std::string CrashMessage(const std::string& errors, int exit_code);

}  // namespace fletbridge::reload
