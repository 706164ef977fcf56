#include "src/stage3/ffi_channel.h"

#include <poll.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/support/mailbox.h"

namespace fletbridge::stage3 {
namespace {

class RecordingSink final : public PacketSink {
 public:
  void OnPacket(Packet&& packet) override { told.Put(std::string(packet.payload.text())); }
  void OnWritable() override { told.Put("(writable)"); }
  void OnRefused(const Error& why) override { told.Put(why.Line()); }

  Mailbox<std::string> told;
};

Packet MakePacket(std::string_view text) { return Packet{PacketType::kControl, Buffer(text)}; }

class FfiChannelTest : public testing::Test {
 protected:
  FfiChannelTest() { loop_.Start(); }
  ~FfiChannelTest() override { Destroy(); }

  void Make(const FlowLimits& limits = {}) {
    channel_ = std::make_unique<FfiChannel>(loop_, limits, sink_);
    OnLoop(loop_, [this] { channel_->Start(); });
  }
  void Destroy() {
    OnLoop(loop_, [this] { channel_.reset(); });
  }
  SendResult Send(std::string_view text) { return channel_->Send(MakePacket(text)); }
  std::string Told() { return sink_.told.Take().value_or("(nothing in time)"); }

  // ---- Python's side, as asyncio's reader plays it.
  FfiChannel::Sent SendFromPython(std::string_view text) {
    std::uint32_t room = 0;
    return channel_->SendFromPython(MakePacket(text), room);
  }
  // Waits for room as often as needed.
  FfiChannel::Sent InsistFromPython(std::string_view text) {
    for (;;) {
      std::uint32_t room = 0;
      const FfiChannel::Sent sent = channel_->SendFromPython(MakePacket(text), room);
      if (sent != FfiChannel::Sent::kFull) return sent;
      channel_->WaitForRoom(room);
    }
  }
  bool WaitReadable() {
    pollfd wait{channel_->python_fd(), POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kDeadline).count())) == 1;
  }
  // Gives packets to `take` until it returns false.
  void ReadAsPython(const std::function<bool(Packet&&)>& take) {
    for (;;) {
      ASSERT_TRUE(WaitReadable()) << "nobody woke Python";
      channel_->ClearPythonWake();
      do {
        for (Packet packet; channel_->NextForPython(packet);) {
          if (!take(std::move(packet))) return;
        }
      } while (!channel_->PythonMaySleep());
    }
  }
  std::vector<std::string> ReadAsPython(std::size_t count) {
    std::vector<std::string> texts;
    ReadAsPython([&](Packet&& packet) {
      texts.push_back(packet.type == kNewSessionMarker ? "(new session)"
                                                       : std::string(packet.payload.text()));
      return texts.size() < count;
    });
    return texts;
  }

  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<FfiChannel> channel_;
};

TEST_F(FfiChannelTest, CarriesPacketsInOrderToTheApp) {
  constexpr int kPackets = kSanitized ? 5000 : 100'000;
  Make({.max_packet = 100, .high_water = std::size_t{1} << 30, .low_water = 0});
  std::thread python([this] {
    int next = 0;
    ReadAsPython([&](Packet&& packet) {
      EXPECT_EQ(packet.payload.text(), std::to_string(next));
      return ++next < kPackets;
    });
  });
  for (int i = 0; i < kPackets; ++i) ASSERT_EQ(Send(std::to_string(i)), SendResult::kAccepted);
  python.join();
  EXPECT_EQ(channel_->queued_bytes(), 0u);
}

TEST_F(FfiChannelTest, CarriesPacketsInOrderToTheUi) {
  constexpr int kPackets = kSanitized ? 5000 : 50'000;
  Make();
  std::thread python([this] {
    for (int i = 0; i < kPackets; ++i)
      EXPECT_EQ(InsistFromPython(std::to_string(i)), FfiChannel::Sent::kOk);
  });
  for (int i = 0; i < kPackets; ++i) ASSERT_EQ(Told(), std::to_string(i));
  python.join();
}

