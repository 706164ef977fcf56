#include "src/ui/attach/attach_ui.h"

#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/wire/codec.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/peer.h"

namespace fletbridge::attach {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

std::string Message(Action action) { return {'\x92', static_cast<char>(action), '\xc0'}; }

class RecordingSink final : public UiSink, public ClientSessionSink {
 public:
  void OnPacket(Packet&& packet) override {
    told.Put("packet " + std::string(packet.payload.text()));
  }
  void OnWritable() override { told.Put("writable"); }
  void OnRefused(const Error& why) override { told.Put("refused " + why.Line()); }
  void OnReady() override { told.Put("ready"); }
  void OnClient(std::unique_ptr<ClientSession> client) override {
    session = std::move(client);
    told.Put("connected");
    session->Start(*this);
  }
  void OnGone(const Error& why) override { told.Put("disconnected: " + why.context); }
  void OnClosed(const UiEnd& end) override {
    std::string text = "closed";
    if (end.exit_code != 0) text += " " + std::to_string(end.exit_code);
    if (const std::string why = end.why.context; !why.empty()) text += ": " + why;
    told.Put(text);
  }

  Mailbox<std::string> told;
  std::unique_ptr<ClientSession> session;  // loop's thread
};

class AttachUiTest : public testing::Test {
 protected:
  AttachUiTest() {
    SetLogLevel(LogLevel::kError);
    loop_.Start();
  }
  ~AttachUiTest() override {
    OnLoop(loop_, [this] {
      sink_.session.reset();
      ui_.reset();
    });
    SetLogLevel(LogLevel::kInfo);
  }

  void Make(const SocketAddress& address) {
    ui_ = MakeAttachUi(loop_, FlowLimits{}, address);
    ui_->Start(sink_);
  }
  void Make() {
    SocketAddress address;
    address.path = path_;
    Make(address);
  }
  Peer Connect() { return Peer(ConnectToPath(path_)); }
  // As every client of Flet, it speaks first: until then it is told nothing.
  void Speak(Peer& client) {
    ASSERT_TRUE(client.Write(Framed("hello")));
    EXPECT_EQ(Told(), "packet hello");
  }
  // Makes the UI and a client that is connected.
  Peer MakeWithClient() {
    Make();
    EXPECT_EQ(Told(), "ready");
    Peer client = Connect();
    EXPECT_EQ(Told(), "connected");
    return client;
  }
  void Send(std::string_view text) {
    ASSERT_EQ(OnLoop(loop_,
                     [&] {
                       return sink_.session->Send({PacketType::kControl, Buffer(text)});
                     }),
              SendResult::kAccepted);
  }
  std::string Told() { return sink_.told.Take().value_or("(nothing in time)"); }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/app.sock";
  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<UiSurface> ui_;
};

TEST_F(AttachUiTest, ClosesLikeAWindowWhenItsLifeLineEnds) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  SocketAddress address;
  address.path = path_;
  ui_ = MakeAttachUi(loop_, FlowLimits{}, address, ends[0]);
  ui_->Start(sink_);
  EXPECT_EQ(Told(), "ready");
  EXPECT_NE(::fcntl(ends[0], F_GETFD) & FD_CLOEXEC, 0) << "no program of the app inherits it";
  Peer client = Connect();
  EXPECT_EQ(Told(), "connected");
  ::close(ends[1]);
  EXPECT_EQ(Told(), "closed");
  EXPECT_FALSE(fs::exists(path_));
  ::close(ends[0]);
}

TEST_F(AttachUiTest, CarriesPacketsBetweenTheClientAndTheApp) {
  Peer client = MakeWithClient();
  EXPECT_EQ(ui_->name(), "attach");
  ASSERT_TRUE(client.Write(Framed("from the client")));
  EXPECT_EQ(Told(), "packet from the client");
  Send("from the app");
  EXPECT_EQ(client.ReadFrame(), "from the app");
}

TEST_F(AttachUiTest, TellsTheStepsOfASessionOnceAndInOrder) {
  Peer client = MakeWithClient();
  ASSERT_TRUE(client.Write(Framed(Message(Action::kRegisterClient))));
  EXPECT_THAT(Told(), StartsWith("packet "));
  Send(Message(Action::kRegisterClient));
  Send(Message(Action::kPatchControl));
  client.Close();
  EXPECT_EQ(Told(), "disconnected: the other side closed the connection");
  ui_->Close(MakeError(Errc::kClosed, ""));
  ui_->Close(MakeError(Errc::kClosed, ""));
  EXPECT_EQ(Told(), "closed");
  OnLoop(loop_, [] {});
  EXPECT_TRUE(sink_.told.empty());
}

TEST_F(AttachUiTest, RefusesASecondClientAndDoesNotHarmTheFirst) {
  Peer first = MakeWithClient();
  Peer second = Connect();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second.SeesTheEnd());
  Speak(first);
  Send("still here");
  EXPECT_EQ(first.ReadFrame(), "still here");
  ASSERT_TRUE(first.Write(Framed("so am I")));
  EXPECT_EQ(Told(), "packet so am I");
}

