#include "common/net/web_socket_port.h"

#include <future>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/browser.h"
#include "tests/unit/support/peer.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// What the port told, in order.
struct Told {
  enum What { kOpen, kPacket, kWritable, kRefused, kDisconnected } what;
  Packet packet;
  Error why;
};

class RecordingSink final : public WebSocketSink {
 public:
  Result<> OnRequest(const WebSocketRequest& request) override {
    target = request.target;
    origin = request.Header("ORIGIN");
    if (refuses.empty()) return {};
    return MakeError(Errc::kUntrusted, refuses);
  }
  void OnOpen() override { told.Put({Told::kOpen, {}, {}}); }
  void OnGeneration(Generation its) override { generation = its; }
  void OnPacket(Packet&& packet) override { told.Put({Told::kPacket, std::move(packet), {}}); }
  void OnWritable() override { told.Put({Told::kWritable, {}, {}}); }
  void OnRefused(const Error& why) override { told.Put({Told::kRefused, {}, why}); }
  void OnDisconnected(const Error& why) override { told.Put({Told::kDisconnected, {}, why}); }

  std::string refuses;
  std::string target;
  std::string origin;
  Generation generation = Generation::kUnknown;
  Mailbox<Told> told;
};

const std::string kRequest = UpgradeRequest("/ws?a=1", "here", "http://here");

const FlowLimits kSmall{.max_packet = 1000, .high_water = 2000, .low_water = 500};

class WebSocketPortTest : public testing::Test {
 protected:
  WebSocketPortTest() { loop_.Start(); }
  ~WebSocketPortTest() override {
    OnLoop(loop_, [this] {
      server_.reset();
      client_.reset();
    });
  }

  void Make(const FlowLimits& limits = {}, Generation generation = Generation::kG3,
            WebSocketPatience patience = {}) {
    server_ = std::make_unique<WebSocketPort>(loop_, limits, sink_, generation, patience);
  }
  // The server, and the test as its client.
  Peer Begin(std::string read = {}) {
    auto [ours, peer] = TcpPair();
    OnLoop(loop_, [&, &ours = ours] { server_->Accept(std::move(ours), std::move(read)); });
    return std::move(peer);
  }
  Peer Open() {
    Peer peer = Begin();
    EXPECT_TRUE(peer.Write(kRequest));
    EXPECT_THAT(ReadHeader(peer), StartsWith("HTTP/1.1 101"));
    ExpectTold(Told::kOpen);
    return peer;
  }
  // Both ends are ours.
  void Connect(UniqueFd server, UniqueFd client) {
    client_ = std::make_unique<WebSocketPort>(loop_, FlowLimits{}, at_client_);
    OnLoop(loop_, [&] {
      server_->Accept(std::move(server));
      client_->Connect(std::move(client), {"/ws", {{"Host", "here"}, {"Origin", "http://it"}}});
    });
    ExpectTold(Told::kOpen);
    ASSERT_EQ(at_client_.told.Take()->what, Told::kOpen);
  }
  Error ExpectTold(Told::What what) {
    const std::optional<Told> told = sink_.told.Take();
    if (!told) {
      ADD_FAILURE() << "nothing was told in time";
      return {};
    }
    EXPECT_EQ(told->what, what) << told->why.Line();
    return told->why;
  }
  void ResetWhileWriting(Peer& peer, const std::string& last);
  void ExpectPacket(RecordingSink& at, std::string_view text,
                    PacketType type = PacketType::kControl) {
    const std::optional<Told> told = at.told.Take();
    ASSERT_TRUE(told) << "no packet came in time";
    ASSERT_EQ(told->what, Told::kPacket) << told->why.Line();
    EXPECT_EQ(told->packet.payload.text(), text);
    EXPECT_EQ(told->packet.type, type);
  }

  RecordingSink sink_;
  RecordingSink at_client_;
  EventLoop loop_;
  std::unique_ptr<WebSocketPort> server_;
  std::unique_ptr<WebSocketPort> client_;
};

std::string Text(std::size_t size) { return std::string(size, 'x'); }
Packet Of(std::string_view text, PacketType type = PacketType::kControl) {
  return {type, Buffer(text)};
}

