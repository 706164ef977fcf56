// Room: src/compare. The machine of a run: its hardware, its settings, and the load by other
// programs. Read once before and once after the run; Linux only. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge::compare {

// A fixed piece of work, done over and over: what a quiet machine does in equal times.
struct Noise {
  double spread = 0;  // (99th percentile - median) / median of its times
  double lost = 0;    // share of the time that the slow ones took beyond the median
};
[[nodiscard]] Noise MeasureNoise();  // waits for 0.2 s

class Machine {
 public:
  Machine();  // measures noise
  // After the run, when all its processes have ended and were waited for: the facts as a JSON
  // object. What a reader must know goes to `warnings`, in sentences.
  [[nodiscard]] std::string Finish(std::vector<std::string>& warnings) const;

 private:
  Noise before_;
  std::string load_;
  std::vector<std::uint64_t> cpu_times_;
  double own_seconds_ = 0;
};

[[nodiscard]] Result<> PinTo(const std::vector<int>& cpus);

}  // namespace fletbridge::compare
