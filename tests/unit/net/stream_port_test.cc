#include "common/net/stream_port.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/peer.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;

// What the port told, in order.
struct Told {
  enum What { kPacket, kWritable, kRefused, kDisconnected } what;
  Packet packet;
  Error why;
};

class RecordingSink final : public StreamSink {
 public:
  void OnPacket(Packet&& packet) override { told.Put({Told::kPacket, std::move(packet), {}}); }
  void OnWritable() override { told.Put({Told::kWritable, {}, {}}); }
  void OnRefused(const Error& why) override { told.Put({Told::kRefused, {}, why}); }
  void OnDisconnected(const Error& why) override { told.Put({Told::kDisconnected, {}, why}); }

  Mailbox<Told> told;
};

struct Pairing {
  const char* name;
  std::pair<UniqueFd, Peer> (*make)();
  friend void PrintTo(const Pairing& pairing, std::ostream* out) { *out << pairing.name; }
};

class StreamPortTest : public testing::TestWithParam<Pairing> {
 protected:
  StreamPortTest() { loop_.Start(); }
  ~StreamPortTest() override { Destroy(); }

  void Make(const FlowLimits& limits = {}) {
    port_ = std::make_unique<StreamPort>(loop_, limits, sink_);
  }
  void Destroy() {
    OnLoop(loop_, [this] { port_.reset(); });
  }
  // Connects the port; the test plays the other side.
  Peer Connect() {
    auto [ours, peer] = GetParam().make();
    OnLoop(loop_, [this, &ours = ours] { port_->Connect(std::move(ours)); });
    return std::move(peer);
  }
  SendResult Send(std::string_view text) {
    return port_->Send(Packet{PacketType::kControl, Buffer(text)});
  }
  // Waits until the peer has been given everything.
  bool WaitUntilSent() {
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    while (port_->queued_bytes() != 0 && std::chrono::steady_clock::now() < until)
      OnLoop(loop_, [] {});
    return port_->queued_bytes() == 0;
  }
  void ExpectPacket(std::string_view text) {
    const std::optional<Told> told = sink_.told.Take();
    ASSERT_TRUE(told) << "no packet came in time";
    ASSERT_EQ(told->what, Told::kPacket);
    ASSERT_EQ(told->packet.payload.text(), text);
  }
  Error ExpectTold(Told::What what) {
    const std::optional<Told> told = sink_.told.Take();
    if (!told) {
      ADD_FAILURE() << "nothing was told in time";
      return {};
    }
    EXPECT_EQ(told->what, what);
    return told->why;
  }

  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<StreamPort> port_;
};

INSTANTIATE_TEST_SUITE_P(Over, StreamPortTest,
                         testing::Values(Pairing{"Unix", &UnixPair}, Pairing{"Tcp", &TcpPair}),
                         [](const auto& one) { return one.param.name; });

