// Room: src/compare. The processes of one running app: starts them, waits for them, ends them, and
// keeps their last output. Shared by the headless and the desktop instance.
//
// Threads: everything on the thread that created it (the main one: the kernel ties the processes'
// lives to that thread). A wait ends early when a process ends or the user interrupts the run.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/process/child.h"
#include "src/compare/plan.h"

namespace fletbridge::compare {

inline constexpr std::chrono::seconds kFirstFrameTime{60};
inline constexpr std::chrono::seconds kEndTime{15};

class AppRun {
 public:
  using Clock = std::chrono::steady_clock;

  // `name` is the variant's, for messages; what the processes say goes to the file `output`.
  // `traceback` becomes that of the app's exception, if Failure() finds one and it is empty.
  AppRun(EventLoop& loop, std::string name, std::string output, int interrupt,
         std::string& traceback);
  ~AppRun();  // kills what still runs

  [[nodiscard]] Result<> Launch(ChildOptions options);
  // Waits until `fd` is readable (-1: for nothing); false if it was not until then.
  [[nodiscard]] Result<bool> Readable(int fd, Clock::time_point until, const char* for_what);
  // The same; not in time is an error, kLimit.
  [[nodiscard]] Result<> Wait(int fd, Clock::time_point deadline, const char* for_what);
  // The variant, `what`, and what the processes said last. kPeerMisbehaved if the app raised.
  [[nodiscard]] Error Failure(const std::string& what) const;
  // Of the first process that ended; none has: 0. One that ended with 0: -1.
  [[nodiscard]] int exit_code() const;
  [[nodiscard]] std::vector<pid_t> processes() const;  // and their descendants
  void Signal(int signal);                             // to each that was started here
  // Waits until no more than `left` of them run, at most some seconds, then kills.
  void Join(int left);

 private:
  struct Ended;
  EventLoop& loop_;
  const std::string name_, output_file_;
  const int interrupt_;
  std::string& traceback_;
  UniqueFd output_;
  std::shared_ptr<Ended> ended_;
  std::vector<std::unique_ptr<Child>> children_;
};

// `fletbridge run` of the plan's app as a stage runs it, with further options of it.
[[nodiscard]] ChildOptions StageCommand(const Plan& plan, const Variant& variant,
                                        const std::string& page, const std::string& ui,
                                        const std::string& report,
                                        const std::vector<std::string>& more);
// The plan's Python with its app.
[[nodiscard]] ChildOptions PythonCommand(const Plan& plan, const std::string& page);
// The script or `-m` and module, what `before_arguments` says, and the app's arguments; or a page
// of ours (Workload::page) in the app's place.
void AddApp(const Plan& plan, const std::string& page, const char* before_arguments,
            std::vector<std::string>& to);
// A port that nobody has just now; whoever takes it first in between makes the start fail, and say
// so. 0: there is none.
[[nodiscard]] int FreePort();
// When a milestone of a run was reached, after its begin, as its report has it; nothing where it
// has none.
[[nodiscard]] std::optional<std::chrono::nanoseconds> ReachedIn(const std::string& report,
                                                                const char* milestone);
// How Python was hosted, as a run's report has it; empty where it has none.
[[nodiscard]] std::string HostingIn(const std::string& report);

}  // namespace fletbridge::compare
