#include "src/compare/machine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace fletbridge::compare {
namespace {

using Clock = std::chrono::steady_clock;

// Above these limits the reader gets a warning.
constexpr double kNoisySpread = 0.25;
constexpr double kNoisyLost = 0.05;
constexpr double kOthersAtWork = 0.15;  // of one processor
constexpr double kStolen = 0.02;

std::string FirstLineOf(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string ProcessorModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

// Of all processors since the boot, in ticks: user, nice, system, idle, iowait, irq, softirq,
// steal.
std::vector<std::uint64_t> ProcessorTimes() {
  std::istringstream in(FirstLineOf("/proc/stat"));
  std::string name;
  in >> name;
  std::vector<std::uint64_t> times;
  for (std::uint64_t value = 0; times.size() < 8 && in >> value;) times.push_back(value);
  times.resize(8);
  return times;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Of this process and of all it has waited for.
double OwnSeconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    sum += Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  return sum;
}

std::vector<int> Affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

nlohmann::json NoiseJson(const Noise& noise) {
  return {{"spread", noise.spread}, {"lost", noise.lost}};
}

std::string Percent(double share) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.0f %%", share * 100);
  return buffer;
}

}  // namespace

Noise MeasureNoise() {
  std::vector<double> times;
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(200);
  volatile std::uint64_t sink = 1;
  while (Clock::now() < end) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < 20'000; ++i) sink = sink * 2862933555777941757ULL + 3037000493ULL;
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  double sum = 0, beyond = 0;
  for (const double time : times) {
    sum += time;
    if (time > median) beyond += time - median;
  }
  return {(times[times.size() * 99 / 100] - median) / median, beyond / sum};
}

Machine::Machine()
    : before_(MeasureNoise()),
      load_(FirstLineOf("/proc/loadavg")),
      cpu_times_(ProcessorTimes()),
      own_seconds_(OwnSeconds()) {}

std::string Machine::Finish(std::vector<std::string>& warnings) const {
  const std::vector<std::uint64_t> now = ProcessorTimes();
  const double own = OwnSeconds() - own_seconds_;
  double total = 0, resting = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const double part = static_cast<double>(now[i] - cpu_times_[i]);
    total += part;
    if (i == 3 || i == 4) resting += part;  // idle, iowait
  }
  const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double processors = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
  const double seconds = std::max(total * tick / processors, 0.01);
  const double stolen = static_cast<double>(now[7] - cpu_times_[7]) / std::max(total, 1.0);
  const double others = std::max(0.0, ((total - resting) * tick - own) / seconds);
  const Noise after = MeasureNoise();
  const double spread = std::max(before_.spread, after.spread);
  const double lost = std::max(before_.lost, after.lost);
  const std::string governor = FirstLineOf("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");

  const bool busy = others > kOthersAtWork;
  const bool noisy = spread > kNoisySpread || lost > kNoisyLost || stolen > kStolen;
  if (busy) {
    warnings.push_back("other programs used " + Percent(others) +
                       " of a processor during the run: end them and measure again");
  }
  if (noisy) {
    const std::string longer =
        spread < 1 ? Percent(spread) + " longer than usual"
                   : std::to_string(std::lround(1 + spread)) + " times as long as usual";
    warnings.push_back("the machine is noisy: the same work took up to " + longer + ", " +
                       Percent(std::max(lost, stolen)) +
                       " of the time was lost; small differences cannot be seen");
  }
  if (!governor.empty() && governor != "performance") {
    warnings.push_back("the processors' clock changes with the load (governor " + governor +
                       "): cpupower frequency-set -g performance makes figures steadier");
  }
  utsname name{};
  ::uname(&name);
  const nlohmann::json json = {
      {"processor", ProcessorModel()},
      {"processors", static_cast<int>(processors)},
      {"affinity", Affinity()},
      {"governor", governor.empty() ? nlohmann::json() : nlohmann::json(governor)},
      {"kernel", std::string(name.sysname) + " " + name.release},
      {"architecture", name.machine},
      {"load_before", load_},
      {"load_after", FirstLineOf("/proc/loadavg")},
      {"others_processors", others},
      {"stolen", stolen},
      {"noise_before", NoiseJson(before_)},
      {"noise_after", NoiseJson(after)},
      {"noisy", busy || noisy}};
  return json.dump();
}

Result<> PinTo(const std::vector<int>& cpus) {
  if (cpus.empty()) return {};
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  if (::sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return MakeError(Errc::kUsage, std::string("cannot pin to these processors: ") +
                                     std::strerror(errno) + "; see nproc for how many there are");
}

}  // namespace fletbridge::compare
