// Room: src/compare. Executes a plan: rounds of fresh instances, in which the variants take turns
// in short blocks, in random order, until the intervals are narrow enough or the time is over.
//
// One round: first, one variant after another with nothing else running, start-up, idle load and
// memory; then one instance of each variant, all running, and for each workload some turns of one
// block per variant. Measurements made before a failure or an interrupt are kept. Main thread;
// blocks.
#pragma once

#include <functional>
#include <string>

#include "src/compare/plan.h"
#include "src/compare/results.h"

namespace fletbridge::compare {

// Where the run is: share of it that is done, what runs, seconds that are left at most.
struct Progress {
  double share = 0;
  std::string what;
  double seconds_left = 0;
  std::string said{};  // for good, on a line of its own; mostly empty
};

// `interrupt`: a descriptor that becomes readable when the user interrupts. Fails only when
// nothing could be measured at all; later failures are in the results.
[[nodiscard]] Result<Results> RunPlan(const Plan& plan, int interrupt,
                                      const std::function<void(const Progress&)>& tell);

}  // namespace fletbridge::compare
