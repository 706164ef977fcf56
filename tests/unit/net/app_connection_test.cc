#include "common/net/app_connection.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/peer.h"

namespace fletbridge {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RecordingSink final : public AppConnectionSink {
 public:
  void OnPacket(Packet&& packet) override {
    told.Put("packet " + std::string(packet.payload.text()));
  }
  void OnWritable() override { told.Put("writable"); }
  void OnRefused(const Error& why) override { told.Put("refused " + why.Line()); }
  void OnConnected() override {
    told.Put("connected");
    if (on_connected) on_connected();
  }
  void OnSessionLost(const Error& why) override { told.Put("lost " + why.Line()); }
  void OnConnectFailed(const Error& why) override { told.Put("failed " + why.Line()); }

  Mailbox<std::string> told;
  std::function<void()> on_connected;
};

class AppConnectionTest : public testing::Test {
 protected:
  AppConnectionTest() { loop_.Start(); }
  ~AppConnectionTest() override {
    OnLoop(loop_, [this] { connection_.reset(); });
  }

  void Make(std::function<Result<>(int)> verify = [](int) { return Result<>(); }) {
    SocketAddress address;
    address.path = path_;
    connection_ =
        std::make_unique<AppConnection>(loop_, FlowLimits{}, address, std::move(verify), sink_);
  }
  void Connect(std::chrono::milliseconds deadline = kDeadline) {
    OnLoop(loop_, [this, deadline] { connection_->Connect(deadline); });
  }
  void Send(std::string_view text) {
    ASSERT_EQ(connection_->port().Send(Packet{PacketType::kControl, Buffer(text)}),
              SendResult::kAccepted);
  }
  std::string Told() { return sink_.told.Take().value_or("nothing in time"); }

