#include "common/transport/bounded_queue.h"

#include <algorithm>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/platform/wake_up.h"
#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

Packet MakePacket(std::string_view text, PacketType type = PacketType::kControl) {
  return Packet{type, Buffer(text)};
}

SendResult Push(PacketQueue& queue, std::string_view text) {
  bool wake = false;
  return queue.Push(MakePacket(text), wake);
}

std::string PopText(PacketQueue& queue) {
  Packet packet;
  return queue.Pop(packet) ? std::string(packet.payload.text()) : "(none)";
}

TEST(PacketQueue, GivesPacketsInTheOrderOfTheirPushes) {
  PacketQueue queue{FlowLimits{}};
  for (const char* text : {"a", "b", "c"}) ASSERT_EQ(Push(queue, text), SendResult::kAccepted);
  EXPECT_EQ(PopText(queue), "a");
  EXPECT_EQ(PopText(queue), "b");
  EXPECT_EQ(PopText(queue), "c");
  EXPECT_EQ(PopText(queue), "(none)");
}

TEST(PacketQueue, KeepsTypeAndContent) {
  PacketQueue queue{FlowLimits{}};
  bool wake = false;
  ASSERT_EQ(queue.Push(MakePacket("", static_cast<PacketType>(9)), wake), SendResult::kAccepted);
  ASSERT_EQ(queue.Push(MakePacket(std::string(1 << 20, 'x'), PacketType::kData), wake),
            SendResult::kAccepted);
  Packet packet;
  ASSERT_TRUE(queue.Pop(packet));
  EXPECT_EQ(packet.type, static_cast<PacketType>(9));
  EXPECT_EQ(packet.payload.size(), 0u);
  ASSERT_TRUE(queue.Pop(packet));
  EXPECT_EQ(packet.type, PacketType::kData);
  EXPECT_EQ(packet.payload.text(), std::string(1 << 20, 'x'));
}

TEST(PacketQueue, KeepsTheOrderBetweenThreadsThatTakeTurns) {
  // Each is a turn of the scheduler, which is long beside a busy machine.
  constexpr int kRounds = 2000;
  PacketQueue queue{FlowLimits{}};
  std::atomic<int> turn{0};
  auto player = [&](int first) {
    for (int i = first; i < 2 * kRounds; i += 2) {
      for (int now = turn.load(); now != i; now = turn.load()) turn.wait(now);
      EXPECT_EQ(Push(queue, std::to_string(i)), SendResult::kAccepted);
      turn.store(i + 1);
      turn.notify_all();
    }
  };
  std::thread even(player, 0);
  std::thread odd(player, 1);
  int next = 0;
  for (Packet packet; next < 2 * kRounds;) {
    if (!queue.Pop(packet)) {
      std::this_thread::yield();
      continue;
    }
    if (packet.payload.text() != std::to_string(next)) {
      ADD_FAILURE() << packet.payload.text() << " came in place of " << next;
      break;
    }
    ++next;
  }
  even.join();
  odd.join();
}

TEST(PacketQueue, TakesAPacketWholeBelowTheMarkAndNoneAboveIt) {
  PacketQueue queue{{.max_packet = 1000, .high_water = 500, .low_water = 100}};
  EXPECT_EQ(Push(queue, std::string(400, 'a')), SendResult::kAccepted);
  EXPECT_EQ(Push(queue, std::string(1000, 'b')), SendResult::kAccepted);
  EXPECT_EQ(queue.queued_bytes(), 400 + 1000 + 2 * kPacketOverhead);
  EXPECT_EQ(Push(queue, ""), SendResult::kFull);
}