TEST_F(FfiChannelTest, CarriesEmptyAndBigPacketsBothWays) {
  Make();
  const std::string big(8 << 20, 'B');
  ASSERT_EQ(Send(big), SendResult::kAccepted);
  ASSERT_EQ(Send(""), SendResult::kAccepted);
  EXPECT_TRUE(ReadAsPython(2) == (std::vector<std::string>{big, ""}));
  ASSERT_EQ(SendFromPython(big), FfiChannel::Sent::kOk);
  ASSERT_EQ(SendFromPython(""), FfiChannel::Sent::kOk);
  EXPECT_TRUE(Told() == big);
  EXPECT_EQ(Told(), "");
}

TEST_F(FfiChannelTest, KeepsWhatIsSentBeforePythonListens) {
  Make();
  ASSERT_EQ(Send("early"), SendResult::kAccepted);
  EXPECT_EQ(ReadAsPython(1), std::vector<std::string>{"early"});
}

TEST_F(FfiChannelTest, IsFullWhilePythonIsBusyAndSaysOnceWhenThereIsRoom) {
  const FlowLimits limits{
      .max_packet = 100, .high_water = 10 * kPacketOverhead, .low_water = 2 * kPacketOverhead};
  Make(limits);
  std::size_t accepted = 0;
  while (Send("") == SendResult::kAccepted) ++accepted;
  EXPECT_EQ(accepted, 11u);
  EXPECT_EQ(Send(""), SendResult::kFull);
  EXPECT_EQ(Send(std::string(101, 'x')), SendResult::kTooLarge);
  EXPECT_EQ(ReadAsPython(accepted).size(), accepted);
  EXPECT_EQ(Told(), "(writable)");
  OnLoop(loop_, [] {});
  EXPECT_TRUE(sink_.told.empty());
  EXPECT_EQ(Send(""), SendResult::kAccepted);
}

TEST_F(FfiChannelTest, MakesPythonWaitWhileTheUiIsPaused) {
  Make({.max_packet = 100, .high_water = 10 * kPacketOverhead, .low_water = 0});
  channel_->PauseReceiving();
  int sent = 0;
  while (SendFromPython(std::to_string(sent)) == FfiChannel::Sent::kOk) ++sent;
  EXPECT_LE(sent, 11);
  EXPECT_EQ(SendFromPython(std::string(101, 'x')), FfiChannel::Sent::kTooLarge);
  std::thread python(
      [this, sent] { EXPECT_EQ(InsistFromPython(std::to_string(sent)), FfiChannel::Sent::kOk); });
  OnLoop(loop_, [] {});
  EXPECT_TRUE(sink_.told.empty()) << "a paused sink is given nothing";
  channel_->ResumeReceiving();
  for (int i = 0; i <= sent; ++i) EXPECT_EQ(Told(), std::to_string(i));
  python.join();
}

