#include "src/compare/processes.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace fletbridge::compare {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> TasksOf(pid_t pid) {
  std::vector<std::string> tasks;
  std::error_code error;
  for (fs::directory_iterator it("/proc/" + std::to_string(pid) + "/task", error), end;
       !error && it != end; it.increment(error)) {
    tasks.push_back(it->path());
  }
  return tasks;
}

// The number behind `name:` in a file of such lines; 0 if there is none.
std::uint64_t Field(const std::string& file, std::string_view name) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(name)) continue;
    std::istringstream rest(line.substr(name.size()));
    std::uint64_t value = 0;
    rest >> value;
    return value;
  }
  return 0;
}

}  // namespace

bool AnyRunnable(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    for (const std::string& task : TasksOf(pid)) {
      std::ifstream in(task + "/status");
      for (std::string line; std::getline(in, line);) {
        if (line.starts_with("State:\tR")) return true;
        if (line.starts_with("State:")) break;
      }
    }
  }
  return false;
}

std::vector<pid_t> FamilyOf(const std::vector<pid_t>& roots) {
  std::vector<pid_t> family = roots;
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (const std::string& task : TasksOf(family[i])) {
      std::ifstream in(task + "/children");
      pid_t child = 0;
      while (in >> child) family.push_back(child);
    }
  }
  return family;
}

std::uint64_t PssBytes(const std::vector<pid_t>& pids) {
  std::uint64_t kib = 0;
  for (const pid_t pid : pids)
    kib += Field("/proc/" + std::to_string(pid) + "/smaps_rollup", "Pss:");
  return kib * 1024;
}

std::uint64_t PeakBytes(const std::vector<pid_t>& pids) {
  std::uint64_t kib = 0;
  for (const pid_t pid : pids) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const std::uint64_t resident = Field(folder + "/smaps_rollup", "Rss:");
    const std::uint64_t most = Field(folder + "/status", "VmHWM:");
    kib += Field(folder + "/smaps_rollup", "Pss:") + (most > resident ? most - resident : 0);
  }
  return kib * 1024;
}

std::uint64_t CpuOf(const std::vector<pid_t>& pids) {
  std::uint64_t all = 0;
  for (const pid_t pid : pids) {
    for (const std::string& task : TasksOf(pid)) {
      std::uint64_t ns = 0;
      std::ifstream(task + "/schedstat") >> ns;
      all += ns;
    }
  }
  return all;
}

Usage UsedBy(const std::vector<pid_t>& pids) {
  Usage usage;
  for (const pid_t pid : pids) {
    for (const std::string& task : TasksOf(pid)) {
      std::uint64_t ns = 0;
      std::ifstream(task + "/schedstat") >> ns;
      usage.cpu_ns += ns;
      usage.wake_ups += Field(task + "/status", "voluntary_ctxt_switches:");
    }
  }
  return usage;
}

}  // namespace fletbridge::compare