TEST(PacketQueue, LeavesARefusedPacketToItsOwner) {
  PacketQueue queue{{.max_packet = 10, .high_water = 0, .low_water = 0}};
  bool wake = false;
  Packet too_large = MakePacket("01234567890");
  EXPECT_EQ(queue.Push(std::move(too_large), wake), SendResult::kTooLarge);
  EXPECT_EQ(too_large.payload.text(), "01234567890");

  ASSERT_EQ(Push(queue, "0123456789"), SendResult::kAccepted);
  Packet packet = MakePacket("kept");
  EXPECT_EQ(queue.Push(std::move(packet), wake), SendResult::kFull);
  EXPECT_EQ(packet.payload.text(), "kept");

  queue.Close();
  EXPECT_EQ(queue.Push(std::move(packet), wake), SendResult::kClosed);
  EXPECT_EQ(packet.payload.text(), "kept");
  EXPECT_FALSE(wake);
}

TEST(PacketQueue, BoundsEmptyPacketsByTheirOverhead) {
  PacketQueue queue{{.max_packet = 10, .high_water = 10 * kPacketOverhead, .low_water = 0}};
  int accepted = 0;
  while (Push(queue, "") == SendResult::kAccepted) ++accepted;
  EXPECT_EQ(accepted, 11);
  EXPECT_EQ(queue.queued_bytes(), 11 * kPacketOverhead);
}

TEST(PacketQueue, CountsAPacketUntilItIsReleased) {
  PacketQueue queue{FlowLimits{}};
  ASSERT_EQ(Push(queue, "abc"), SendResult::kAccepted);
  ASSERT_EQ(PopText(queue), "abc");
  EXPECT_EQ(queue.queued_bytes(), 3 + kPacketOverhead);
  EXPECT_FALSE(queue.Release(3));
  EXPECT_EQ(queue.queued_bytes(), 0u);
}

TEST(PacketQueue, TellsRoomOnceAfterItWasFullAndHasFallenToTheLowMark) {
  PacketQueue queue{
      {.max_packet = 100, .high_water = 3 * kPacketOverhead, .low_water = kPacketOverhead}};
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) ASSERT_EQ(Push(queue, ""), SendResult::kAccepted);
    EXPECT_EQ(Push(queue, ""), SendResult::kFull);
    EXPECT_EQ(Push(queue, ""), SendResult::kFull);
    int told = 0;
    std::vector<bool> releases;
    while (PopText(queue) != "(none)") releases.push_back(queue.Release(0));
    for (const bool release : releases) told += release;
    EXPECT_EQ(told, 1);
    EXPECT_TRUE(releases.at(2)) << "when one is left, not later";
  }
}

TEST(PacketQueue, SaysNothingOfRoomToThoseWhoWereNotRefused) {
  PacketQueue queue{{.max_packet = 100, .high_water = 0, .low_water = 0}};
  ASSERT_EQ(Push(queue, ""), SendResult::kAccepted);
  ASSERT_EQ(PopText(queue), "");
  EXPECT_FALSE(queue.Release(0));
}

TEST(PacketQueue, LetsAMarkerThroughWhenFullAndWhenClosed) {
  PacketQueue queue{{.max_packet = 100, .high_water = 0, .low_water = 0}};
  ASSERT_EQ(Push(queue, "x"), SendResult::kAccepted);
  ASSERT_EQ(Push(queue, "y"), SendResult::kFull);
  [[maybe_unused]] bool wake = queue.PushMarker(MakePacket("mark"));
  queue.Close();
  wake = queue.PushMarker(MakePacket("second"));
  EXPECT_EQ(PopText(queue), "x");
  EXPECT_EQ(PopText(queue), "mark");
  EXPECT_EQ(PopText(queue), "second");
}

TEST(PacketQueue, GivesWhatIsInItAfterItWasClosed) {
  PacketQueue queue{FlowLimits{}};
  ASSERT_EQ(Push(queue, "said"), SendResult::kAccepted);
  queue.Close();
  EXPECT_TRUE(queue.closed());
  EXPECT_EQ(PopText(queue), "said");
}

