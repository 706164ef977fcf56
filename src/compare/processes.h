// Room: src/compare. What the kernel tells of processes: who belongs to whom, memory, processor
// time, wake-ups. Of what has ended nothing is counted. Any thread.
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
// PSS, and by how much each has had more resident at some time, which is memory of its own mostly.
[[nodiscard]] std::uint64_t PeakBytes(const std::vector<pid_t>& pids);

}  // namespace fletbridge::compare
