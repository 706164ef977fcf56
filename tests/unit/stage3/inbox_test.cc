#include "src/stage3/inbox.h"

#include <atomic>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/support/mailbox.h"

namespace fletbridge::stage3 {
namespace {

Message For(std::int64_t port, std::string_view text = "x") {
  Message message;
  message.port = port;
  message.payload = Buffer(text);
  return message;
}

bool IsReadable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

TEST(PortSet, HasWhatWasInsertedAndNotErased) {
  PortSet ports;
  EXPECT_FALSE(ports.Has(0)) << "zero is a port like any other";
  for (const std::int64_t port : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
    ports.Insert(port);
    EXPECT_TRUE(ports.Has(port));
  }
  ports.Erase(-1);
  EXPECT_FALSE(ports.Has(-1));
  EXPECT_TRUE(ports.Has(INT64_MIN));
  ports.Insert(-1);
  EXPECT_TRUE(ports.Has(-1));
}

TEST(PortSet, GrowsAndHasNoneAfterItWasCleared) {
  PortSet ports;
  for (std::int64_t port = 0; port < 10'000; ++port) ports.Insert(port * 886495714666675);
  for (std::int64_t port = 0; port < 10'000; ++port) ASSERT_TRUE(ports.Has(port * 886495714666675));
  ports.Clear();
  for (std::int64_t port = 0; port < 10'000; ++port)
    ASSERT_FALSE(ports.Has(port * 886495714666675));
}

TEST(PortSet, FindsAPortWhileOthersComeAndGo) {
  PortSet ports;
  ports.Insert(77);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop.load()) EXPECT_TRUE(ports.Has(77));
  });
  for (std::int64_t port = 1000; port < (kSanitized ? 3000 : 50'000); ++port) {
    ports.Insert(port);
    ports.Erase(port);
  }
  stop.store(true);
  reader.join();
}

TEST(Inbox, WhatWaitsIsStaleWhenANewSessionBegins) {
  Inbox inbox(FlowLimits{});
  inbox.Open();
  const auto push = [&](std::uint32_t session, const char* text) {
    Message message = For(1, text);
    message.session = session;
    ASSERT_EQ(inbox.Push(std::move(message)), SendResult::kAccepted);
  };
  push(1, "of the first");
  inbox.BeginSession(2);
  push(2, "of the second");
  inbox.BeginSession(3);
  push(3, "of the third");
  Message message;
  for (std::uint32_t session = 2; session <= 3; ++session) {
    ASSERT_TRUE(inbox.Pop(message));
    EXPECT_TRUE(inbox.IsStale(message)) << message.payload.text();
    inbox.Done(message.payload.size(), false);
    ASSERT_TRUE(inbox.Pop(message));
    ASSERT_EQ(message.kind, Message::Kind::kSession);
    EXPECT_EQ(message.session, session);
    inbox.MarkerDone();
  }
  ASSERT_TRUE(inbox.Pop(message));
  EXPECT_FALSE(inbox.IsStale(message));
  EXPECT_EQ(message.payload.text(), "of the third");
  inbox.DropAll();
}

TEST(Inbox, RefusesWhileItIsShut) {
  Inbox inbox{FlowLimits{}};
  EXPECT_EQ(inbox.Push(For(1)), SendResult::kClosed);
  inbox.Open();
  EXPECT_EQ(inbox.Push(For(1)), SendResult::kAccepted);
  inbox.Shut();
  EXPECT_EQ(inbox.Push(For(1)), SendResult::kClosed);
}

TEST(Inbox, WakesWhoeverReadsAndNobodyElse) {
  Inbox inbox{FlowLimits{}};
  inbox.Open();
  ASSERT_EQ(inbox.Push(For(1)), SendResult::kAccepted);
  EXPECT_FALSE(IsReadable(inbox.loop_fd())) << "nobody reads yet";
  inbox.SetReader(Inbox::Reader::kLoop);
  EXPECT_TRUE(IsReadable(inbox.loop_fd())) << "what has come before is not forgotten";
  inbox.ClearLoopWake();
  EXPECT_FALSE(IsReadable(inbox.loop_fd()));
  inbox.SetReader(Inbox::Reader::kThread);
  inbox.WaitAsThread();  // returns: the new reader has been woken
  EXPECT_FALSE(IsReadable(inbox.loop_fd()));
}

TEST(Inbox, CountsWhatHappensToEveryMessage) {
  const std::size_t cost = kPacketOverhead + 1;
  Inbox inbox{{.max_packet = 1000, .high_water = 2 * cost, .low_water = 2 * cost}};
  inbox.Open();
  int accepted = 0;
  while (inbox.Push(For(1)) == SendResult::kAccepted) ++accepted;
  Message message;
  ASSERT_TRUE(inbox.Pop(message));
  inbox.Done(message.payload.size(), true);
  inbox.DropAll();
  const InboxStatistics statistics = inbox.statistics();
  EXPECT_EQ(accepted, 3);
  EXPECT_EQ(statistics.accepted, 3u);
  EXPECT_EQ(statistics.refused, 1u);
  EXPECT_EQ(statistics.delivered, 1u);
  EXPECT_EQ(statistics.dropped, 2u);
  EXPECT_EQ(statistics.queued_bytes, 0u);
  EXPECT_EQ(statistics.queued_bytes_peak, 3 * cost);
}

TEST(Inbox, SaysThatThereIsRoomOnceAfterItWasFull) {
  int told = 0;
  Inbox inbox{{.max_packet = 100, .high_water = 0, .low_water = 0}, [&] { ++told; }};
  inbox.Open();
  ASSERT_EQ(inbox.Push(For(1)), SendResult::kAccepted);
  ASSERT_EQ(inbox.Push(For(1)), SendResult::kFull);
  inbox.DropAll();
  EXPECT_EQ(told, 1);
}

TEST(Inbox, KeepsEachThreadsOrderAndLosesNothingUnderStress) {
  constexpr int kThreads = 8;
  constexpr int kEach = kSanitized ? 5000 : 250'000;
  Inbox inbox{{.max_packet = 100, .high_water = 100'000, .low_water = 100'000}};
  inbox.Open();
  inbox.SetReader(Inbox::Reader::kThread);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&inbox, t] {
      for (int i = 0; i < kEach; ++i) {
        while (inbox.Push(For(t, std::to_string(i))) != SendResult::kAccepted)
          std::this_thread::yield();
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  for (int taken = 0; taken < kThreads * kEach;) {
    Message message;
    if (!inbox.Pop(message)) {
      if (inbox.MaySleep()) inbox.WaitAsThread();
      continue;
    }
    ASSERT_EQ(message.payload.text(),
              std::to_string(next.at(static_cast<std::size_t>(message.port))++));
    inbox.Done(message.payload.size(), true);
    ++taken;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inbox.statistics().delivered, static_cast<std::uint64_t>(kThreads) * kEach);
  EXPECT_EQ(inbox.queued_bytes(), 0u);
}

}  // namespace
}  // namespace fletbridge::stage3
