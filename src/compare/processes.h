// Room: src/compare. Process data from the kernel: descendants, memory, processor time, wake-ups.
// Ended processes are not counted. Any thread.
#pragma once

#include <cstdint>
#include <sys/types.h>
#include <vector>

namespace fletbridge::compare {

struct Usage {
  std::uint64_t cpu_ns = 0;
  std::uint64_t wake_ups = 0;  // how often a thread left the processor by itself
};

// The processes and all their descendants.
[[nodiscard]] std::vector<pid_t> FamilyOf(const std::vector<pid_t>& roots);
[[nodiscard]] std::uint64_t PssBytes(const std::vector<pid_t>& pids);
[[nodiscard]] Usage UsedBy(const std::vector<pid_t>& pids);
[[nodiscard]] std::uint64_t CpuOf(const std::vector<pid_t>& pids);  // ns
// Whether a thread of them runs or waits for a processor.
[[nodiscard]] bool AnyRunnable(const std::vector<pid_t>& pids);
// PSS, and by how much each has had more resident at some time, which is memory of its own mostly.
[[nodiscard]] std::uint64_t PeakBytes(const std::vector<pid_t>& pids);

}  // namespace fletbridge::compare
