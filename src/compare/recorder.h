// Room: src/compare. Adds the measurements of instances to the results, by workload, variant,
// round and turn, and by input or phase, and computes the derived figures. Used by the runner,
// which decides what is measured and when. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/compare/harmless.h"
#include "src/compare/instance.h"
#include "src/compare/results.h"

namespace fletbridge::compare {

// The lines of a workload's unit as they are done in this turn: each begins with another one, since
// the first input after a rest takes longer.
[[nodiscard]] std::vector<std::string> LinesInTurn(const std::string& unit, int turn);

class Recorder {
 public:
  using Clock = std::chrono::steady_clock;

  // Both outlive it.
  Recorder(Results& results, const Icons& icons) : results_(results), icons_(icons) {}
  void Begin(Clock::time_point at) { begin_ = at; }

  // `inputs`: of a workload each of whose inputs has figures of its own; without figures.
  void AddWorkload(Workload&& workload, const std::vector<Part>& inputs);
  [[nodiscard]] bool Wants(Measure measure) const;

  void Record(std::size_t workload, std::size_t variant, int turn,
              const std::vector<std::uint64_t>& values);
  // The figures of a Do() that this instance has done last, also by the inputs that they are of.
  void Record(std::size_t workload, std::size_t variant, int turn,
              const std::vector<std::uint64_t>& values, const Instance& instance);
  void RecordIf(Measure measure, std::size_t variant, std::uint64_t value);
  // After Join().
  void RecordPhases(std::size_t variant, const Instance& instance);
  void RecordFrames(std::size_t variant, const std::vector<std::uint64_t>& frames);

  // Processor time until now, if that of this workload's inputs is asked for; else 0. Then, behind
  // so many inputs that have samples, what each took of it.
  [[nodiscard]] std::uint64_t CpuBefore(const Workload& workload, const Instance& instance) const;
  void RecordCpu(std::uint64_t before, std::size_t variant, int turn, std::size_t samples,
                 const Instance& instance);

  // What the page did besides.
  void Note(const Workload& workload, const Instance& instance);
  // How many verdicts the results give, to each of them: one of each row, each part and each tail.
  void CountVerdicts();
  void ForgetRound();  // the one that runs
  void Finish();       // takes away what turned out to have no figures

 private:
  [[nodiscard]] double Seconds() const;
  [[nodiscard]] std::size_t Find(Measure measure) const;
  void NameParts(WorkloadResult& result, const Disturbance& told);
  [[nodiscard]] std::optional<std::size_t> PartOf(const WorkloadResult& result,
                                                  std::uint32_t number, int turn) const;
  void ForgetRound(std::vector<Series>& all) const;

  Results& results_;
  const Icons& icons_;
  Clock::time_point begin_;
  std::map<std::uint32_t, std::size_t> step_parts_;  // the step's number -> of its workload's parts
};

}  // namespace fletbridge::compare
