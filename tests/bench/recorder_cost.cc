// Room: tests/bench. What the event loop pays for a packet that is recorded: the time of one
// Recorder::Take(), while the recorder's thread masks and writes what came before, and the pages of
// memory that it was the first to touch.
//
//   recorder_cost FILE
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sys/resource.h>
#include <vector>

#include "common/wire/codec.h"
#include "src/recording/recorder.h"

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

// Of this thread alone.
long PageFaults() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fletbridge;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  struct Case {
    std::size_t size;
    int packets;
    std::chrono::microseconds gap;  // between two packets
    bool masked;
  };
  constexpr std::size_t kKiB = 1024;
  for (const Case& one : {Case{64, 4000, std::chrono::microseconds(200), false},
                          Case{4 * kKiB, 4000, std::chrono::microseconds(200), false},
                          Case{64 * kKiB, 4000, std::chrono::microseconds(200), false},
                          Case{64 * kKiB, 4000, std::chrono::microseconds(200), true},
                          Case{kKiB * kKiB, 400, std::chrono::microseconds(5000), false}}) {
    recording::RecorderOptions options;
    options.file = argv[1];
    if (one.masked) options.redact = {"secret"};
    Result<std::unique_ptr<recording::Recorder>> recorder =
        recording::Recorder::Open(std::move(options), {});
    if (!recorder) {
      std::fprintf(stderr, "%s\n", recorder.error().Line().c_str());
      return 70;
    }
    const Packet packet{
        PacketType::kControl,
        wire::Newest().EncodeOne(wire::ControlEvent{
            11, "change", wire::Value::MapOf({{"secret", std::string(one.size, 'x')}})})};
    std::vector<double> costs;
    const long faults = PageFaults();
    for (int i = 0; i < one.packets; ++i) {
      const auto begin = Clock::now();
      (*recorder)->Take(recording::Direction::kToApp, packet);
      costs.push_back(Microseconds(Clock::now() - begin).count());
      // As an app that answers a click: something else happens in between.
      while (Clock::now() - begin < one.gap) {
      }
    }
    const double faults_each = static_cast<double>(PageFaults() - faults) / one.packets;
    (*recorder)->Close({}, std::chrono::seconds(20));
    std::sort(costs.begin(), costs.end());
    std::printf("a packet of %zu bytes%s: p50 %.2f us, p99 %.2f us, %.2f page faults\n",
                packet.payload.size(), one.masked ? ", masked" : "", costs[costs.size() / 2],
                costs[costs.size() * 99 / 100], faults_each);
  }
}
