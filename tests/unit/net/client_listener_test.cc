#include "common/net/client_listener.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/peer.h"

namespace fletbridge {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// [1, {"session_id": nil}]
const std::string kRegistration = "\x92\x01\x81\xaasession_id\xc0";
// [2, {"id": 1}]
const std::string kPatch = "\x92\x02\x81\xa2id\x01";
const std::string kDataPacket("\1\0\0\0frame", 9);

class RecordingSink final : public ClientSessionSink {
 public:
  void OnPacket(Packet&& packet) override {
    if (!std::exchange(spoken_, true))
      told.Put("generation " + std::to_string(static_cast<int>(session->generation())));
    told.Put("packet " + std::string(packet.payload.text()));
  }
  void OnWritable() override { told.Put("writable"); }
  void OnRefused(const Error& why) override { told.Put("refused " + why.Line()); }
  void Take(std::unique_ptr<ClientSession> client) {
    session = std::move(client);
    spoken_ = false;
    told.Put("connected");
    session->Start(*this);
  }
  void OnGone(const Error& why) override { told.Put("disconnected: " + why.Line()); }

  Mailbox<std::string> told;
  std::unique_ptr<ClientSession> session;  // loop's thread

 private:
  bool spoken_ = false;
};

class ClientListenerTest : public testing::Test {
 protected:
  ClientListenerTest() {
    SetLogLevel(LogLevel::kError);
    loop_.Start();
  }
  ~ClientListenerTest() override {
    OnLoop(loop_, [this] {
      listener_.reset();
      sink_.session.reset();
    });
    SetLogLevel(LogLevel::kInfo);
  }

