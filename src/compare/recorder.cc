#include "src/compare/recorder.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "src/compare/processes.h"

namespace fletbridge::compare {
namespace {

constexpr std::size_t kMostParts = 100;  // inputs of a script with figures of their own

}  // namespace

std::vector<std::string> LinesInTurn(const std::string& unit, int turn) {
  std::vector<std::string> lines;
  std::istringstream in(unit);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (!lines.empty()) {
    std::rotate(
        lines.begin(),
        lines.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(turn) % lines.size()),
        lines.end());
  }
  return lines;
}

void Recorder::AddWorkload(Workload&& workload, const std::vector<Part>& inputs) {
  WorkloadResult result;
  for (const VariantState& state : results_.variants)
    result.series.push_back({state.variant.name, {}});
  for (const std::string& phase : workload.phases) {
    result.parts.push_back({phase, {}});
    result.parts.back().series = result.series;
  }
  if (workload.apart) {
    for (Part part : inputs) {
      part.series = result.series;
      result.parts.push_back(std::move(part));
    }
  }
  result.workload = std::move(workload);
  results_.workloads.push_back(std::move(result));
}

void Recorder::CountVerdicts() {
  std::size_t verdicts = 0;
  for (const WorkloadResult& result : results_.workloads) {
    const bool tail = InTurns(result.workload) || result.workload.once;
    const std::size_t rows = (tail ? 2 : 1) + (result.parts.size() > 1 ? result.parts.size() : 0);
    verdicts += rows * (results_.variants.size() - 1);
  }
  for (WorkloadResult& result : results_.workloads)
    result.verdicts = std::max<std::size_t>(1, verdicts);
}

bool Recorder::Wants(Measure measure) const { return Find(measure) != results_.workloads.size(); }

std::size_t Recorder::Find(Measure measure) const {
  std::size_t i = 0;
  while (i < results_.workloads.size() && results_.workloads[i].workload.measure != measure) ++i;
  return i;
}

void Recorder::Record(std::size_t workload, std::size_t variant, int turn,
                      const std::vector<std::uint64_t>& values) {
  Block block{results_.rounds, turn, Seconds(), {}};
  for (const std::uint64_t value : values) block.values.Record(value);
  results_.workloads[workload].series[variant].blocks.push_back(std::move(block));
}

void Recorder::Record(std::size_t index, std::size_t variant, int turn,
                      const std::vector<std::uint64_t>& values, const Instance& instance) {
  Record(index, variant, turn, values);
  WorkloadResult& result = results_.workloads[index];
  const Disturbance& told = instance.disturbance();
  if (result.workload.once) NameParts(result, told);
  if (result.parts.empty() || told.of.size() != values.size()) return;
  std::map<std::size_t, Histogram> apart;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto part = PartOf(result, told.of[i], turn)) apart[*part].Record(values[i]);
  }
  for (auto& [part, histogram] : apart)
    result.parts[part].series[variant].blocks.push_back(
        {results_.rounds, turn, Seconds(), std::move(histogram)});
}

// Each input of a script, when it is seen for the first time.
void Recorder::NameParts(WorkloadResult& result, const Disturbance& told) {
  for (const Disturbance::Input& input : told.inputs) {
    if (step_parts_.contains(input.of) || result.parts.size() >= kMostParts) continue;
    if (std::find(told.of.begin(), told.of.end(), input.of) == told.of.end()) continue;
    step_parts_[input.of] = result.parts.size();
    std::string name = input.written;
    if (!input.control.type.empty()) {
      Clickable control = input.control;
      control.finder = "line " + std::to_string(input.line);
      name = name.substr(0, name.find(' ')) + " " + Named(control, icons_);
    }
    Part part{name, input.written};
    for (const Series& series : result.series) part.series.push_back({series.variant, {}});
    result.parts.push_back(std::move(part));
  }
}

std::optional<std::size_t> Recorder::PartOf(const WorkloadResult& result, std::uint32_t number,
                                            int turn) const {
  if (!result.workload.once) {
    // A block repeats the lines of the unit.
    const std::vector<std::string> lines = LinesInTurn(result.workload.unit, turn);
    if (lines.empty()) return std::nullopt;
    const std::string& line = lines[(number - 1) % lines.size()];
    for (std::size_t i = 0; i < result.parts.size(); ++i) {
      if (result.parts[i].written == line) return i;
    }
    return std::nullopt;
  }
  const auto part = step_parts_.find(number);
  if (part == step_parts_.end()) return std::nullopt;
  return part->second;
}

