#include "src/legacy/broker.h"

#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/net/listen.h"
#include "common/net/web_socket_port.h"
#include "tests/unit/support/browser.h"
#include "tests/unit/support/peer.h"

namespace fletbridge::legacy {
namespace {

using testing::StartsWith;

const std::string kHello = Frame(std::string("\0hello", 6));

// The app's side of one of its sessions.
class AppSide final : public WebSocketSink {
 public:
  AppSide(EventLoop& loop, Peer taken) : loop_(loop), port_(loop, FlowLimits{}, *this) {
    OnLoop(loop_, [&] { port_.Accept(UniqueFd(::dup(taken.fd()))); });
  }
  ~AppSide() override {
    OnLoop(loop_, [this] { port_.Disconnect(); });
  }
  void OnOpen() override { opened.Put(true); }
  void OnPacket(Packet&& packet) override { packets.Put(std::move(packet)); }
  void OnGeneration(Generation /*its*/) override {}
  void OnWritable() override {}
  void OnRefused(const Error& /*why*/) override {}
  void OnDisconnected(const Error& /*why*/) override {}

  Mailbox<bool> opened;
  Mailbox<Packet> packets;

 private:
  EventLoop& loop_;
  WebSocketPort port_;
};

class BrokerTest : public testing::Test {
 protected:
  BrokerTest() {
    SetLogLevel(LogLevel::kError);
    loop_.Start();
    BrokerOptions options;
    options.at = {SocketAddress::Kind::kTcp, {}, "127.0.0.1", 0};
    options.listener = *Listen(options.at);
    options.token = "secret";
    options.app = {SocketAddress::Kind::kTcp, {}, "127.0.0.1", app_.port()};
    options.app_target = "/ws";
    port_ = options.at.port;
    OnLoop(loop_, [&] {
      broker_ = std::make_unique<Broker>(loop_, std::move(options),
                                         [this](const Error& why) { failed_.Put(why); });
      broker_->Start();
    });
  }
  ~BrokerTest() override {
    OnLoop(loop_, [this] { broker_.reset(); });
    SetLogLevel(LogLevel::kInfo);
  }

  Peer NewUi() { return Peer(ConnectToPort(port_)); }
  [[nodiscard]] std::string Request() const {
    return UpgradeRequest("/secret/ws", "127.0.0.1:" + std::to_string(port_));
  }

  EventLoop loop_;
  Listener app_;
  Mailbox<Error> failed_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Broker> broker_;
};

// How much of its request a UI has sent when the app ends its session.
class BrokerTestOfAUi : public BrokerTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(BrokerTestOfAUi, GetsTheNextSessionIfItHasSaidNothingInTheOneThatEnds) {
  auto first = std::make_unique<AppSide>(loop_, app_.Accept());
  ASSERT_TRUE(first->opened.Take());
  Peer ui = NewUi();
  const std::string request = Request().substr(0, GetParam());
  ASSERT_TRUE(ui.Write(request));
  if (request == Request()) {
    EXPECT_THAT(ReadHeader(ui), StartsWith("HTTP/1.1 101"));
  }
  for (int i = 0; i < 3; ++i) OnLoop(loop_, [] {});  // it has been admitted by then

  first.reset();
  Peer next = app_.Accept();
  ASSERT_TRUE(ui.Write(Request().substr(request.size())));
  if (request != Request()) {
    EXPECT_THAT(ReadHeader(ui), StartsWith("HTTP/1.1 101"));
  }
  ASSERT_TRUE(ui.Write(kHello));

  AppSide second(loop_, std::move(next));
  ASSERT_TRUE(second.opened.Take());
  const std::optional<Packet> packet = second.packets.Take();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->payload.text(), "hello");
  EXPECT_TRUE(failed_.empty());
}

TEST_P(BrokerTestOfAUi, LeavesTheNextSessionToAnotherIfItGoesBeforeThat) {
  auto first = std::make_unique<AppSide>(loop_, app_.Accept());
  ASSERT_TRUE(first->opened.Take());
  Peer ui = NewUi();
  ASSERT_TRUE(ui.Write(Request().substr(0, GetParam())));
  for (int i = 0; i < 3; ++i) OnLoop(loop_, [] {});
  first.reset();
  Peer next = app_.Accept();
  ui.Close();

  Peer other = NewUi();
  ASSERT_TRUE(other.Write(Request()));
  AppSide second(loop_, std::move(next));
  EXPECT_THAT(ReadHeader(other), StartsWith("HTTP/1.1 101"));
  ASSERT_TRUE(other.Write(kHello));
  const std::optional<Packet> packet = second.packets.Take();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->payload.text(), "hello");
}
INSTANTIATE_TEST_SUITE_P(Each, BrokerTestOfAUi, testing::Values(0, 20, std::string::npos));

// UIs come, speak and go, and the app ends its sessions, in any order: whoever comes then is
// served.
TEST_F(BrokerTest, ServesTheNextUiAfterAnyOrderOfComingAndGoing) {
  std::mutex mutex;
  std::vector<std::unique_ptr<AppSide>> sessions;  // under mutex
  const std::jthread app([&] {  // until the deadline of an accept, if the test fails
    while (Peer taken = app_.Accept()) {
      const std::lock_guard lock(mutex);
      sessions.push_back(std::make_unique<AppSide>(loop_, std::move(taken)));
    }
  });
  const auto ends_its_session = [&] {
    const std::lock_guard lock(mutex);
    sessions.clear();
  };

  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    struct Ui {
      Peer peer;
      std::size_t said = 0;
    };
    std::vector<Ui> uis;
    for (int step = 0; step < 20; ++step) {
      Ui* const ui = uis.empty() ? nullptr : &uis[random() % uis.size()];
      switch (random() % 8) {
        case 0:
          if (uis.size() < 4) uis.push_back({NewUi()});
          break;
        case 1:
        case 2: {  // some more of its request, then packets
          if (ui == nullptr) break;
          const std::string all = Request() + kHello + kHello;
          const std::string next = all.substr(ui->said, 1 + random() % all.size());
          ui->said += next.size();
          (void)ui->peer.Write(next);
          break;
        }
        case 3:
          if (ui != nullptr) uis.erase(uis.begin() + (ui - uis.data()));
          break;
        case 4:
          ends_its_session();
          break;
        default:
          OnLoop(loop_, [] {});
      }
    }
    uis.clear();

    Peer last = NewUi();
    ASSERT_TRUE(last.Write(Request()));
    ASSERT_THAT(ReadHeader(last), StartsWith("HTTP/1.1 101"));
    ASSERT_TRUE(failed_.empty());
  }
  ::shutdown(app_.fd(), SHUT_RDWR);
}

}  // namespace
}  // namespace fletbridge::legacy