  void Make(Generation client = Generation::kUnknown,
            std::chrono::milliseconds registration = kRegistrationDeadline) {
    SocketAddress address;
    address.path = path_;
    listener_ = std::make_unique<ClientListener>(
        loop_, FlowLimits{}, address,
        [this](std::unique_ptr<ClientSession> session) { sink_.Take(std::move(session)); }, client,
        registration);
    const Result<> listens = OnLoop(loop_, [this] { return listener_->Listen(); });
    ASSERT_TRUE(listens) << listens.error().Line();
  }
  // A client that has said its first message.
  Peer Client(const std::string& first, int generation) {
    Peer client(ConnectToPath(path_));
    EXPECT_EQ(Told(), "connected");
    EXPECT_TRUE(client.Write(first));
    EXPECT_EQ(Told(), "generation " + std::to_string(generation));
    EXPECT_EQ(Told(), "packet " + kRegistration);
    return client;
  }
  void Send(std::string_view text, PacketType type = PacketType::kControl) {
    ASSERT_EQ(OnLoop(loop_,
                     [&] {
                       return sink_.session->Send({type, Buffer(text)});
                     }),
              SendResult::kAccepted);
  }
  std::string Told() { return sink_.told.Take().value_or("(nothing in time)"); }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/ui.sock";
  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<ClientListener> listener_;
};

TEST_F(ClientListenerTest, ServesAClientOfGeneration2) {
  Make();
  Peer client = Client(kRegistration, 2);
  Send(kPatch);
  Send(kDataPacket, PacketType::kData);  // has no place there
  Send(kPatch);
  EXPECT_EQ(client.Read(2 * kPatch.size()), kPatch + kPatch);
  client.Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
}

TEST_F(ClientListenerTest, ServesAClientOfGeneration3) {
  Make();
  Peer client = Client(Framed(kRegistration), 3);
  ASSERT_TRUE(client.Write(Framed(kDataPacket, PacketType::kData) + Framed(kPatch)));
  EXPECT_EQ(Told(), "packet " + kDataPacket);
  EXPECT_EQ(Told(), "packet " + kPatch);
  Send(kPatch);
  EXPECT_EQ(client.ReadFrame(), kPatch);
}

TEST_F(ClientListenerTest, ServesClientsOfBothGenerationsOneAfterTheOther) {
  Make();
  Client(kRegistration, 2).Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
  Peer second = Client(Framed(kRegistration), 3);
  Send(kDataPacket, PacketType::kData);
  EXPECT_EQ(second.ReadFrame(), kDataPacket);
}

TEST_F(ClientListenerTest, WritesNothingBeforeTheClientHasSpoken) {
  Make();
  Peer client(ConnectToPath(path_));
  EXPECT_EQ(Told(), "connected");
  Send(kPatch);
  ASSERT_TRUE(client.Write(kRegistration));
  EXPECT_EQ(client.Read(kPatch.size()), kPatch);
}

TEST_F(ClientListenerTest, TakesAGenerationThatIsKnown) {
  Make(Generation::kG2);
  Peer client(ConnectToPath(path_));
  EXPECT_EQ(Told(), "connected");
  EXPECT_EQ(OnLoop(loop_, [this] { return sink_.session->generation(); }), Generation::kG2);
  Send(kPatch);
  EXPECT_EQ(client.Read(kPatch.size()), kPatch);
}

TEST_F(ClientListenerTest, EndsTheSessionOfAClientOfGeneration2ThatIsNotToBeUnderstood) {
  Make();
  Peer client = Client(kRegistration, 2);
  ASSERT_TRUE(client.Write("\x92\x03" + std::string(1000, '\x91')));
  EXPECT_THAT(Told(), HasSubstr("nested deeper than 512 levels"));
  EXPECT_TRUE(client.SeesTheEnd());
}

TEST_F(ClientListenerTest, SendsAClientAwayWhoseSessionIsDestroyed) {
  Make();
  Peer client = Client(kRegistration, 2);
  OnLoop(loop_, [this] { sink_.session.reset(); });
  EXPECT_TRUE(client.SeesTheEnd());
  Client(kRegistration, 2);
}

TEST_F(ClientListenerTest, MayEndBeforeItsClient) {
  Make();
  Peer client = Client(kRegistration, 2);
  OnLoop(loop_, [this] { listener_.reset(); });
  EXPECT_TRUE(client.SeesTheEnd());
  EXPECT_EQ(OnLoop(loop_,
                   [this] {
                     return sink_.session->Send({PacketType::kControl, Buffer(kPatch)});
                   }),
            SendResult::kClosed);
}

TEST_F(ClientListenerTest, SendsAClientAwayThatDoesNotRegister) {
  Make(Generation::kUnknown, std::chrono::milliseconds(20));
  for (const std::string& said :
       {std::string(), Framed(kPatch), Framed(kRegistration).substr(0, 7)}) {
    Peer client(ConnectToPath(path_));
    ASSERT_EQ(Told(), "connected");
    ASSERT_TRUE(said.empty() || client.Write(said));
    std::string told = Told();
    while (told.starts_with("generation") || told.starts_with("packet")) told = Told();
    EXPECT_THAT(told, StartsWith("disconnected: the client did not register within"));
    EXPECT_TRUE(client.SeesTheEnd());
  }
}

TEST_F(ClientListenerTest, LeavesAClientThatHasRegisteredAllTheTimeItWants) {
  Make(Generation::kUnknown, std::chrono::milliseconds(1000));
  Peer client = Client(Framed(kRegistration), 3);
  EXPECT_FALSE(sink_.told.Take(std::chrono::milliseconds(1500)));
  ASSERT_TRUE(client.Write(Framed(kPatch)));
  EXPECT_EQ(Told(), "packet " + kPatch);
}

TEST_F(ClientListenerTest, TellsThatAClientHasGoneWhoseReceivingIsPaused) {
  Make();
  Peer client = Client(Framed(kRegistration), 3);
  OnLoop(loop_, [this] { sink_.session->PauseReceiving(); });
  client.Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
  OnLoop(loop_, [this] { sink_.session->ResumeReceiving(); });
  Client(Framed(kRegistration), 3);
}

// The loop's processor time.
std::chrono::nanoseconds SpentBy(EventLoop& loop) {
  return OnLoop(loop, [] {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
  });
}

TEST_F(ClientListenerTest, WaitsForDescriptorsWithoutSpinningAndSaysSoOnce) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers' own checks of pointers need descriptors";
  Make();
  SetLogLevel(LogLevel::kWarning);
  testing::internal::CaptureStderr();
  Peer client(ConnectToPath(path_));
  ASSERT_EQ(Told(), "connected");
  OnLoop(loop_, [this] { sink_.session.reset(); });
  const UniqueFd knocks(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::copy(path_.begin(), path_.end(), at.sun_path);
  ASSERT_EQ(::connect(knocks.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  const auto begin = SpentBy(loop_);
  EXPECT_FALSE(sink_.told.Take(std::chrono::milliseconds(700))) << "nobody can come";
  EXPECT_LT(SpentBy(loop_) - begin, std::chrono::milliseconds(200)) << "it spins";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(Told(), "connected") << "now it can";
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_THAT(said, HasSubstr("cannot take a client at unix:" + path_ + ": Too many open files"));
}

TEST_F(ClientListenerTest, RemovesItsFileWhenItCloses) {
  Make();
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  OnLoop(loop_, [this] { listener_->Close(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace fletbridge
