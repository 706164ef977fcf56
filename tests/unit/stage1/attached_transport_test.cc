#include "src/stage1/attached_transport.h"

#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

// What was told, in its order.
enum Told { kNothing, kListens, kIsConnected, kLost, kHasExited };

struct Sink final : AppSink, AppSessionSink {
  void OnPacket(Packet&&) override {}
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnListening() override { told.Put(kListens); }
  void OnConnected() override { told.Put(kIsConnected); }
  void OnLost(const Error&) override { told.Put(kLost); }
  void OnUnreachable(const Error&) override {}
  void OnWord(AppWord, int) override {}
  void OnSignal(int, bool) override {}
  void OnExited(int, const Error&) override { told.Put(kHasExited); }
  Told Next() { return told.Take().value_or(kNothing); }

  Mailbox<Told> told;
};

// As an app's socket, which it makes anew when it is started anew.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    ::unlink(path.c_str());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(name.sun_path), sizeof name.sun_path - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::listen(fd_.get(), 1), 0);
  }
  UniqueFd Accept() { return UniqueFd(::accept(fd_.get(), nullptr, nullptr)); }

 private:
  UniqueFd fd_;
};

class AttachedTransportTest : public testing::Test {
 protected:
  AttachedTransportTest() {
    loop_.Start();
    options_.address.path = folder_.path() + "/app.sock";
    options_.generation = Generation::kG3;
    Make();
  }
  void Make() {
    OnLoop(loop_, [this] {
      session_.reset();
      transport_ = stage1::MakeAttachedTransport(loop_, options_);
      session_ = *transport_->OpenSession(sink_);
    });
  }
  void NewSession() {
    session_.reset();
    session_ = *transport_->OpenSession(sink_);
  }
  ~AttachedTransportTest() override {
    loop_.Stop();
    loop_.Join();
  }

  const TempFolder folder_;
  EventLoop loop_;
  Sink sink_;
  stage1::AttachedOptions options_;
  std::unique_ptr<AppHost> transport_;
  std::unique_ptr<AppSession> session_;
};

TEST_F(AttachedTransportTest, IsStoppedBeforeItIsStarted) {
  OnLoop(loop_, [this] { transport_->Leave(); });
  transport_->Start(sink_);
  EXPECT_EQ(sink_.Next(), kHasExited);
  EXPECT_EQ(transport_->RunOnMainThread([](int code) { return code; }), 0);
}

TEST_F(AttachedTransportTest, IsStoppedAndNeverStarted) {
  OnLoop(loop_, [this] { transport_->Leave(); });
}

TEST_F(AttachedTransportTest, ConnectsAgainToAnAppThatIsStartedAnew) {
  {
    Listener app(options_.address.path);
    transport_->Start(sink_);
    const UniqueFd connection = app.Accept();
    EXPECT_EQ(sink_.Next(), kListens);
    EXPECT_EQ(sink_.Next(), kIsConnected);
  }
  EXPECT_EQ(sink_.Next(), kLost);
  OnLoop(loop_, [this] {
    NewSession();
    EXPECT_EQ(session_->Send(Packet{PacketType::kControl, Buffer(std::string_view("new"))}),
              SendResult::kAccepted);
  });
  Listener app(options_.address.path);
  const UniqueFd connection = app.Accept();
  char bytes[8] = {};
  EXPECT_EQ(::recv(connection.get(), bytes, sizeof bytes, MSG_WAITALL), 8);
  EXPECT_EQ(std::string(bytes + 5, 3), "new");
  OnLoop(loop_, [this] { transport_->Leave(); });
  EXPECT_EQ(sink_.Next(), kHasExited);
}

// What might have to be said again is kept, but not without an end.
TEST_F(AttachedTransportTest, TakesAnAppThatListensToEverythingForTheNewestGeneration) {
  options_.generation = Generation::kUnknown;
  options_.limits.high_water = options_.limits.max_packet = 64 << 10;
  Make();
  Listener app(options_.address.path);
  transport_->Start(sink_);
  const UniqueFd connection = app.Accept();
  std::vector<char> block(64 << 10);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(transport_->generation(), Generation::kUnknown);
    const SendResult result = session_->Send(Packet{PacketType::kControl, Buffer(48 << 10)});
    EXPECT_EQ(result, SendResult::kAccepted);
    if (transport_->generation() == Generation::kG3) break;
    EXPECT_GT(::recv(connection.get(), block.data(), 48 << 10, MSG_WAITALL), 0);
  }
  EXPECT_EQ(transport_->generation(), Generation::kG3);
  OnLoop(loop_, [this] { transport_->Leave(); });
}

// `flet run` ends an app at any moment, also in the middle of what it says.
TEST_F(AttachedTransportTest, ConnectsAgainToAnAppThatEndedInAPacket) {
  {
    Listener app(options_.address.path);
    transport_->Start(sink_);
    const UniqueFd connection = app.Accept();
    EXPECT_EQ(sink_.Next(), kListens);
    EXPECT_EQ(sink_.Next(), kIsConnected);
    EXPECT_EQ(::send(connection.get(), "\x64\0\0\0\0half", 9, MSG_NOSIGNAL), 9);
  }
  EXPECT_EQ(sink_.Next(), kLost);
  OnLoop(loop_, [this] { NewSession(); });
  Listener app(options_.address.path);
  EXPECT_TRUE(app.Accept());
  OnLoop(loop_, [this] { transport_->Leave(); });
  EXPECT_EQ(sink_.Next(), kHasExited);
}

TEST_F(AttachedTransportTest, HasOneSessionAtATime) {
  OnLoop(loop_, [this] {
    const Result<std::unique_ptr<AppSession>> second = transport_->OpenSession(sink_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::kLimit);
  });
}

}  // namespace
}  // namespace fletbridge
