// Room: src/host. The interfaces of features of a run: a guard of its start, a finder of Flet's
// clients, filters of its packets, further UIs. The host knows features only by these; the program
// that starts a run passes them (tools/feature_list.h). All are stateless, except filters, and must
// outlive the run.
//
// Threads: the main thread, except where something else is stated.
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
#include "common/transport/ui_surface.h"
#include "src/host/launch_plan.h"
#include "src/host/pipeline/filter.h"
#include "src/host/run.h"
#include "src/host/watched_end.h"

namespace fletbridge {

struct SessionParts;

// Which stages to skip, because of how earlier starts on them ended, and whether the resulting
// stage is likely to fail.
struct StartAdvice {
  std::vector<RunReport::Fallback> changes;  // from the chosen stage down; usually none
  bool doubtful = false;
};

// Records how starts of an app end, and advises from these records. `RunRequest::guard` holds the
// guard's own data; if it is empty, no function is called. A guard that cannot write its records
// logs that once and does not stop the run.
class StartGuard {
 public:
  virtual ~StartGuard() = default;
  // `chosen` was decided among `stages`, highest first. `peeks`: changes no record.
  [[nodiscard]] virtual StartAdvice Advise(const RunRequest& request, const LaunchPlan& chosen,
                                           const std::vector<std::string>& stages, bool peeks) = 0;
  // Before anything that could crash the process. Writes a start record, puts its path into the
  // plan, and returns nothing. If the plan is doubtful, it forks instead: it returns nothing in the
  // child, where the run continues, and the child's end in this process.
  [[nodiscard]] virtual std::optional<WatchedEnd> Begin(const RunRequest& request,
                                                        LaunchPlan& plan) = 0;
  // Records the end of a start that a child has made.
  virtual void BookEnded(const RunRequest& request, const LaunchPlan& plan) = 0;
  // The app could not be started: `by_stage`, because of the stage, or for another reason.
  virtual void NoStart(const RunRequest& request, LaunchPlan& plan, const Error& why,
                       bool by_stage) = 0;
  // Adds callbacks for the session's first frame and end. `plan` and `timeline` outlive the
  // session.
  virtual void Follow(SessionParts& parts, const RunRequest& request, const LaunchPlan& plan,
                      const Timeline& timeline) = 0;
};

class ClientFinder {
 public:
  virtual ~ClientFinder() = default;
  // The client for a window. `asked`: the setting flet_client; `flet_package`: the folder of the
  // app's package `flet`; `generation`: the app's; empty and -1 if unknown. `unpacks`: unpacks the
  // client if needed. The error says what to do. Any thread; reads the disk.
  [[nodiscard]] virtual Result<FoundClient> Find(const std::string& asked,
                                                 const std::string& flet_package, int generation,
                                                 bool unpacks) = 0;
};

// Facts about a run for the construction of its filters.
struct FilterFacts {
  RunReport report;  // as before the start
  int generation = 0;
  std::string interpreter;                // empty if Python has started us
  std::vector<std::string> expect_crash;  // parts of expected exceptions, from options and steps
};

struct Features {
  StartGuard* guard = nullptr;      // null: none
  ClientFinder* clients = nullptr;  // null: no windows
  // Creates filters (pipeline/filter.h), in order from the app's side. A function returns null if
  // the run needs no filter of it; an error refuses the run.
  using MakeFilter =
      std::function<Result<std::unique_ptr<Filter>>(const RunRequest&, const FilterFacts&)>;
  std::vector<MakeFilter> filters;
  // The UI of a run with `replay_file`.
  std::function<Result<std::unique_ptr<UiSurface>>(EventLoop&, const RunRequest&)> replay;

  // Null if this run's start is not guarded.
  [[nodiscard]] StartGuard* GuardOf(const RunRequest& request) const {
    return request.guard.empty() ? nullptr : guard;
  }
};

}  // namespace fletbridge
