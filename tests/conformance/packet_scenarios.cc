#include <cstring>
#include <fstream>
#include <map>

#include "tests/conformance/scenarios.h"

namespace fletbridge::conformance {
namespace {

constexpr std::size_t kSmallLimit = kMiB;
constexpr std::size_t kChannelIdBytes = 4;
constexpr std::uint32_t kChannel = 7;  // peer.py's CHANNEL
// The bytes that kernel buffers and asyncio's own may hold besides our queue. Linux lets both
// buffers of a TCP connection grow to what these files say last; with a broker there are two
// connections.
std::size_t Elsewhere() {
  std::size_t bytes = 16 * kMiB;
  for (const char* file : {"/proc/sys/net/ipv4/tcp_rmem", "/proc/sys/net/ipv4/tcp_wmem"}) {
    std::ifstream in(file);
    std::size_t least = 0;
    std::size_t usual = 0;
    std::size_t most = 0;
    if (in >> least >> usual >> most) bytes += 2 * most;
  }
  return bytes;
}

FlowLimits LimitedTo(std::size_t max_packet) {
  FlowLimits limits;
  limits.max_packet = max_packet;
  return limits;
}

// A packet of `size` bytes of payload whose content tells its number; a data packet has at least
// the id of its channel.
Packet MakePacket(PacketType type, std::uint32_t number, std::size_t size) {
  if (type != PacketType::kData) return {type, Labelled(1, 0, number, size)};
  const std::size_t content = size > kChannelIdBytes ? size - kChannelIdBytes : 0;
  Buffer payload(kChannelIdBytes + content);
  std::memcpy(payload.data(), &kChannel, kChannelIdBytes);
  const Buffer bytes = Labelled(1, 0, number, content);
  if (content != 0) std::memcpy(payload.data() + kChannelIdBytes, bytes.data(), content);
  return {type, std::move(payload)};
}

void RequireSame(const Packet& got, const Packet& sent) {
  Require(got.type == sent.type, "a packet came back with another type");
  Require(got.payload.size() == sent.payload.size(),
          "a packet of " + std::to_string(sent.payload.size()) + " bytes came back with " +
              std::to_string(got.payload.size()));
  Require(got.payload.text() == sent.payload.text(), "a packet came back with other bytes");
}

void Order(Rig& rig) {
  constexpr std::uint32_t kPackets = 3000;
  const auto packet = [](std::uint32_t number) {
    return MakePacket(number % 3 == 0 ? PacketType::kData : PacketType::kControl, number,
                      12 + number % 200);
  };
  for (std::uint32_t number = 0; number < kPackets; ++number)
    rig.Send(packet(number));  // from the very start
  for (std::uint32_t number = 0; number < kPackets; ++number)
    RequireSame(rig.Next(), packet(number));
}

void EchoSizes(Rig& rig, const std::vector<std::size_t>& sizes) {
  rig.AwaitConnected();
  for (const std::size_t size : sizes) {
    for (const PacketType type : {PacketType::kControl, PacketType::kData}) {
      rig.Send(MakePacket(type, 1, size));
      RequireSame(rig.Next(), MakePacket(type, 1, size));
    }
  }
}

// A type that nobody knows is a packet like any other, and no secret order to the transport.
void CarriesUnknownTypes(Rig& rig) {
  rig.AwaitConnected();
  for (const int type : {2, 0x7f, 0xff}) {
    rig.Send(MakePacket(static_cast<PacketType>(type), 1, 100));
    const Packet echo = rig.Next();
    Require(echo.type == static_cast<PacketType>(type) && echo.payload.size() == 100,
            "an unknown type came back otherwise");
  }
  EchoSizes(rig, {100});
}

void RefusesToApp(Rig& rig) {
  rig.AwaitConnected();
  Packet packet = MakePacket(PacketType::kControl, 1, kSmallLimit + 1);
  Require(rig.session().Send(std::move(packet)) == SendResult::kTooLarge,
          "one byte over the limit is not refused");
  Require(packet.payload.size() == kSmallLimit + 1, "the refused packet was taken from its owner");
  EchoSizes(rig, {kSmallLimit});
}

void RefusesToUi(Rig& rig) {
  rig.Order({{"do", "produce"}, {"n", 1}, {"size", kSmallLimit + 1}});
  rig.AwaitRefused([](const std::string& text) {
    Require(text.find(std::to_string(kSmallLimit + 1)) != std::string::npos, "no size in: " + text);
    Require(text.find(std::to_string(kSmallLimit)) != std::string::npos, "no limit in: " + text);
  });
  EchoSizes(rig, {kSmallLimit, 1});
  Require(rig.lost_calls() == 0, "the session was lost");
}

void ThreadsToApp(Rig& rig) {
  constexpr std::uint32_t kThreads = 8;
  constexpr std::uint32_t kEach = 1500;
  constexpr std::size_t kBytes = 100;
  rig.Order({{"do", "count"}});
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (std::uint32_t sender = 0; sender < kThreads; ++sender) {
    threads.emplace_back([&rig, &failures, sender] {
      try {
        for (std::uint32_t number = 0; number < kEach; ++number) {
          rig.Send(PacketType::kControl, Labelled(0, sender, number, kBytes));
        }
      } catch (const Failure&) {
        failures.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Require(failures.load() == 0, "a sender failed");
  const nlohmann::json report = rig.Report();
  Require(report["count"] == kThreads * kEach && report["bytes"] == kThreads * kEach * kBytes &&
              report["wrong"] == 0,
          "the app has got " + report.dump());
}

void ThreadsToUi(Rig& rig) {
  constexpr std::uint32_t kThreads = 8;
  constexpr std::uint32_t kEach = 500;
  rig.Order({{"do", "threads"}, {"threads", kThreads}, {"n", kEach}, {"size", 100}});
  std::map<std::uint32_t, std::uint32_t> next;
  for (std::uint32_t i = 0; i < kThreads * kEach; ++i) {
    const Label label = ReadLabel(rig.Next());
    Require(label.number == next[label.sender]++, "packets of one thread are out of order");
  }
  Require(next.size() == kThreads, "packets of some threads are missing");
}

void StalledApp(Rig& rig) {
  constexpr std::size_t kBytes = kMiB;
  const FlowLimits limits;
  const std::size_t elsewhere = Elsewhere();
  rig.Order({{"do", "count"}});
  rig.Order({{"do", "stall"}});
  rig.AwaitTold("at", "stalled");
  std::uint32_t sent = 0;
  const auto send_all = [&] {
    for (;;) {
      Packet packet{PacketType::kControl, Labelled(0, 0, sent, kBytes)};
      const SendResult result = rig.session().Send(std::move(packet));
      if (result == SendResult::kFull) {
        Require(packet.payload.size() == kBytes, "kFull took the packet from its owner");
        return static_cast<std::size_t>(sent);
      }
      Require(result == SendResult::kAccepted,
              "Send() to a stalled app answers " + std::to_string(static_cast<int>(result)));
      ++sent;
      Require(sent * kBytes <= limits.high_water + elsewhere + kBytes,
              "a stalled app is sent without bound");
    }
  };
  rig.AwaitQuiet(send_all);
  const std::size_t held = rig.session().queued_bytes();
  Require(held > limits.high_water && held <= limits.high_water + kBytes + kPacketOverhead,
          "a full queue holds " + std::to_string(held));
  Require(rig.writable_calls() == 0, "OnWritable() while the app is stalled");
  rig.Go();
  rig.AwaitUntil("OnWritable()", [&] { return rig.writable_calls() != 0; });
  rig.Send(PacketType::kControl, Labelled(0, 0, sent++, kBytes));
  const nlohmann::json report = rig.Report();
  Require(report["count"] == sent && report["wrong"] == 0,
          "of " + std::to_string(sent) + " packets came " + report.dump());
  Require(rig.writable_calls() == 1,
          "OnWritable() was called " + std::to_string(rig.writable_calls()) + " times");
  rig.AwaitUntil("an empty queue", [&] { return rig.session().queued_bytes() == 0; });
}

void StalledUi(Rig& rig) {
  constexpr std::size_t kBytes = kMiB;
  constexpr std::uint32_t kPackets = 160;
  rig.AwaitConnected();
  rig.session().PauseReceiving();
  rig.Order({{"do", "produce"}, {"n", kPackets}, {"size", kBytes}, {"progress", true}});
  const auto told = [&] {
    const nlohmann::json number = rig.LastTold("sent");
    return number.is_null() ? std::size_t{0} : number.get<std::size_t>();
  };
  const std::size_t sent =
      rig.AwaitQuiet([&] { return told() + rig.packets_received(); }) - rig.packets_received();
  Require(rig.packets_received() <= 4,
          "a paused port has delivered " + std::to_string(rig.packets_received()));
  Require(sent * kBytes <= FlowLimits{}.high_water + Elsewhere(),
          "the app could send " + std::to_string(sent) + " MiB to a stalled UI");
  rig.session().PauseReceiving();  // idempotent
  rig.session().ResumeReceiving();
  rig.session().ResumeReceiving();
  for (std::uint32_t number = 0; number < kPackets; ++number) {
    Require(ReadLabel(rig.Next()).number == number, "packets after the stall are out of order");
  }
}

// An app that nothing can make wait, as the ports of a Dart VM take everything, is left before it
// fills the memory.
void FloodedUi(Rig& rig) {
  rig.AwaitConnected();
  const std::size_t before = rig.packets_received();
  rig.session().PauseReceiving();
  rig.Order({{"do", "produce"}, {"n", 0}, {"size", kMiB}, {"forever", true}});
  Require(rig.AwaitClosed().code == Errc::kClosed, "closed for another reason");
  rig.AwaitUntil("the end", [&] { return rig.exited(); });
  Require(rig.lost_calls() == 1, "the lost session is not told once");
  Require(rig.packets_received() <= before + 4,
          "a paused port has delivered " + std::to_string(rig.packets_received() - before));
}

// A port that is paused and resumed at any moment forgets nothing.
void PausesAtAnyMoment(Rig& rig) {
  constexpr std::uint32_t kPackets = 3000;
  rig.Order({{"do", "produce"}, {"n", kPackets}, {"size", 1000}});
  std::atomic<bool> done{false};
  std::thread pauser([&] {
    while (!done.load()) {
      rig.session().PauseReceiving();
      std::this_thread::yield();
      rig.session().ResumeReceiving();
      std::this_thread::yield();
    }
  });
  std::string failure;
  try {
    for (std::uint32_t number = 0; number < kPackets; ++number) {
      Require(ReadLabel(rig.Next()).number == number, "packets are out of order");
    }
  } catch (const Failure& why) {
    failure = why.what();
  }
  done.store(true);
  pauser.join();
  Require(failure.empty(), failure);
}

// Both directions at once, the app echoing more than its buffers hold.
void BothWaysAtOnce(Rig& rig) {
  constexpr std::uint32_t kPackets = 400;
  constexpr std::size_t kBytes = 64 * kKiB;
  std::thread sender([&] {
    try {
      for (std::uint32_t number = 0; number < kPackets; ++number) {
        rig.Send(PacketType::kControl, Labelled(1, 0, number, kBytes));
      }
    } catch (const Failure&) {  // the receiving side misses the packet and says so
    }
  });
  std::string failure;
  try {
    for (std::uint32_t number = 0; number < kPackets; ++number) {
      Require(ReadLabel(rig.Next()).number == number, "echoes are out of order");
    }
  } catch (const Failure& why) {
    failure = why.what();
  }
  sender.join();
  Require(failure.empty(), failure);
}

}  // namespace

std::vector<Scenario> PacketScenarios() {
  return {
      {"order", {}, Order},
      {"sizes",
       {},
       [](Rig& rig) {
         EchoSizes(rig, {0, 1, 2, 5, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, kMiB});
       }},
      {"large", {}, [](Rig& rig) { EchoSizes(rig, {16 * kMiB}); }},
      {"largest_of_web", {}, [](Rig& rig) { EchoSizes(rig, {16 * kMiB - 1}); }},
      {"largest", {}, [](Rig& rig) { EchoSizes(rig, {64 * kMiB}); }},
      {"types", {}, CarriesUnknownTypes},
      {"refuses_to_app", {.limits = LimitedTo(kSmallLimit)}, RefusesToApp},
      {"refuses_to_ui", {.limits = LimitedTo(kSmallLimit)}, RefusesToUi},
      {"threads_to_app", {}, ThreadsToApp},
      {"threads_to_ui", {}, ThreadsToUi},
      {"both_ways", {}, BothWaysAtOnce},
      {"stalled_app", {}, StalledApp},
      {"stalled_ui", {}, StalledUi},
      {"flooded_ui", {}, FloodedUi},
      {"pauses", {}, PausesAtAnyMoment},
  };
}

}  // namespace fletbridge::conformance
