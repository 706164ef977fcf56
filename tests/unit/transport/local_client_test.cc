#include "common/transport/local_client.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Packet Text(std::string_view text) { return {PacketType::kControl, Buffer(text)}; }

class LocalClientTest : public testing::Test, public ClientSessionSink {
 protected:
  void Make(const FlowLimits& limits = {}) {
    client_ = std::make_shared<LocalClient>(
        loop_, limits,
        LocalClient::Hooks{
            [this] { told_.Put("start"); },
            [this](Packet&& packet) { told_.Put(std::string(packet.payload.text())); },
            [this] { told_.Put("resumed"); }, [this] { told_.Put("sent away"); }});
    session_ = client_->Session();
  }
  void Start() {
    OnLoop(loop_, [this] { session_->Start(*this); });
  }
  std::string Told() { return told_.Take().value_or("(nothing in time)"); }

  void OnPacket(Packet&& packet) override {
    told_.Put("app " + std::string(packet.payload.text()));
  }
  void OnWritable() override { told_.Put("writable"); }
  void OnRefused(const Error&) override {}
  void OnGone(const Error& why) override { told_.Put("gone " + why.Line()); }

  ~LocalClientTest() override {
    loop_.Stop();
    loop_.Join();
  }

  Mailbox<std::string> told_;
  EventLoop loop_;
  std::shared_ptr<LocalClient> client_;
  std::unique_ptr<ClientSession> session_;
};

TEST_F(LocalClientTest, BoundsItsQueueAndTellsWhenItIsWritableAgain) {
  Make({.max_packet = 1000, .high_water = 2200, .low_water = 500});
  // The loop does not run yet: everything stays in the queue.
  const auto data = [](std::size_t size) { return Packet{PacketType::kData, Buffer(size)}; };
  EXPECT_EQ(session_->Send(data(1001)), SendResult::kTooLarge);
  EXPECT_EQ(session_->Send(data(1000)), SendResult::kAccepted);
  EXPECT_EQ(session_->Send(data(1000)), SendResult::kAccepted);
  EXPECT_EQ(session_->Send(data(1000)), SendResult::kAccepted);
  Packet kept = data(700);
  EXPECT_EQ(session_->Send(std::move(kept)), SendResult::kFull);
  EXPECT_EQ(kept.payload.size(), 700U);
  EXPECT_EQ(session_->queued_bytes(), 3000U + 3 * kPacketOverhead);
  loop_.Start();
  Start();
  std::string told = Told();
  for (int packets = 0; told != "writable" && packets < 5; ++packets) told = Told();
  EXPECT_EQ(told, "writable");
  EXPECT_EQ(session_->Send(std::move(kept)), SendResult::kAccepted);
}

TEST_F(LocalClientTest, CarriesPacketsBothWaysInOrder) {
  Make();
  ASSERT_EQ(session_->Send(Text("early")), SendResult::kAccepted);
  loop_.Start();
  Start();
  EXPECT_EQ(Told(), "start");
  EXPECT_EQ(Told(), "early");
  OnLoop(loop_, [this] { client_->ToApp(Text("hello")); });
  EXPECT_EQ(Told(), "app hello");
  session_->PauseReceiving();
  EXPECT_TRUE(client_->paused());
  session_->ResumeReceiving();
  EXPECT_EQ(Told(), "resumed");
}

TEST_F(LocalClientTest, IsToldWhenItIsSentAwayAndMayComeAgain) {
  Make();
  loop_.Start();
  Start();
  EXPECT_EQ(Told(), "start");
  OnLoop(loop_, [this] { session_.reset(); });
  EXPECT_EQ(Told(), "sent away");
  OnLoop(loop_, [this] {
    client_->ToApp(Text("of nobody"));
    session_ = client_->Session();
    session_->Start(*this);
  });
  EXPECT_EQ(Told(), "start");
  ASSERT_EQ(session_->Send(Text("new")), SendResult::kAccepted);
  EXPECT_EQ(Told(), "new");
}

TEST_F(LocalClientTest, TellsThatItHasGoneAndLeavesNothingToItsNextSession) {
  Make();
  loop_.Start();
  Start();
  EXPECT_EQ(Told(), "start");
  std::unique_ptr<ClientSession> old;
  OnLoop(loop_, [&] {
    EXPECT_EQ(session_->Send(Text("old")), SendResult::kAccepted);
    client_->Leave(MakeError(Errc::kPeerGone, "enough"));
    old = std::exchange(session_, client_->Session());
    session_->Start(*this);
    EXPECT_EQ(old->Send(Text("late")), SendResult::kClosed);
    old.reset();  // later than the next one has begun
    EXPECT_EQ(session_->Send(Text("new")), SendResult::kAccepted);
  });
  EXPECT_EQ(Told(), "gone enough");
  EXPECT_EQ(Told(), "start");
  EXPECT_EQ(Told(), "new");
  OnLoop(loop_, [this] {
    client_->Close();
    EXPECT_EQ(session_->Send(Text("x")), SendResult::kClosed);
    session_.reset();
  });
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace fletbridge