void Recorder::RecordIf(Measure measure, std::size_t variant, std::uint64_t value) {
  if (Wants(measure)) Record(Find(measure), variant, 0, {value});
}

void Recorder::RecordPhases(std::size_t variant, const Instance& instance) {
  if (!Wants(Measure::kStartUp)) return;
  for (const auto& [name, time] : instance.Phases()) {
    for (Part& part : results_.workloads[Find(Measure::kStartUp)].parts) {
      if (part.name != name) continue;
      Histogram value;
      value.Record(static_cast<std::uint64_t>(time.count()));
      part.series[variant].blocks.push_back({results_.rounds, 0, Seconds(), std::move(value)});
    }
  }
}

void Recorder::RecordFrames(std::size_t variant, const std::vector<std::uint64_t>& frames) {
  std::uint64_t all = 0, late = 0;
  for (const std::uint64_t frame : frames) {
    all += frame;
    late += frame >= static_cast<std::uint64_t>(std::chrono::nanoseconds(kLate).count());
  }
  if (all == 0) return;
  if (Wants(Measure::kFrameTime)) Record(Find(Measure::kFrameTime), variant, 0, frames);
  RecordIf(Measure::kLateFrames, variant, late * 1'000'000'000 / all);
}

std::uint64_t Recorder::CpuBefore(const Workload& workload, const Instance& instance) const {
  if (!Wants(Measure::kInputCpu)) return 0;
  const auto first = std::find_if(
      results_.workloads.begin(), results_.workloads.end(), [](const WorkloadResult& result) {
        return result.workload.measure == Measure::kLatency && result.workload.before.empty();
      });
  if (first == results_.workloads.end() || first->workload.name != workload.name) return 0;
  return CpuOf(instance.processes());
}

void Recorder::RecordCpu(std::uint64_t before, std::size_t variant, int turn, std::size_t samples,
                         const Instance& instance) {
  const std::size_t inputs = samples + instance.disturbance().unclear;
  if (before == 0 || inputs == 0) return;
  const std::uint64_t after = CpuOf(instance.processes());
  if (after > before) Record(Find(Measure::kInputCpu), variant, turn, {(after - before) / inputs});
}

void Recorder::Note(const Workload& workload, const Instance& instance) {
  const Disturbance& disturbance = instance.disturbance();
  for (WorkloadResult& result : results_.workloads) {
    if (result.workload.name != workload.name) continue;
    result.between += disturbance.between;
    result.unclear += disturbance.unclear;
    if (disturbance.between + disturbance.unclear == 0) continue;
    result.restless.insert(disturbance.restless.begin(), disturbance.restless.end());
    for (Part& part : result.parts)
      part.restless = part.restless || result.restless.contains(part.written);
  }
}

void Recorder::ForgetRound(std::vector<Series>& all) const {
  for (Series& series : all) {
    std::erase_if(series.blocks,
                  [this](const compare::Block& block) { return block.round == results_.rounds; });
  }
}

void Recorder::ForgetRound() {
  for (WorkloadResult& result : results_.workloads) {
    ForgetRound(result.series);
    for (Part& part : result.parts) ForgetRound(part.series);
  }
}

void Recorder::Finish() {
  // Steps that only move something have no answers.
  std::erase_if(results_.workloads, [](const WorkloadResult& workload) {
    return workload.workload.once && workload.HasBlocks() &&
           std::all_of(workload.series.begin(), workload.series.end(),
                       [](const Series& series) { return series.All().count() == 0; }) &&
           workload.unclear == 0;
  });
  for (WorkloadResult& workload : results_.workloads) {
    std::erase_if(workload.parts, [](const Part& part) {
      return std::all_of(part.series.begin(), part.series.end(),
                         [](const Series& series) { return series.blocks.empty(); });
    });
  }
}

double Recorder::Seconds() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

}  // namespace fletbridge::compare
