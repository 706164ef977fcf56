// Room: tests/bench. What the event loop pays for a packet that is recorded: the time of one
// Recorder::Take(), while the recorder's thread masks and writes what came before.
//
//   recorder_cost FILE
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "common/recording/recorder.h"
#include "common/wire/message.h"

int main(int argc, char** argv) {
  using namespace fletbridge;
  using Clock = std::chrono::steady_clock;
  using Microseconds = std::chrono::duration<double, std::micro>;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  for (const std::size_t size : {std::size_t{64}, std::size_t{4096}, std::size_t{65536}}) {
    recording::RecorderOptions options;
    options.file = argv[1];
    Result<std::unique_ptr<recording::Recorder>> recorder =
        recording::Recorder::Open(std::move(options), {});
    if (!recorder) {
      std::fprintf(stderr, "%s\n", recorder.error().Line().c_str());
      return 70;
    }
    const Packet packet{PacketType::kControl,
                        wire::EncodeEvent(11, "change", wire::Value(std::string(size, 'x')))};
    std::vector<double> costs;
    for (int i = 0; i < 4000; ++i) {
      const auto begin = Clock::now();
      (*recorder)->Take(recording::Direction::kToApp, packet);
      costs.push_back(Microseconds(Clock::now() - begin).count());
      // As an app that answers a click: something else happens in between.
      while (Clock::now() - begin < std::chrono::microseconds(200)) {
      }
    }
    (*recorder)->Close({}, std::chrono::seconds(20));
    std::sort(costs.begin(), costs.end());
    std::printf("a packet of %zu bytes: p50 %.2f us, p99 %.2f us\n", packet.payload.size(),
                costs[costs.size() / 2], costs[costs.size() * 99 / 100]);
  }
}
