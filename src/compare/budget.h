// Room: src/compare. Divides the time of a run. A verdict needs kMinRounds rounds, so the
// workloads of one round must fit into the time that many times. Pure arithmetic; the runner uses
// it during the first round, in which it measures how long each workload takes on this machine.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <string>

namespace fletbridge::compare {

class Budget {
 public:
  // `seconds` for all rounds, of which there will be `rounds`, if no more than kMinRounds.
  Budget(double seconds, std::size_t rounds);

  // What one round may take. A little less than its part: rounds are unequal.
  [[nodiscard]] double a_round() const noexcept { return a_round_; }
  // Of the turns that a workload wants, each of which takes `a_turn` seconds: as many as fit into
  // its part of what is left of a round of which `used` seconds have gone, `waiting` workloads
  // (this one too) sharing that evenly. At least one where the rest of the round has room for it;
  // else 0: the workload is to be left out.
  [[nodiscard]] int Turns(int wanted, double a_turn, double used, std::size_t waiting) const;
  // The time for the run with which a round of so many seconds would do, `before` having gone
  // before the rounds.
  [[nodiscard]] double Needed(double round, double before) const;

 private:
  std::size_t rounds_;
  double a_round_;
};

// "8 s", "3 min"
[[nodiscard]] std::string ShownTime(double seconds);

}  // namespace fletbridge::compare