TEST_F(FfiChannelTest, WakesEveryThreadOfPythonThatWaitsForRoom) {
  constexpr int kThreads = 4;
  constexpr int kPackets = kSanitized ? 500 : 5000;
  Make({.max_packet = 100, .high_water = 4 * kPacketOverhead, .low_water = kPacketOverhead});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kPackets; ++i) {
        EXPECT_EQ(InsistFromPython(std::to_string(t) + std::to_string(i)), FfiChannel::Sent::kOk);
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  for (int i = 0; i < kThreads * kPackets; ++i) {
    const std::string text = Told();
    ASSERT_NE(text, "(nothing in time)");
    const auto thread = static_cast<std::size_t>(text.front() - '0');
    EXPECT_EQ(text.substr(1), std::to_string(next.at(thread)++));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(FfiChannelTest, MayBePausedAndResumedAtAnyMoment) {
  constexpr int kPackets = kSanitized ? 2000 : 20'000;
  Make();
  std::thread python([this] {
    for (int i = 0; i < kPackets; ++i)
      EXPECT_EQ(InsistFromPython(std::to_string(i)), FfiChannel::Sent::kOk);
  });
  std::thread switcher([this] {
    for (int i = 0; i < kPackets; ++i) {
      channel_->PauseReceiving();
      channel_->ResumeReceiving();
    }
  });
  for (int i = 0; i < kPackets; ++i) ASSERT_EQ(Told(), std::to_string(i));
  python.join();
  switcher.join();
}

TEST_F(FfiChannelTest, DropsExactlyThePacketsOfTheOldSession) {
  Make();
  channel_->PauseReceiving();
  ASSERT_EQ(SendFromPython("old, on its way"), FfiChannel::Sent::kOk);
  ASSERT_EQ(Send("old"), SendResult::kAccepted);
  channel_->NewSession();
  ASSERT_EQ(Send("new"), SendResult::kAccepted);
  ASSERT_EQ(SendFromPython("old, before Python heard of it"), FfiChannel::Sent::kOk);
  channel_->ResumeReceiving();
  EXPECT_EQ(ReadAsPython(3), (std::vector<std::string>{"old", "(new session)", "new"}));
  channel_->NewSessionBegun();
  ASSERT_EQ(SendFromPython("answer"), FfiChannel::Sent::kOk);
  EXPECT_EQ(Told(), "answer");
}

TEST_F(FfiChannelTest, WaitsForTheLastOfSeveralNewSessions) {
  Make();
  channel_->NewSession();
  channel_->NewSession();
  EXPECT_EQ(ReadAsPython(2).size(), 2u);
  channel_->NewSessionBegun();
  ASSERT_EQ(SendFromPython("of the second"), FfiChannel::Sent::kOk);
  channel_->NewSessionBegun();
  ASSERT_EQ(SendFromPython("of the third"), FfiChannel::Sent::kOk);
  EXPECT_EQ(Told(), "of the third");
}

TEST_F(FfiChannelTest, BeginsANewSessionAlsoWhenFull) {
  Make({.max_packet = 100, .high_water = 0, .low_water = 0});
  ASSERT_EQ(Send("x"), SendResult::kAccepted);
  ASSERT_EQ(Send("y"), SendResult::kFull);
  channel_->NewSession();
  EXPECT_EQ(ReadAsPython(2), (std::vector<std::string>{"x", "(new session)"}));
}

TEST_F(FfiChannelTest, FreesThoseWhoWaitForRoomWhenItIsClosedToPython) {
  Make({.max_packet = 100, .high_water = 0, .low_water = 0});
  channel_->PauseReceiving();
  ASSERT_EQ(SendFromPython("x"), FfiChannel::Sent::kOk);
  std::vector<std::thread> threads;
  std::atomic<int> waiting{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, &waiting] {
      ++waiting;
      EXPECT_EQ(InsistFromPython("late"), FfiChannel::Sent::kClosed);
    });
  }
  while (waiting.load() < 3) std::this_thread::yield();
  channel_->CloseToPython();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(SendFromPython("later"), FfiChannel::Sent::kClosed);
}

TEST_F(FfiChannelTest, DeliversWhatIsThereWhenItIsClosed) {
  Make();
  channel_->PauseReceiving();
  ASSERT_EQ(SendFromPython("last"), FfiChannel::Sent::kOk);
  ASSERT_EQ(SendFromPython("words"), FfiChannel::Sent::kOk);
  OnLoop(loop_, [this] { channel_->Close(); });
  EXPECT_EQ(Told(), "last");
  EXPECT_EQ(Told(), "words");
  EXPECT_EQ(SendFromPython("more"), FfiChannel::Sent::kClosed);
  EXPECT_EQ(Send("more"), SendResult::kClosed);
}

TEST_F(FfiChannelTest, DeliversTheNewSessionsPacketsWhenItIsClosed) {
  Make();
  channel_->PauseReceiving();
  channel_->NewSession();
  ASSERT_EQ(SendFromPython("old"), FfiChannel::Sent::kOk);
  channel_->NewSessionBegun();
  ASSERT_EQ(SendFromPython("new"), FfiChannel::Sent::kOk);
  OnLoop(loop_, [this] { channel_->Close(); });
  EXPECT_EQ(Told(), "new");
  EXPECT_TRUE(sink_.told.empty());
}

TEST_F(FfiChannelTest, MayBeDestroyedWithPacketsOnTheirWay) {
  for (int round = 0; round < 50; ++round) {
    Make();
    for (int i = 0; i < 20; ++i) ASSERT_EQ(SendFromPython("x"), FfiChannel::Sent::kOk);
    channel_->PauseReceiving();
    channel_->ResumeReceiving();
    Destroy();
  }
}

}  // namespace
}  // namespace fletbridge::stage3