TEST_P(StreamPortTest, CarriesPacketsInOrderBothWays) {
  Make();
  Peer peer = Connect();
  constexpr int kPackets = 2000;
  std::string stream;
  for (int i = 0; i < kPackets; ++i) {
    ASSERT_EQ(Send(std::to_string(i)), SendResult::kAccepted);
    stream += Framed("to us " + std::to_string(i));
  }
  ASSERT_TRUE(peer.Write(stream));
  for (int i = 0; i < kPackets; ++i) {
    ASSERT_EQ(peer.ReadFrame(), std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(ExpectPacket("to us " + std::to_string(i)));
  }
}

TEST_P(StreamPortTest, CarriesBigAndEmptyPackets) {
  Make();
  Peer peer = Connect();
  const std::string big(15 << 20, 'B');
  ASSERT_EQ(Send(big), SendResult::kAccepted);
  ASSERT_EQ(Send(""), SendResult::kAccepted);
  EXPECT_TRUE(peer.ReadFrame() == big);
  EXPECT_EQ(peer.ReadFrame(), "");
  ASSERT_TRUE(peer.Write(Framed(big) + Framed("")));
  ExpectPacket(big);
  ExpectPacket("");
  EXPECT_TRUE(WaitUntilSent());
}

TEST_P(StreamPortTest, KeepsWhatIsSentBeforeAConnection) {
  Make();
  ASSERT_EQ(Send("first"), SendResult::kAccepted);
  Peer peer = Connect();
  ASSERT_EQ(Send("second"), SendResult::kAccepted);
  EXPECT_EQ(peer.ReadFrame(), "first");
  EXPECT_EQ(peer.ReadFrame(), "second");
}

TEST_P(StreamPortTest, IsFullWhileThePeerDoesNotReadAndSaysOnceWhenThereIsRoom) {
  const FlowLimits limits{.max_packet = 1 << 20, .high_water = 4 << 20, .low_water = 1 << 20};
  Make(limits);
  Peer peer = Connect();
  const std::string text(100'000, 'x');
  std::size_t accepted = 0;
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (Send(text) == SendResult::kAccepted) {
    ++accepted;
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "it never becomes full";
  }
  EXPECT_LE(port_->queued_bytes(), limits.high_water + limits.max_packet + kPacketOverhead);
  EXPECT_EQ(Send(text), SendResult::kFull);
  EXPECT_TRUE(sink_.told.empty());
  for (std::size_t i = 0; i < accepted; ++i) ASSERT_TRUE(peer.ReadFrame() == text) << i;
  ExpectTold(Told::kWritable);
  ASSERT_TRUE(WaitUntilSent());
  EXPECT_EQ(Send("more"), SendResult::kAccepted);
  EXPECT_EQ(peer.ReadFrame(), "more");
  EXPECT_TRUE(sink_.told.empty()) << "room is told once";
}

TEST_P(StreamPortTest, MakesThePeerWaitWhilePaused) {
  Make();
  Peer peer = Connect();
  port_->PauseReceiving();
  std::string stream;
  std::vector<std::string> sent;
  for (int i = 0; i < 400; ++i) {
    sent.push_back(std::to_string(i) + std::string(40'000, 'p'));
    stream += Framed(sent.back());
  }
  const std::size_t written = peer.WriteUntilFull(stream);
  ASSERT_LT(written, stream.size()) << "a paused port must not read 16 MB";
  OnLoop(loop_, [] {});
  port_->ResumeReceiving();
  std::thread writer([&] { EXPECT_TRUE(peer.Write(std::string_view(stream).substr(written))); });
  for (const std::string& text : sent) ExpectPacket(text);
  writer.join();
}

TEST_P(StreamPortTest, MayBePausedAndResumedAtAnyMoment) {
  Make();
  Peer peer = Connect();
  std::thread writer([&] {
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(peer.Write(Framed(std::to_string(i))));
  });
  std::thread switcher([&] {
    for (int i = 0; i < 2000; ++i) {
      port_->PauseReceiving();
      port_->ResumeReceiving();
      port_->ResumeReceiving();
    }
  });
  for (int i = 0; i < 2000; ++i) ExpectPacket(std::to_string(i));
  writer.join();
  switcher.join();
}

TEST_P(StreamPortTest, SaysThatThePeerIsGoneWhilePausedAndFullBothWays) {
  Make({.max_packet = 1 << 20, .high_water = 1 << 20, .low_water = 1 << 10});
  Peer peer = Connect();
  port_->PauseReceiving();
  while (Send(std::string(100'000, 'o')) == SendResult::kAccepted) {
  }
  const std::string stream(1 << 20, 'x');
  while (peer.WriteUntilFull(Framed(stream)) != 0) {
  }
  peer.Close();
  std::optional<Told> told = sink_.told.Take();
  while (told && told->what != Told::kDisconnected) told = sink_.told.Take();
  ASSERT_TRUE(told) << "nobody notices";
  EXPECT_EQ(told->why.code, Errc::kPeerGone);
}

TEST_P(StreamPortTest, SaysThatThePeerHasEndedItsSideWhilePaused) {
  Make();
  Peer peer = Connect();
  ASSERT_TRUE(peer.Write(Framed("read")));
  ExpectPacket("read");
  port_->PauseReceiving();
  OnLoop(loop_, [] {});
  ASSERT_TRUE(peer.Write(Framed("perhaps on its way already")));
  ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
  std::optional<Told> told = sink_.told.Take();
  if (told && told->what == Told::kPacket) told = sink_.told.Take();
  ASSERT_TRUE(told) << "nobody notices";
  EXPECT_EQ(told->what, Told::kDisconnected);
}

TEST_P(StreamPortTest, KeepsLastWordsForOneWhoIsPausedAndGoesOnInTime) {
  port_ = std::make_unique<StreamPort>(loop_, FlowLimits{}, sink_, Generation::kG3, kDeadline);
  Peer peer = Connect();
  port_->PauseReceiving();
  ASSERT_TRUE(peer.Write(Framed("one") + Framed("two")));
  peer.Close();
  for (int i = 0; i < 20; ++i) OnLoop(loop_, [] {});
  port_->ResumeReceiving();
  ExpectPacket("one");
  ExpectPacket("two");
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerGone);
}

TEST_P(StreamPortTest, GivesLastWordsUpWhenNobodyTakesThemInTime) {
  port_ = std::make_unique<StreamPort>(loop_, FlowLimits{}, sink_, Generation::kG3,
                                       std::chrono::milliseconds(20));
  Peer peer = Connect();
  ASSERT_TRUE(peer.Write(Framed("read")));
  ExpectPacket("read");
  port_->PauseReceiving();
  ASSERT_TRUE(peer.Write(Framed("on its way") + Framed("not read")));
  peer.Close();
  std::optional<Told> told = sink_.told.Take();
  while (told && told->what == Told::kPacket) told = sink_.told.Take();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->what, Told::kDisconnected);
}

TEST_P(StreamPortTest, RefusesAPacketOverTheLimitAndGoesOn) {
  Make({.max_packet = 100, .high_water = 1000, .low_water = 100});
  Peer peer = Connect();
  EXPECT_EQ(Send(std::string(101, 'x')), SendResult::kTooLarge);
  EXPECT_EQ(Send("fine"), SendResult::kAccepted);
  EXPECT_EQ(peer.ReadFrame(), "fine");

  ASSERT_TRUE(peer.Write(Framed(std::string(100'001, 'x')) + Framed("intact")));
  const Error why = ExpectTold(Told::kRefused);
  EXPECT_EQ(why.code, Errc::kLimit);
  EXPECT_THAT(why.context, HasSubstr("100001 bytes, limit 100"));
  ExpectPacket("intact");
}

TEST_P(StreamPortTest, SaysThatThePeerIsGone) {
  Make();
  Peer peer = Connect();
  ASSERT_TRUE(peer.Write(Framed("last words")));
  peer.Close();
  ExpectPacket("last words");
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerGone);
  EXPECT_FALSE(OnLoop(loop_, [this] { return port_->connected(); }));
}

TEST_P(StreamPortTest, CallsAPeerThatClosesInMidFrameCut) {
  for (const std::size_t bytes : {1u, 4u, 5u, 8u}) {
    Make();
    Peer peer = Connect();
    ASSERT_TRUE(peer.Write(Framed("cut off").substr(0, bytes)));
    peer.Close();
    EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kCut) << bytes;
    Destroy();
  }
}

TEST_P(StreamPortTest, EndsTheConnectionAfterAnAbsurdHeader) {
  Make();
  Peer peer = Connect();
  ASSERT_TRUE(peer.Write("\xff\xff\xff\xff\x01"));
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerMisbehaved);
  EXPECT_TRUE(peer.SeesTheEnd());
}

TEST_P(StreamPortTest, DropsWhatIsQueuedWhenDisconnectedAndIsSilentThen) {
  Make({.max_packet = 1 << 20, .high_water = 1 << 20, .low_water = 1 << 10});
  Peer peer = Connect();
  while (Send(std::string(100'000, 'o')) == SendResult::kAccepted) {
  }
  OnLoop(loop_, [this] { port_->Disconnect(); });
  EXPECT_EQ(port_->queued_bytes(), 0u);
  EXPECT_TRUE(peer.SeesTheEnd());
  ExpectTold(Told::kWritable);

  Peer next = Connect();
  ASSERT_EQ(Send("new"), SendResult::kAccepted);
  EXPECT_EQ(next.ReadFrame(), "new");
  ASSERT_TRUE(next.Write(Framed("answer")));
  ExpectPacket("answer");
  EXPECT_TRUE(sink_.told.empty()) << "the end that was asked for is not told";
}

TEST_P(StreamPortTest, ForgetsAHalfReadFrameOfTheConnectionBefore) {
  Make();
  Peer peer = Connect();
  ASSERT_TRUE(peer.Write(Framed("whole") + "\x40\0\0"));
  ExpectPacket("whole");
  OnLoop(loop_, [this] { port_->Disconnect(); });
  Peer next = Connect();
  ASSERT_TRUE(next.Write(Framed("new")));
  ExpectPacket("new");
}

TEST_P(StreamPortTest, CountsNothingForAWriteThatDiedWithItsConnection) {
  Make({.max_packet = 16 << 20, .high_water = 16 << 20, .low_water = 1 << 20});
  Peer peer = Connect();
  ASSERT_EQ(Send(std::string(8 << 20, 'w')), SendResult::kAccepted);
  ASSERT_FALSE(peer.Read(10).empty());  // it is under way
  peer.Close();
  ExpectTold(Told::kDisconnected);
  Peer next = Connect();
  ASSERT_EQ(Send("new"), SendResult::kAccepted);
  EXPECT_EQ(next.ReadFrame(), "new");
  EXPECT_TRUE(WaitUntilSent()) << port_->queued_bytes() << " bytes are counted for ever";
}

TEST_P(StreamPortTest, MayBeDisconnectedByItsOwnSink) {
  struct Ender final : StreamSink {
    void OnPacket(Packet&&) override {
      ++packets;
      port->Disconnect();
    }
    void OnWritable() override {}
    void OnRefused(const Error&) override {}
    void OnDisconnected(const Error&) override { ++ends; }
    StreamPort* port = nullptr;
    int packets = 0;
    int ends = 0;
  } ender;
  auto port = std::make_unique<StreamPort>(loop_, FlowLimits{}, ender);
  ender.port = port.get();
  auto [ours, peer] = GetParam().make();
  ASSERT_TRUE(peer.Write(Framed("one") + Framed("two") + Framed("three")));
  OnLoop(loop_, [&port, &ours = ours] { port->Connect(std::move(ours)); });
  EXPECT_TRUE(peer.SeesTheEnd());
  OnLoop(loop_, [&port] { port.reset(); });
  EXPECT_EQ(ender.packets, 1);
  EXPECT_EQ(ender.ends, 0);
}

TEST_P(StreamPortTest, TakesPacketsFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kPackets = kSanitized ? 1000 : 10'000;
  Make();
  Peer peer = Connect();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kPackets; ++i) {
        ASSERT_EQ(Send(std::to_string(t) + " " + std::to_string(i)), SendResult::kAccepted);
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  for (int left = kThreads * kPackets; left > 0; --left) {
    const std::optional<std::string> text = peer.ReadFrame();
    if (!text) {
      ADD_FAILURE() << left << " packets never came";
      break;
    }
    const auto thread = static_cast<std::size_t>(text->front() - '0');
    EXPECT_EQ(*text, std::to_string(thread) + " " + std::to_string(next.at(thread)++));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(StreamPortTest, MayBeDestroyedWhileWritesAreUnderWay) {
  for (int round = 0; round < 10; ++round) {
    Make();
    Peer peer = Connect();
    for (int i = 0; i < 8; ++i) ASSERT_EQ(Send(std::string(1 << 20, 'd')), SendResult::kAccepted);
    ASSERT_EQ(peer.Read(100).size(), 100u);
    Destroy();
    EXPECT_TRUE(peer.SeesTheEnd());
  }
  EXPECT_TRUE(sink_.told.empty());
}

TEST_P(StreamPortTest, TakesNothingOnceClosed) {
  Make();
  Peer peer = Connect();
  port_->Close();
  EXPECT_EQ(Send("late"), SendResult::kClosed);
}

}  // namespace
}  // namespace fletbridge
