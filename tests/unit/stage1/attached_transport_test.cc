#include "src/stage1/attached_transport.h"

#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/base/unique_fd.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/mailbox.h"

namespace fletbridge {
namespace {

constexpr int kLost = -1;  // among the states of the app, in the order in which both were told

struct Sink final : AppSink {
  void OnPacket(Packet&&) override {}
  void OnWritable() override {}
  void OnRefused(const Error&) override {}
  void OnAppEvent(const AppEvent& event) override { told.Put(static_cast<int>(event.state)); }
  void OnSessionLost(const Error&) override { told.Put(kLost); }
  void OnSignal(int) override {}
  int Next() { return told.Take().value_or(-2); }
  int Next(AppState state) { return Next() == static_cast<int>(state) ? 0 : 1; }

  Mailbox<int> told;
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
    transport_ = stage1::MakeAttachedTransport(loop_, options_);
  }
  ~AttachedTransportTest() override {
    loop_.Stop();
    loop_.Join();
  }

  const TempFolder folder_;
  EventLoop loop_;
  Sink sink_;
  stage1::AttachedOptions options_;
  std::unique_ptr<AppTransport> transport_;
};

TEST_F(AttachedTransportTest, IsStoppedBeforeItIsStarted) {
  transport_->Stop({});
  OnLoop(loop_, [] {});
  transport_->Start(sink_);
  EXPECT_EQ(sink_.Next(AppState::kStarting), 0);
  EXPECT_EQ(sink_.Next(AppState::kClosed), 0);
  EXPECT_EQ(sink_.Next(AppState::kExited), 0);
  EXPECT_EQ(transport_->RunOnMainThread([](int code) { return code; }), 0);
}

TEST_F(AttachedTransportTest, IsStoppedAndNeverStarted) {
  transport_->Stop({});
  OnLoop(loop_, [] {});
}

TEST_F(AttachedTransportTest, ConnectsAgainToAnAppThatIsStartedAnew) {
  {
    Listener app(options_.address.path);
    transport_->Start(sink_);
    const UniqueFd connection = app.Accept();
    EXPECT_EQ(sink_.Next(AppState::kStarting), 0);
    EXPECT_EQ(sink_.Next(AppState::kListening), 0);
    EXPECT_EQ(sink_.Next(AppState::kConnected), 0);
  }
  EXPECT_EQ(sink_.Next(), kLost);
  OnLoop(loop_, [this] {
    transport_->NewSession();
    EXPECT_EQ(transport_->Send(Packet{PacketType::kControl, Buffer(std::string_view("new"))}),
              SendResult::kAccepted);
  });
  Listener app(options_.address.path);
  const UniqueFd connection = app.Accept();
  char bytes[8] = {};
  EXPECT_EQ(::recv(connection.get(), bytes, sizeof bytes, MSG_WAITALL), 8);
  EXPECT_EQ(std::string(bytes + 5, 3), "new");
  transport_->Stop({});
  EXPECT_EQ(sink_.Next(AppState::kClosed), 0);
}

TEST_F(AttachedTransportTest, ConnectsAgainWhereNobodyAsksForASession) {
  {
    Listener app(options_.address.path);
    transport_->Start(sink_);
    const UniqueFd connection = app.Accept();
  }
  EXPECT_EQ(sink_.Next(AppState::kStarting), 0);
  EXPECT_EQ(sink_.Next(AppState::kListening), 0);
  EXPECT_EQ(sink_.Next(AppState::kConnected), 0);
  EXPECT_EQ(sink_.Next(), kLost);
  Listener app(options_.address.path);
  EXPECT_TRUE(app.Accept());
  transport_->Stop({});
  EXPECT_EQ(sink_.Next(AppState::kClosed), 0);
}

}  // namespace
}  // namespace fletbridge
