// Room: src/compare. One running app of one variant. Two implementations: with our headless
// client, which takes commands and returns samples, and in a window at the display. The runner
// makes one for each fresh start.
//
// Threads: everything on the thread that created it (the main one: the kernel ties the processes'
// lives to that thread). Calls block, at most until their deadline; they return early when the app
// ends or when Interrupt's descriptor becomes readable.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "src/compare/fresh_copy.h"
#include "src/compare/harmless.h"
#include "src/compare/plan.h"
#include "src/compare/processes.h"

namespace fletbridge::compare {

// Additional facts about the figures of a block.
struct Disturbance {
  std::size_t between = 0;              // patches that answer no input
  std::size_t unclear = 0;              // inputs whose answer nobody can tell, so without a figure
  std::vector<std::string> restless{};  // inputs after which the page changes more than once
  std::string unanswered{};             // the input that has ended the steps
  // Which of the steps, from 1, each figure is of; of another length than the figures: unknown.
  std::vector<std::uint32_t> of{};
  struct Input {
    std::uint32_t of = 0;  // the step's number
    std::string written;
    int line = 0;
    Clickable control;  // of no type: it has none
  };
  std::vector<Input> inputs{};  // where they were to be named
  // At a display: from one drawn frame to the next, in nanoseconds, where steps measure frames.
  std::vector<std::uint64_t> frames{};
};

// Under the headless client.
struct DoOptions {
  bool names = false;       // disturbance() is to name the inputs
  bool all_answer = false;  // an input that nobody answers ends the steps, without a failure
};

class Instance {
 public:
  virtual ~Instance() = default;  // kills what still runs

  [[nodiscard]] virtual std::chrono::nanoseconds start_up() const = 0;
  // From the app's answer to the registration until its first frame has come; 0: nobody knows.
  [[nodiscard]] virtual std::chrono::nanoseconds first_frame() const = 0;
  // Runs steps; the latencies of their inputs in nanoseconds. kLimit if they take longer than
  // `time`; the instance is of no more use then.
  [[nodiscard]] virtual Result<std::vector<std::uint64_t>> Do(const std::string& steps,
                                                              std::chrono::nanoseconds time,
                                                              DoOptions how) = 0;
  // Of the last Do(); none at a display.
  [[nodiscard]] virtual const Disturbance& disturbance() const = 0;
  // The number that a control shows, named by a finder as in steps; not at a display.
  [[nodiscard]] virtual Result<std::uint64_t> Read(const std::string& finder) = 0;
  // What can be clicked, or with a finder what a click there would hit; at a display nothing is
  // known of it.
  [[nodiscard]] virtual Result<std::vector<Clickable>> Clickables(const std::string& finder) = 0;
  [[nodiscard]] virtual std::vector<pid_t> processes() const = 0;  // that live
  // An error if one of them has ended, which none does by itself; kPeerMisbehaved if the app
  // raised.
  [[nodiscard]] virtual Result<> Check() = 0;
  // After Join(): the phases of its start that are known, by the names in plan.h.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::chrono::nanoseconds>> Phases()
      const = 0;
  // After Join(): how Python was hosted, as the run's report has it; empty where it has none.
  [[nodiscard]] virtual std::string Hosting() const = 0;
  virtual void Close() = 0;  // the window closes; returns at once
  virtual void Join() = 0;   // waits for the end of all processes, at most some seconds, then kills
};

// Starts instances of a plan's variants, all looked at in one way.
class Starter {
 public:
  virtual ~Starter() = default;
  // Starts the processes and waits for the first frame, at a display until the screen is as it
  // stays. Errc::kClosed if `interrupt` became readable; kPeerMisbehaved if the app raised; else
  // kSetup, with what the app said last.
  // `page`: Workload::page.
  [[nodiscard]] virtual Result<std::unique_ptr<Instance>> Start(const Variant& variant,
                                                                const std::string& page) = 0;
};

// What all starts of a run have in common; what it refers to outlives them.
struct Surroundings {
  EventLoop& loop;
  const Plan& plan;
  std::string folder;  // private
  int interrupt = -1;
  Freshness& freshness;
  std::string& traceback;  // of the app's first exception in this run; empty: none
};

[[nodiscard]] std::unique_ptr<Starter> HeadlessStarter(Surroundings around);
[[nodiscard]] std::unique_ptr<Starter> DesktopStarter(Surroundings around);

}  // namespace fletbridge::compare