  TempFolder folder_;
  const std::string path_ = folder_.path() + "/app.sock";
  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<AppConnection> connection_;
};

TEST_F(AppConnectionTest, WaitsForAListenerThatComesLate) {
  Make();
  Send("early");
  Connect();
  OnLoop(loop_, [] {});  // at least one attempt has failed
  Listener listener(path_);
  Peer app = listener.Accept();
  ASSERT_TRUE(app);
  EXPECT_EQ(Told(), "connected");
  EXPECT_EQ(app.ReadFrame(), "early");
  ASSERT_TRUE(app.Write(Framed("hello")));
  EXPECT_EQ(Told(), "packet hello");
}

// Takes nobody, and its queue is full.
struct FullListener {
  FullListener() : listener(0) {
    for (int i = 0; i < 4; ++i) {
      Result<Connecting> begun = BeginConnect(Address());
      if (begun) waiting.push_back(std::move(begun->socket));
    }
  }
  [[nodiscard]] SocketAddress Address() const {
    return {SocketAddress::Kind::kTcp, "", "127.0.0.1", listener.port()};
  }
  Listener listener;
  std::vector<UniqueFd> waiting;
};

TEST_F(AppConnectionTest, DoesNotHoldUpTheLoopForAListenerWhoseQueueIsFull) {
  FullListener full;
  connection_ = std::make_unique<AppConnection>(
      loop_, FlowLimits{}, full.Address(), [](int) { return Result<>(); }, sink_);
  Send("early");
  Connect();
  EXPECT_TRUE(OnLoop(loop_, [] { return true; })) << "the loop is deaf";
  EXPECT_TRUE(sink_.told.empty());
  for (std::size_t i = 0; i < full.waiting.size(); ++i) {
    full.waiting[i].reset();
    (void)full.listener.Accept();
    if (!sink_.told.empty()) break;
  }
  EXPECT_EQ(Told(), "connected") << "as soon as there is room";
}

TEST_F(AppConnectionTest, GivesUpAtTheDeadlineOnAListenerWhoseQueueIsFull) {
  const FullListener full;
  connection_ = std::make_unique<AppConnection>(
      loop_, FlowLimits{}, full.Address(), [](int) { return Result<>(); }, sink_);
  Connect(50ms);
  EXPECT_THAT(Told(), HasSubstr("failed the app did not listen at " + full.Address().Text()));
}

TEST_F(AppConnectionTest, MayBeDestroyedOrClosedWhileAConnectionIsPending) {
  const FullListener full;
  for (const bool closes : {false, true}) {
    connection_ = std::make_unique<AppConnection>(
        loop_, FlowLimits{}, full.Address(), [](int) { return Result<>(); }, sink_);
    Connect();
    OnLoop(loop_, [this, closes] { closes ? connection_->Close() : connection_.reset(); });
  }
  EXPECT_TRUE(sink_.told.empty());
}

TEST_F(AppConnectionTest, TriesAgainWhenThePeerWasGoneBeforeItCouldBeLookedAt) {
  Listener listener(path_);
  int looked = 0;
  Make([&looked](int) -> Result<> {
    if (++looked < 3) return MakeError(Errc::kPeerGone, "it is not there any more");
    return {};
  });
  Connect();
  EXPECT_EQ(Told(), "connected");
  EXPECT_EQ(looked, 3);
}

TEST_F(AppConnectionTest, TellsThatAnAppThatIsNotReadHasEndedTheSession) {
  Listener listener(path_);
  Make();
  Connect();
  Peer app = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  connection_->port().PauseReceiving();
  app.Close();
  EXPECT_EQ(Told(), "lost the other side closed the connection");
}

TEST_F(AppConnectionTest, GivesUpAtTheDeadlineAndSaysWhere) {
  Make();
  Connect(20ms);
  const std::string told = Told();
  EXPECT_THAT(told, HasSubstr("failed the app did not listen at unix:" + path_ + " in time"));
  EXPECT_THAT(told, HasSubstr("ft.run"));
}

TEST_F(AppConnectionTest, NeitherConnectsNorSpeaksToAnUntrustedListener) {
  Listener listener(path_);
  Make([](int) -> Result<> { return MakeError(Errc::kUntrusted, "a stranger"); });
  Send("secret");
  Connect();
  EXPECT_EQ(Told(), "failed a stranger");
  EXPECT_TRUE(listener.Accept().SeesTheEnd());
}

TEST_F(AppConnectionTest, TellsThatTheAppEndedTheSession) {
  Listener listener(path_);
  Make();
  Connect();
  listener.Accept().Close();
  EXPECT_EQ(Told(), "connected");
  EXPECT_EQ(Told(), "lost the other side closed the connection");
}

TEST_F(AppConnectionTest, LeavesNothingOfWhatWasQueuedForTheNextConnection) {
  Listener listener(path_);
  Make();
  Connect();
  Peer first = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  for (int i = 0; i < 8; ++i) Send(std::string(1 << 20, 'o'));  // more than the socket takes
  OnLoop(loop_, [this] { connection_.reset(); });
  EXPECT_TRUE(first.SeesTheEnd());
  Make();
  Connect();
  Peer second = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  Send("new");
  EXPECT_EQ(second.ReadFrame(), "new");
}

TEST_F(AppConnectionTest, DeliversTheLastWordsOfAnAppThatHasEnded) {
  Listener listener(path_);
  Make();
  Connect();
  Peer app = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  connection_->port().PauseReceiving();
  ASSERT_TRUE(app.Write(Framed("one") + Framed("two")));
  app.Close();
  OnLoop(loop_, [this] { connection_->Drain(kDeadline, [this] { sink_.told.Put("drained"); }); });
  EXPECT_EQ(Told(), "packet one");
  EXPECT_EQ(Told(), "packet two");
  EXPECT_EQ(Told(), "drained");
  EXPECT_EQ(connection_->port().Send({}), SendResult::kClosed);
}

TEST_F(AppConnectionTest, DoesNotWaitForeverForTheEndOfASocketThatSomeoneHoldsOpen) {
  Listener listener(path_);
  Make();
  Connect();
  const Peer held = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  OnLoop(loop_, [this] { connection_->Drain(20ms, [this] { sink_.told.Put("drained"); }); });
  EXPECT_EQ(Told(), "drained");
}

TEST_F(AppConnectionTest, HasNothingToDrainWithoutAConnection) {
  Make();
  Connect();
  OnLoop(loop_, [this] { connection_->Drain(kDeadline, [this] { sink_.told.Put("drained"); }); });
  EXPECT_EQ(Told(), "drained");
}

TEST_F(AppConnectionTest, IsSilentOnceClosed) {
  Listener listener(path_);
  Make();
  Connect();
  Peer app = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  OnLoop(loop_, [this] { connection_->Close(); });
  EXPECT_TRUE(app.SeesTheEnd());
  OnLoop(loop_, [this] { connection_->Connect(kDeadline); });
  EXPECT_TRUE(sink_.told.empty());
}

TEST_F(AppConnectionTest, StaysClosedWhenItsSinkClosesItAtTheConnection) {
  Listener listener(path_);
  Make();
  sink_.on_connected = [this] { connection_->Close(); };
  Connect();
  Peer app = listener.Accept();
  EXPECT_EQ(Told(), "connected");
  EXPECT_TRUE(app.SeesTheEnd());
}

TEST_F(AppConnectionTest, MayBeDestroyedWhileItTries) {
  Make();
  Connect();
  OnLoop(loop_, [this] { connection_.reset(); });
  const Listener listener(path_);
  EXPECT_TRUE(sink_.told.empty());
}

}  // namespace
}  // namespace fletbridge
