// Room: src/host. What features give a run: the guard of its start, Flet's clients, a tap on its
// packets, further UIs. The host calls them by these interfaces and knows none of them; who starts
// a run says which there are (tools/features.h). All are stateless but a tap, and outlive the run.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/measure/run_report.h"
#include "common/measure/stopwatch.h"
#include "common/transport/generation.h"
#include "common/transport/packet.h"
#include "common/transport/ui_endpoint.h"
#include "src/host/launch_plan.h"
#include "src/host/run.h"
#include "src/host/watched_end.h"

namespace fletbridge {

struct SessionParts;

// What to pass by, because of how the last starts on these stages ended; and whether the stage
// where the run then is may well fail.
struct StartAdvice {
  std::vector<RunReport::Fallback> changes;  // from the chosen stage down; mostly none
  bool doubtful = false;
};

// What starts of this app have come to before, around one more. `RunRequest::guard` says what it
// needs to know, and is empty where nothing is guarded: then no function is called. A guard that
// cannot keep its notes says so once and stops no run. Main thread.
class StartGuard {
 public:
  virtual ~StartGuard() = default;
  // `chosen` was decided among `stages`, highest first. `peeks`: no note is changed.
  [[nodiscard]] virtual StartAdvice Advise(const RunRequest& request, const LaunchPlan& chosen,
                                           const std::vector<std::string>& stages, bool peeks) = 0;
  // Before anything that may take the process down. Notes the start in the plan and returns
  // nothing; or, of a plan that is doubtful, makes the start in a child of this process: then it
  // returns nothing in the child, in which the run goes on, and here its end.
  [[nodiscard]] virtual std::optional<WatchedEnd> Begin(const RunRequest& request,
                                                        LaunchPlan& plan) = 0;
  // Books a watched start that has ended.
  virtual void BookEnded(const RunRequest& request, const LaunchPlan& plan) = 0;
  // The start came to nothing: by the stage's fault, or by something that says nothing about it.
  virtual void NoStart(const RunRequest& request, LaunchPlan& plan, const Error& why,
                       bool by_stage) = 0;
  // Has the session tell of its first frame and its end. Both outlive the session.
  virtual void Follow(SessionParts& parts, const RunRequest& request, const LaunchPlan& plan,
                      const Timeline& timeline) = 0;
};

class ClientFinder {
 public:
  virtual ~ClientFinder() = default;
  // The one that a window takes: `asked` is the setting, `flet_package` the folder of the app's
  // package, `generation` what the app speaks; empty and 0 where they are not known. Unpacked, if
  // `unpacks`. The error says what to do. Any thread; reads the disk.
  [[nodiscard]] virtual Result<FoundClient> Find(const std::string& asked,
                                                 const std::string& flet_package, int generation,
                                                 bool unpacks) = 0;
};

enum class Side { kApp, kUi };

// Sees each packet of a session where it reaches the host, so in the order of causes and effects.
// The loop's thread, but for Close(): the one that ends the process. Never waits, but there.
class SessionTap {
 public:
  virtual ~SessionTap() = default;
  virtual void OnPacket(Side from, const Packet& packet) noexcept = 0;
  // The client has registered: what both sides speak is known.
  virtual void OnRegistered(Generation app, Generation client) noexcept = 0;
  // The client has gone: what follows belongs to another session.
  virtual void OnNewSession() noexcept = 0;
  // The run ends so. Waits for a disk at most so long.
  virtual void Close(int code, const std::string& reason,
                     std::chrono::milliseconds patience) noexcept = 0;
};

// What is known of a run when its tap is opened.
struct TapFacts {
  RunReport report;  // what it says before the start
  int generation = 0;
  std::string interpreter;                // empty where Python has started us
  std::vector<std::string> expect_crash;  // parts of what the app may raise, by options and steps
};

struct Features {
  StartGuard* guard = nullptr;      // null: no start is guarded
  ClientFinder* clients = nullptr;  // null: there is no window
  // Null, or a tap; null itself: no run has one. May refuse the run.
  std::function<Result<std::unique_ptr<SessionTap>>(const RunRequest&, const TapFacts&)> tap;
  // The UI of a run with `replay_file`.
  std::function<Result<std::unique_ptr<UiEndpoint>>(EventLoop&, const RunRequest&)> replay;

  // Null where this run's start is not guarded.
  [[nodiscard]] StartGuard* GuardOf(const RunRequest& request) const {
    return request.guard.empty() ? nullptr : guard;
  }
};

}  // namespace fletbridge