TEST_F(WebSocketPortTest, PacketsOfBothTypesPassInBothDirections) {
  Make();
  auto pair = UnixPair();
  Connect(std::move(pair.first), UniqueFd(::dup(pair.second.fd())));
  pair.second.Close();
  const std::string large = Text(300'000);
  for (const std::string& text : {std::string("one"), large, std::string()}) {
    EXPECT_EQ(client_->Send(Of(text)), SendResult::kAccepted);
    EXPECT_EQ(client_->Send(Of(text, PacketType::kData)), SendResult::kAccepted);
    EXPECT_EQ(server_->Send(Of(text)), SendResult::kAccepted);
    EXPECT_EQ(server_->Send(Of(text, PacketType::kData)), SendResult::kAccepted);
    for (RecordingSink* at : {&sink_, &at_client_}) {
      ExpectPacket(*at, text);
      ExpectPacket(*at, text, PacketType::kData);
    }
  }
  EXPECT_EQ(sink_.target, "/ws");
  EXPECT_EQ(sink_.origin, "http://it");
}

TEST_F(WebSocketPortTest, ARequestThatHasBeenReadAlreadyIsAnswered) {
  Make();
  Peer peer = Begin(kRequest);
  EXPECT_THAT(ReadHeader(peer), StartsWith("HTTP/1.1 101"));
  ExpectTold(Told::kOpen);
  EXPECT_EQ(sink_.target, "/ws?a=1");
}

// What lies in the socket has been read, but not looked at, when the end comes.
TEST_F(WebSocketPortTest, TheEndMayComeAtAnyTurnBehindWhatThePeerSaid) {
  const std::string packet = Frame(std::string("\0hello", 6));
  for (const std::string& said :
       {std::string(), kRequest.substr(0, 30), kRequest, kRequest + packet,
        kRequest + packet.substr(0, 4), kRequest + packet + Frame("", kClose)}) {
    for (int turns = 0; turns < 5; ++turns) {
      Make({}, Generation::kG3, {.farewell = 20ms});
      auto [ours, peer] = TcpPair();
      // A client says nothing before the answer.
      ASSERT_TRUE(peer.Write(said.substr(0, kRequest.size())));
      OnLoop(loop_, [&, &ours = ours] {
        server_->Accept(std::move(ours));
        if (turns == 0) server_.reset();
      });
      for (int turn = 1; turn < turns; ++turn) OnLoop(loop_, [] {});
      if (said.size() > kRequest.size()) (void)peer.Write(said.substr(kRequest.size()));
      OnLoop(loop_, [&] { server_.reset(); });
      EXPECT_TRUE(peer.SeesTheEnd());
    }
  }
}

TEST_F(WebSocketPortTest, TheGenerationIsToldFromTheFirstMessage) {
  for (const auto& [first, generation] :
       {std::pair{std::string("\x92\x01"), Generation::kG2},
        std::pair{std::string("\0\x92\x01", 3), Generation::kG3}}) {
    Make({}, Generation::kUnknown);
    EXPECT_EQ(server_->Send(Of("later")), SendResult::kAccepted);
    Peer peer = Open();
    ASSERT_TRUE(peer.Write(Frame(first)));
    ExpectPacket(sink_, "\x92\x01");
    EXPECT_EQ(sink_.generation, generation);
    const bool typed = generation == Generation::kG3;
    EXPECT_EQ(peer.Read(typed ? 8 : 7),
              typed ? std::string("\x82\x06\0later", 8) : std::string("\x82\x05later"));
    // Before the peer closes, which it would tell to the sink of the next turn.
    OnLoop(loop_, [this] { server_.reset(); });
  }
}

TEST_F(WebSocketPortTest, AMessageOfGeneration1IsText) {
  Make({}, Generation::kG1);
  Peer peer = Open();
  EXPECT_TRUE(peer.Write(Frame("{\"action\":\"x\"}", kText)));
  ExpectPacket(sink_, "{\"action\":\"x\"}");
  EXPECT_EQ(server_->Send({PacketType::kControl, Buffer(std::string_view("{}"))}),
            SendResult::kAccepted);
  EXPECT_EQ(peer.Read(4), std::string("\x81\x02{}"));
  EXPECT_TRUE(peer.Write(Frame("x")));
  EXPECT_THAT(ExpectTold(Told::kDisconnected).Line(), HasSubstr("no text"));
}

TEST_F(WebSocketPortTest, AMessageInFragmentsIsOnePacket) {
  Make();
  Peer peer = Open();
  ASSERT_TRUE(peer.Write(Frame(std::string("\0a", 2), kBinary, false)));
  ASSERT_TRUE(peer.Write(Frame(Text(5000), kContinuation, false)));
  ASSERT_TRUE(peer.Write(Frame("z", kContinuation)));
  ExpectPacket(sink_, "a" + Text(5000) + "z");
}

TEST_F(WebSocketPortTest, AMessageAboveTheLimitIsRefusedAndTheSessionContinues) {
  Make(kSmall);
  Peer peer = Open();
  for (const std::size_t size : {std::size_t{1001}, std::size_t{2049}, std::size_t{100'000}}) {
    ASSERT_TRUE(peer.Write(Frame(std::string(1, '\0') + Text(size))));
    EXPECT_THAT(ExpectTold(Told::kRefused).Line(),
                HasSubstr(std::to_string(size) + " bytes, limit 1000"));
  }
  ASSERT_TRUE(peer.Write(Frame(std::string(1, '\0') + Text(1000))));
  ExpectPacket(sink_, Text(1000));
}

TEST_F(WebSocketPortTest, AnEmptyMessageAndAnUnknownTypeAreSkipped) {
  Make();
  Peer peer = Open();
  ASSERT_TRUE(peer.Write(Frame("") + Frame("\x07what") + Frame(std::string("\0ok", 3))));
  ExpectPacket(sink_, "ok");
}

TEST_F(WebSocketPortTest, AQueueAboveItsMarkRefusesUntilThePeerReads) {
  Make({.max_packet = 1 << 20, .high_water = 2 << 20, .low_water = 1 << 20});
  Peer peer = Open();
  std::size_t sent = 0;
  while (server_->Send(Of(Text(500'000))) == SendResult::kAccepted) ++sent;
  EXPECT_LE(server_->queued_bytes(), std::size_t{3} << 20);
  std::string read = peer.Read(sent * (500'000 + 11));
  EXPECT_EQ(read.size(), sent * (500'000 + 11));
  ExpectTold(Told::kWritable);
  EXPECT_EQ(server_->Send(Of("more")), SendResult::kAccepted);
}

TEST_F(WebSocketPortTest, WhilePausedNothingIsReadAndTheEndIsNoticed) {
  Make();
  Peer peer = Open();
  OnLoop(loop_, [this] { server_->PauseReceiving(); });
  ASSERT_TRUE(peer.Write(Frame(std::string("\0a", 2))));  // the read under way
  ExpectPacket(sink_, "a");
  ASSERT_TRUE(peer.Write(Frame(std::string("\0b", 2))));
  OnLoop(loop_, [] {});
  EXPECT_TRUE(sink_.told.empty());
  peer.Close();
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerGone);
}

TEST_F(WebSocketPortTest, LastWordsWaitForTheEndOfAPause) {
  Make({}, Generation::kG3, {.last_words = 60s});
  Peer peer = Open();
  OnLoop(loop_, [this] { server_->PauseReceiving(); });
  ASSERT_TRUE(peer.Write(Frame(std::string("\0a", 2))));  // the read under way
  ExpectPacket(sink_, "a");
  ASSERT_TRUE(peer.Write(Frame(std::string("\0b", 2))));
  peer.Close();
  EXPECT_FALSE(sink_.told.Take(100ms));  // that nothing is told has no event
  server_->ResumeReceiving();
  ExpectPacket(sink_, "b");
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerGone);
}

TEST_F(WebSocketPortTest, AfterAPauseWhatHasComeIsRead) {
  Make();
  Peer peer = Open();
  OnLoop(loop_, [this] { server_->PauseReceiving(); });
  ASSERT_TRUE(peer.Write(Frame(std::string("\0a", 2)) + Frame(std::string("\0b", 2))));
  ExpectPacket(sink_, "a");
  server_->ResumeReceiving();
  ExpectPacket(sink_, "b");
}

TEST_F(WebSocketPortTest, ARefusedRequestIsAnsweredWithTheReason) {
  Make();
  sink_.refuses = "wrong Origin";
  Peer peer = Begin();
  ASSERT_TRUE(peer.Write(kRequest));
  EXPECT_THAT(ReadHeader(peer), StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(peer.Read(13), "wrong Origin\n");
  EXPECT_TRUE(peer.SeesTheEnd());
  EXPECT_EQ(ExpectTold(Told::kDisconnected).Line(), "wrong Origin");
  EXPECT_EQ(server_->Send(Of("x")), SendResult::kClosed);
}

TEST_F(WebSocketPortTest, WhatIsNoRequestForAWebSocketIsRefused) {
  for (const auto& [request, status] :
       {std::pair{std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 426"},
        std::pair{std::string("\x16\x03\x01 what\r\n\r\n"), "HTTP/1.1 400"},
        std::pair{"GET /" + Text(20'000) + " HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        std::pair{std::string(kRequest) + "and more", "HTTP/1.1 400"}}) {
    OnLoop(loop_, [this] { server_.reset(); });
    Make();
    Peer peer = Begin(request.size() < 1000 ? request : "");
    if (request.size() >= 1000) (void)peer.Write(request);
    EXPECT_THAT(ReadHeader(peer), StartsWith(status));
    EXPECT_TRUE(peer.SeesTheEnd());
    ExpectTold(Told::kDisconnected);
  }
}

TEST_F(WebSocketPortTest, AClientThatDoesNotFinishItsRequestIsDisconnected) {
  Make({}, Generation::kG3, {.handshake = 50ms});
  Peer peer = Begin();
  ASSERT_TRUE(peer.Write("GET /ws HTTP/1.1\r\nHost: "));
  EXPECT_TRUE(peer.SeesTheEnd());
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerMisbehaved);
}

TEST_F(WebSocketPortTest, ASilentPeerIsPingedAndThenDisconnected) {
  Make({}, Generation::kG3, {.ping = 30ms});
  Peer peer = Open();
  EXPECT_EQ(peer.Read(2), std::string("\x89\0", 2));
  ASSERT_TRUE(peer.Write(Frame("", kPong)));
  EXPECT_EQ(peer.Read(2), std::string("\x89\0", 2));  // again, since it has answered
  EXPECT_THAT(ExpectTold(Told::kDisconnected).Line(), HasSubstr("answers no ping"));
  EXPECT_TRUE(peer.SeesTheEnd());
}

// The peer says `last` and resets the connection while much is being written to it. The port learns
// of all that at once.
void WebSocketPortTest::ResetWhileWriting(Peer& peer, const std::string& last) {
  std::promise<void> go;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(server_->Send(Of(Text(1 << 20))), SendResult::kAccepted);
  EXPECT_EQ(peer.Read(1), "\x82");
  loop_.Post([held = go.get_future().share()] { held.wait(); });
  EXPECT_TRUE(peer.Write(last));
  peer.Close();  // unread bytes make it a reset
  go.set_value();
}

TEST_F(WebSocketPortTest, WhatAPeerSaidBeforeItResetTheConnectionIsRead) {
  Make({.high_water = 64 << 20});
  Peer peer = Open();
  ResetWhileWriting(peer, Frame(std::string("\0a", 2)) + Frame(std::string(20'000, '\0')) +
                              Frame(std::string("\0b", 2)));
  ExpectPacket(sink_, "a");
  ExpectTold(Told::kPacket);
  ExpectPacket(sink_, "b");
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerGone);
}

TEST_F(WebSocketPortTest, AGoodbyeIsReadBehindAPacketThoughTheConnectionWasReset) {
  Make({.high_water = 64 << 20});
  Peer peer = Open();
  ResetWhileWriting(peer, Frame(std::string("\0a", 2)) + Frame("\x03\xe9", kClose));
  ExpectPacket(sink_, "a");
  EXPECT_THAT(ExpectTold(Told::kDisconnected).Line(), HasSubstr("1001"));
}

TEST_F(WebSocketPortTest, APeerThatBreaksTheProtocolIsToldAndDisconnected) {
  for (const auto& [bytes, code] :
       {std::pair{Frame("text", kText), std::string("\x88\x02\x03\xeb")},
        std::pair{std::string("\x82\x01x"), std::string("\x88\x02\x03\xea")},
        std::pair{Frame("", 3), std::string("\x88\x02\x03\xea")}}) {
    OnLoop(loop_, [this] { server_.reset(); });
    Make();
    Peer peer = Open();
    ASSERT_TRUE(peer.Write(bytes));
    EXPECT_EQ(peer.Read(4), code);
    EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kPeerMisbehaved);
  }
}

TEST_F(WebSocketPortTest, APeerThatSaysGoodbyeIsAnswered) {
  Make();
  Peer peer = Open();
  ASSERT_TRUE(peer.Write(Frame("\x03\xe9", kClose)));
  const Error why = ExpectTold(Told::kDisconnected);
  EXPECT_EQ(why.code, Errc::kPeerGone);
  EXPECT_THAT(why.Line(), HasSubstr("1001"));
  EXPECT_EQ(peer.Read(4), "\x88\x02\x03\xe9");
}

TEST_F(WebSocketPortTest, AConnectionCutInAMessageIsToldAsCut) {
  Make();
  Peer peer = Open();
  ASSERT_TRUE(peer.Write(Frame(std::string("\0ab", 3), kBinary, false)));
  OnLoop(loop_, [] {});
  peer.Close();
  EXPECT_EQ(ExpectTold(Told::kDisconnected).code, Errc::kCut);
}

TEST_F(WebSocketPortTest, TheEndWritesWhatIsQueuedAndSaysWhy) {
  Make();
  Peer peer = Open();
  EXPECT_EQ(server_->Send(Of("last")), SendResult::kAccepted);
  OnLoop(loop_, [this] {
    server_->Disconnect(WebSocketClose::kTryAgain);
    server_.reset();
  });
  EXPECT_EQ(peer.Read(7), std::string("\x82\x05\0last", 7));
  EXPECT_EQ(peer.Read(4), "\x88\x02\x03\xf5");
  EXPECT_TRUE(sink_.told.empty());
}

TEST_F(WebSocketPortTest, TheEndDoesNotWaitForAPeerThatReadsNothing) {
  Make({}, Generation::kG3, {.farewell = 50ms});
  Peer peer = Open();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(server_->Send(Of(Text(1 << 20))), SendResult::kAccepted);
  OnLoop(loop_, [this] { server_.reset(); });
  EXPECT_TRUE(peer.SeesTheEnd());
}

}  // namespace
}  // namespace fletbridge
