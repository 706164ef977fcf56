#include "src/stage3/ffi_channel.h"

#include <atomic>
#include <functional>
#include <poll.h>
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
    channel_ = std::make_unique<FfiChannel>(loop_, limits, kPort);
    channel_->inbox().SetReader(Inbox::Reader::kLoop);
    OnLoop(loop_, [this] {
      channel_->OpenSession(sink_);
      channel_->Start();
    });
  }
  void NewSession() {
    OnLoop(loop_, [this] {
      channel_->CloseSession();
      channel_->OpenSession(sink_);
    });
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
    pollfd wait{channel_->inbox().loop_fd(), POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kDeadline).count())) == 1;
  }
  // Gives messages to `take` until it returns false.
  void ReadAsPython(const std::function<bool(Message&&)>& take) {
    Inbox& inbox = channel_->inbox();
    for (;;) {
      ASSERT_TRUE(WaitReadable()) << "nobody woke Python";
      inbox.ClearLoopWake();
      do {
        for (Message message; inbox.Pop(message);) {
          if (message.kind == Message::Kind::kBytes) {
            inbox.Done(message.payload.size(), true);
          } else {
            inbox.MarkerDone();
          }
          if (!take(std::move(message))) {
            inbox.Wake();
            return;
          }
        }
      } while (!inbox.MaySleep());
    }
  }
  std::vector<std::string> ReadAsPython(std::size_t count) {
    std::vector<std::string> texts;
    ReadAsPython([&](Message&& message) {
      texts.push_back(message.kind == Message::Kind::kSession
                          ? "(new session)"
                          : std::string(message.payload.text()));
      return texts.size() < count;
    });
    return texts;
  }

  static constexpr std::int64_t kPort = std::int64_t{1} << 40;

  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<FfiChannel> channel_;
};

TEST_F(FfiChannelTest, CarriesPacketsInOrderToTheApp) {
  constexpr int kPackets = kSanitized ? 5000 : 100'000;
  Make({.max_packet = 100, .high_water = std::size_t{1} << 30, .low_water = 0});
  std::thread python([this] {
    int next = 0;
    ReadAsPython([&](Message&& message) {
      EXPECT_EQ(message.payload.text(), std::to_string(next));
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

TEST_F(FfiChannelTest, GivesADataChannelItsOwnPortAndAControlPacketItsTypeByte) {
  Make();
  const std::string data{"\x07\0\0\0raw", 7};
  ASSERT_EQ(channel_->Send(Packet{PacketType::kData, Buffer(data)}), SendResult::kAccepted);
  ASSERT_EQ(channel_->Send(Packet{PacketType::kData, Buffer(std::string_view("abc"))}),
            SendResult::kAccepted)
      << "too short to name a channel: it goes nowhere";
  ASSERT_EQ(Send("control"), SendResult::kAccepted);
  std::vector<Message> messages;
  ReadAsPython([&](Message&& message) {
    messages.push_back(std::move(message));
    return messages.size() < 2;
  });
  EXPECT_EQ(messages[0].port, 7);
  EXPECT_EQ(messages[0].payload.text().substr(messages[0].skip), "raw");
  EXPECT_TRUE(messages[0].prefix.span().empty());
  EXPECT_EQ(messages[1].port, kPort);
  ASSERT_EQ(messages[1].prefix.size, 1);
  EXPECT_EQ(messages[1].prefix.bytes[0], std::byte{0});
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
  NewSession();
  ASSERT_EQ(Send("new"), SendResult::kAccepted);
  ASSERT_EQ(SendFromPython("old, before Python heard of it"), FfiChannel::Sent::kOk);
  EXPECT_EQ(ReadAsPython(3), (std::vector<std::string>{"old", "(new session)", "new"}));
  channel_->SessionBegun(2);
  ASSERT_EQ(SendFromPython("answer"), FfiChannel::Sent::kOk);
  EXPECT_EQ(Told(), "answer");
}

TEST_F(FfiChannelTest, WaitsForTheLastOfSeveralNewSessions) {
  Make();
  NewSession();
  NewSession();
  EXPECT_EQ(ReadAsPython(2).size(), 2u);
  channel_->SessionBegun(2);
  ASSERT_EQ(SendFromPython("of the second"), FfiChannel::Sent::kOk);
  channel_->SessionBegun(3);
  ASSERT_EQ(SendFromPython("of the third"), FfiChannel::Sent::kOk);
  EXPECT_EQ(Told(), "of the third");
}

TEST_F(FfiChannelTest, BeginsANewSessionAlsoWhenFull) {
  Make({.max_packet = 100, .high_water = 0, .low_water = 0});
  ASSERT_EQ(Send("x"), SendResult::kAccepted);
  ASSERT_EQ(Send("y"), SendResult::kFull);
  NewSession();
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
  NewSession();
  channel_->PauseReceiving();
  ASSERT_EQ(SendFromPython("old"), FfiChannel::Sent::kOk);
  channel_->SessionBegun(2);
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
