// Much at once: counts and orders that must be exact, and memory that must be bounded.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

// Sanitizers slow Python's neighbour down, and the original's callers wait for one another's GIL.
constexpr std::uint64_t kPerThread = BRIDGE_PATIENCE > 1 ? 20'000 : 1'000'000;
constexpr std::uint64_t kPerThreadOfOriginal = 2'000;
constexpr int kLargeMessages = BRIDGE_PATIENCE > 1 ? 200 : 1'000;

void ManyThreads(Rig& rig) {
  constexpr std::uint64_t kThreads = 8;
  const std::uint64_t wanted = rig.original() ? kPerThreadOfOriginal : kPerThread;
  rig.Park(R"(
import struct
unpack = struct.Struct('<QQ').unpack
following, wrong = [0] * 8, []
def handler(data):
    sender, number = unpack(data)
    if number != following[sender]:
        wrong.append(data)
    following[sender] = number + 1
bridge.set_enqueue_handler_func(77, handler)
bridge.set_enqueue_handler_func(78, lambda data: say(len(wrong), *following))
park()
)");
  std::atomic<std::uint64_t> refusals{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> senders;
  const auto from = std::chrono::steady_clock::now();
  for (std::uint64_t sender = 0; sender < kThreads; ++sender) {
    senders.emplace_back([&, sender] {
      std::uint64_t packet[2] = {sender, 0};
      while (packet[1] < wanted) {
        const int code = rig.bridge().enqueue(kHandlerPort, reinterpret_cast<const char*>(packet),
                                              sizeof packet);
        if (code == 0) {
          ++packet[1];
        } else if (code == -1) {
          ++refusals;
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        } else {
          ++wrong;
          return;
        }
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  Same("wrong codes", wrong.load(), 0);
  rig.Send(78, "");
  std::string line = "0";
  for (std::uint64_t i = 0; i < kThreads; ++i) line += " " + std::to_string(wanted);
  // The queue may hold millions: it is worked off while messages to port 78 wait at its end.
  AwaitUntil("the queue's end", [&] { return rig.HasHeard(); });
  rig.Expect(line);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - from);
  rig.Tell(std::to_string(kThreads * wanted) + " packets in " + std::to_string(took.count()) +
           " ms, " + std::to_string(refusals.load()) + " refusals, peak " +
           std::to_string(PeakResidentBytes() / kMiB) + " MiB");
  rig.End();
}

void LargeBothWays(Rig& rig) {
  constexpr std::size_t kCap = 8 * kMiB;
  constexpr std::size_t kSize = 1'000'000;
  ::setenv("FLETBRIDGE_BRIDGE_QUEUE_BYTES", std::to_string(kCap).c_str(), 1);
  rig.vm().keep_bytes = false;
  std::atomic<int> echoed{0};
  std::atomic<int> wrong{0};
  rig.vm().on_post = [&](const Posted& posted) {
    if (posted.port != 5) return;
    const std::string sent = Numbered(static_cast<std::uint32_t>(echoed++), kSize);
    if (posted.length != kSize || std::memcmp(posted.where, sent.data(), kSize) != 0) ++wrong;
  };
  rig.Park(
      "bridge.set_enqueue_handler_func(77, lambda data: bridge.send_bytes(5, data))\npark()\n");
  std::size_t warm = 0;
  for (int number = 0; number < kLargeMessages; ++number) {
    rig.Send(kHandlerPort, Numbered(static_cast<std::uint32_t>(number), kSize));
    if (number == 20) warm = ResidentBytes();
  }
  AwaitUntil("the echoes", [&] { return echoed == kLargeMessages; });
  rig.vm().AwaitFinalized();
  Same("wrong echoes", wrong.load(), 0);
  const std::size_t peak = PeakResidentBytes();
  const std::size_t growth = peak > warm ? peak - warm : 0;
  rig.Tell("memory grew by " + std::to_string(growth / kMiB) + " MiB at most");
  // Once as queued bytes, once as Python's, and the 16 that the fake VM may hold. Sanitizers keep
  // freed memory.
  Require(BRIDGE_PATIENCE > 1 || growth < 2 * kCap + 32 * kSize, "memory grows");
  rig.End();
}

// New ports in the middle of traffic: what is accepted is handled, or counted as dropped.
void RestartInTraffic(Rig& rig) {
  constexpr std::int64_t kMoves = 20;
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(R"(
import asyncio
handled = []
async def main():
    loop, current = asyncio.get_running_loop(), 1000
    def handler(data):
        handled.append(data)
    def moved(ports):
        loop.call_soon_threadsafe(move, ports['protocol'])
    def move(port):
        nonlocal current
        bridge.set_enqueue_handler_func(port, handler)
        bridge.set_enqueue_handler_func(current, None)
        current = port
    bridge.add_session_restart_handler(moved)
    bridge.set_enqueue_handler_func(current, handler)
    say('going')
    await loop.run_in_executor(None, gate)
    try:
        await loop.run_in_executor(None, tell_statistics)
    except ImportError:
        say('no statistics')
    say('handled', len(handled))
asyncio.run(main())
)");
  Same("run", rig.Run(start), 0);
  rig.Expect("going");
  std::atomic<std::int64_t> port{1000};
  std::atomic<std::int64_t> accepted{0};
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> senders;
  for (int i = 0; i < 2; ++i) {
    senders.emplace_back([&] {
      while (!stop) {
        const int code = rig.Enqueue(port, "0123456789abcdef");
        accepted += code == 0 ? 1 : 0;
        wrong += code == 0 || code == -1 ? 0 : 1;
        if (code != 0) std::this_thread::yield();
      }
    });
  }
  for (std::int64_t move = 1; move <= kMoves; ++move) {
    const std::int64_t before = accepted;
    AwaitUntil("traffic", [&] { return accepted > before + 200; });
    rig.Signal({{"protocol", 1000 + move}});
    port = 1000 + move;
  }
  AwaitUntil("the last port", [&] { return rig.Enqueue(1000 + kMoves, "") == 0; });
  ++accepted;
  stop = true;
  for (std::thread& sender : senders) sender.join();
  rig.OpenGate();
  Same("wrong codes", wrong.load(), 0);
  if (rig.original()) {
    rig.Expect("no statistics");
    Same("handled", rig.HearNumber("handled"), accepted.load());
  } else {
    const auto counts = rig.HearStatistics();
    const std::int64_t handled = rig.HearNumber("handled");
    Same("delivered and dropped", counts.at("delivered") + counts.at("dropped"),
         counts.at("accepted"));
    Same("handled and dropped", handled + counts.at("dropped"), accepted.load());
    rig.Tell("dropped " + std::to_string(counts.at("dropped")) + " of " +
             std::to_string(accepted.load()));
  }
  rig.AwaitEnded();
}

}  // namespace

std::vector<Case> StressCases() {
  return {{"many_threads", ManyThreads},
          {"large_both_ways", LargeBothWays},
          {"restart_in_traffic", RestartInTraffic}};
}

}  // namespace fletbridge::bridge_test