TEST_F(AttachUiTest, ServesTheNextClientWhenTheFirstHasGone) {
  Peer first = MakeWithClient();
  Send(Message(Action::kRegisterClient));
  first.Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
  Peer next = Connect();
  EXPECT_EQ(Told(), "connected");
  Speak(next);
  Send(Message(Action::kRegisterClient));
  EXPECT_EQ(next.ReadFrame(), Message(Action::kRegisterClient)) << "nothing of the session before";
}

TEST_F(AttachUiTest, EndsTheSessionOfAClientThatMisbehavesAndServesTheNext) {
  Peer first = MakeWithClient();
  ASSERT_TRUE(first.Write("\xff\xff\xff\xff\x01"));
  EXPECT_THAT(Told(), HasSubstr("disconnected: a frame header announces"));
  EXPECT_TRUE(first.SeesTheEnd());
  Peer next = Connect();
  EXPECT_EQ(Told(), "connected");
}

TEST_F(AttachUiTest, SendsTheClientAwayWhenTheAppEndsTheSession) {
  Peer client = MakeWithClient();
  EXPECT_TRUE(ui_->serves_another());
  OnLoop(loop_, [this] { sink_.session.reset(); });
  EXPECT_TRUE(client.SeesTheEnd());
  Peer next = Connect();
  EXPECT_EQ(Told(), "connected");
}

TEST_F(AttachUiTest, MakesASocketForItsUserAloneAndRemovesIt) {
  Make();
  ASSERT_EQ(Told(), "ready");
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ui_->Close({});
  EXPECT_EQ(Told(), "closed");
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(AttachUiTest, RemovesItsSocketAlsoWhenItIsOnlyDestroyed) {
  Make();
  ASSERT_EQ(Told(), "ready");
  OnLoop(loop_, [this] { ui_.reset(); });
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(AttachUiTest, ReplacesTheSocketOfOneThatWasKilled) {
  { const Listener killed(path_); }
  ASSERT_TRUE(fs::exists(path_));
  EXPECT_TRUE(MakeWithClient());
}

TEST_F(AttachUiTest, RefusesTheAddressOfAnotherThatListens) {
  Listener other(path_);
  Make();
  EXPECT_EQ(Told(), "closed 70: cannot listen at unix:" + path_ +
                        ": another program listens there; choose another address");
  const Peer asked = other.Accept();
  EXPECT_TRUE(Connect()) << "the other still listens";
  ui_->Close({});
  OnLoop(loop_, [] {});
  EXPECT_TRUE(sink_.told.empty());
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(AttachUiTest, TakesABusyListenerForALivingOne) {
  const Listener other(path_, 0);  // its queue holds one client
  const Peer waiting = Connect();
  Make();
  EXPECT_THAT(Told(), StartsWith("closed 70: cannot listen at unix:" + path_));
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(AttachUiTest, DeletesNoFileThatIsNoSocket) {
  folder_.Write("app.sock", "precious");
  Make();
  EXPECT_THAT(Told(), HasSubstr("closed 70: cannot listen at unix:" + path_ +
                                ": a file of that name is there"));
  OnLoop(loop_, [this] { ui_.reset(); });
  EXPECT_EQ(folder_.Read("app.sock"), "precious");
}

TEST_F(AttachUiTest, SaysWhyItCannotListen) {
  SocketAddress address;
  address.path = folder_.path() + "/missing/app.sock";
  Make(address);
  EXPECT_THAT(Told(), HasSubstr("No such file or directory; choose another address"));
}

TEST_F(AttachUiTest, RefusesATcpPortThatIsTaken) {
  const Listener other;
  Make({SocketAddress::Kind::kTcp, "", "127.0.0.1", other.port()});
  EXPECT_THAT(Told(), HasSubstr("Address already in use; choose another address"));
}

TEST_F(AttachUiTest, ListensAtATcpPort) {
  const Result<HeldPort> held = HoldTcpPort();
  ASSERT_TRUE(held);
  Make({SocketAddress::Kind::kTcp, "", "localhost", held->port});
  ASSERT_EQ(Told(), "ready");
  Peer client(ConnectToPort(held->port));
  EXPECT_EQ(Told(), "connected");
  ASSERT_TRUE(client.Write(Framed("hello")));
  EXPECT_EQ(Told(), "packet hello");
}

TEST_F(AttachUiTest, ListensWhereItsAddressSays) {
  const Result<HeldPort> held = HoldTcpPort();
  ASSERT_TRUE(held);
  const SocketAddress address{SocketAddress::Kind::kTcp, "", "::1", held->port};
  Make(address);
  if (Told() != "ready") GTEST_SKIP() << "this machine has no IPv6";
  const Result<UniqueFd> client = TryConnect(address);
  EXPECT_TRUE(client);
  EXPECT_EQ(Told(), "connected");
}

}  // namespace
}  // namespace fletbridge::attach