TEST(PacketQueue, AsksOneCallerPerSleepToWakeTheConsumer) {
  PacketQueue queue{FlowLimits{}};
  bool wake = false;
  ASSERT_EQ(queue.Push(MakePacket("1"), wake), SendResult::kAccepted);
  EXPECT_TRUE(wake) << "a new consumer sleeps";
  ASSERT_EQ(queue.Push(MakePacket("2"), wake), SendResult::kAccepted);
  EXPECT_FALSE(wake);
  EXPECT_FALSE(queue.PrepareToSleep()) << "packets are there";
  ASSERT_EQ(queue.Push(MakePacket("3"), wake), SendResult::kAccepted);
  EXPECT_FALSE(wake) << "it did not go to sleep";
  while (PopText(queue) != "(none)") {
  }
  EXPECT_TRUE(queue.PrepareToSleep());
  ASSERT_EQ(queue.Push(MakePacket("4"), wake), SendResult::kAccepted);
  EXPECT_TRUE(wake);
}

// Producers that wait for room and a consumer that sleeps by a descriptor: a wake-up or a call for
// room that gets lost lets one of them wait until the deadline.
TEST(PacketQueue, LosesNeitherPacketsNorWakeUpsNorRoomUnderStress) {
  constexpr int kProducers = 8;
  constexpr int kPackets = kSanitized ? 10'000 : 200'000;
  PacketQueue queue{
      {.max_packet = 64, .high_water = 300 * kPacketOverhead, .low_water = 100 * kPacketOverhead}};
  platform::WakeUp event(platform::WakeUp::Reader::kLoop);
  std::mutex mutex;
  std::condition_variable room;
  std::uint64_t rooms = 0;
  std::atomic<bool> failed{false};
  std::atomic<std::size_t> highest{0};

  auto produce = [&](int producer) {
    for (int i = 0; i < kPackets && !failed.load(); ++i) {
      const int content[2] = {producer, i};
      Packet packet{PacketType::kData, Buffer(std::as_bytes(std::span(content)))};
      for (;;) {
        std::unique_lock lock(mutex);
        const std::uint64_t before = rooms;
        lock.unlock();
        bool wake = false;
        const SendResult result = queue.Push(std::move(packet), wake);
        if (wake) event.Signal();
        if (result == SendResult::kAccepted) break;
        lock.lock();
        if (!room.wait_for(lock, kDeadline, [&] { return rooms != before || failed.load(); })) {
          ADD_FAILURE() << "nobody told producer " << producer << " that there is room";
          failed = true;
          return;
        }
        if (failed.load()) return;
      }
    }
  };
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) producers.emplace_back(produce, p);

  std::vector<int> next(kProducers, 0);
  int sleeps = 0;
  for (int left = kProducers * kPackets; left > 0 && !failed.load();) {
    Packet packet;
    if (!queue.Pop(packet)) {
      if (!queue.PrepareToSleep()) continue;
      ++sleeps;
      pollfd wait{event.fd(), POLLIN, 0};
      if (::poll(&wait, 1, std::chrono::milliseconds(kDeadline).count()) != 1) {
        ADD_FAILURE() << "nobody woke the consumer; " << left << " packets are left";
        failed = true;
      } else {
        event.Clear();
      }
      continue;
    }
    int content[2];
    ASSERT_EQ(packet.payload.size(), sizeof content);
    std::memcpy(content, packet.payload.data(), sizeof content);
    if (next[static_cast<std::size_t>(content[0])]++ != content[1]) {
      ADD_FAILURE() << "producer " << content[0] << ": packet " << content[1] << " is out of order";
      failed = true;
    }
    highest = std::max(highest.load(), queue.queued_bytes());
    if (queue.Release(packet.payload.size())) {
      const std::lock_guard lock(mutex);
      ++rooms;
      room.notify_all();
    }
    --left;
  }
  room.notify_all();
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(queue.queued_bytes(), 0u);
  EXPECT_LE(highest.load(),
            queue.limits().high_water + queue.limits().max_packet + kPacketOverhead);
  EXPECT_GT(rooms, 0u);
  EXPECT_GT(sleeps, 0);
}

}  // namespace
}  // namespace fletbridge
