#include "common/net/client_leg.h"

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

class RecordingSink final : public ClientLegSink {
 public:
  void OnPacket(Packet&& packet) override {
    told.Put("packet " + std::string(packet.payload.text()));
  }
  void OnWritable() override { told.Put("writable"); }
  void OnRefused(const Error& why) override { told.Put("refused " + why.Line()); }
  void OnConnected() override { told.Put("connected"); }
  void OnGeneration(Generation client) override {
    told.Put("generation " + std::to_string(static_cast<int>(client)));
  }
  void OnDisconnected(const Error& why) override { told.Put("disconnected: " + why.Line()); }

  Mailbox<std::string> told;
};

class ClientLegTest : public testing::Test {
 protected:
  ClientLegTest() {
    SetLogLevel(LogLevel::kError);
    loop_.Start();
  }
  ~ClientLegTest() override {
    OnLoop(loop_, [this] { leg_.reset(); });
    SetLogLevel(LogLevel::kInfo);
  }

  void Make(Generation app, Generation client = Generation::kUnknown,
            std::chrono::milliseconds registration = kRegistrationDeadline) {
    SocketAddress address;
    address.path = path_;
    leg_ =
        std::make_unique<ClientLeg>(loop_, FlowLimits{}, address, app, sink_, client, registration);
    const Result<> listens = OnLoop(loop_, [this] { return leg_->Listen(); });
    ASSERT_TRUE(listens) << listens.error().Line();
  }
  // A client that has said its first message.
  Peer Client(const std::string& first, int generation) {
    Peer client(ConnectToPath(path_));
    EXPECT_EQ(Told(), "connected");
    EXPECT_TRUE(client.Write(first));
    EXPECT_EQ(Told(), "generation " + std::to_string(generation));
    EXPECT_EQ(Told(), "packet " + kRegistration);
    EXPECT_EQ(static_cast<int>(leg_->client_generation()), generation);
    return client;
  }
  void Send(std::string_view text, PacketType type = PacketType::kControl) {
    ASSERT_EQ(leg_->Send(Packet{type, Buffer(text)}), SendResult::kAccepted);
  }
  std::string Told() { return sink_.told.Take().value_or("(nothing in time)"); }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/ui.sock";
  RecordingSink sink_;
  EventLoop loop_;
  std::unique_ptr<ClientLeg> leg_;
};

TEST_F(ClientLegTest, ServesAClientOfGeneration2ForAnAppOf3) {
  Make(Generation::kG3);
  Peer client = Client(kRegistration, 2);
  Send(kPatch);
  Send(kDataPacket, PacketType::kData);  // has no place there
  Send("\x92\x07\x80");                  // python_output: neither
  Send(kPatch);
  EXPECT_EQ(client.Read(2 * kPatch.size()), kPatch + kPatch);
  client.Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
}

TEST_F(ClientLegTest, ServesAClientOfGeneration3ForAnAppOf2) {
  Make(Generation::kG2);
  Peer client = Client(Framed(kRegistration), 3);
  ASSERT_TRUE(client.Write(Framed(kDataPacket, PacketType::kData) + Framed(kPatch)));
  EXPECT_EQ(Told(), "packet " + kPatch) << "the app gets no data packet";
  Send(kPatch);
  EXPECT_EQ(client.ReadFrame(), kPatch);
}

TEST_F(ClientLegTest, ServesClientsOfBothGenerationsOneAfterTheOther) {
  Make(Generation::kG3);
  Client(kRegistration, 2).Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
  Peer second = Client(Framed(kRegistration), 3);
  Send(kDataPacket, PacketType::kData);
  EXPECT_EQ(second.ReadFrame(), kDataPacket) << "nothing is translated";
}

TEST_F(ClientLegTest, WritesNothingBeforeTheClientHasSpoken) {
  Make(Generation::kG2);
  Peer client(ConnectToPath(path_));
  EXPECT_EQ(Told(), "connected");
  Send(kPatch);
  ASSERT_TRUE(client.Write(kRegistration));
  EXPECT_EQ(client.Read(kPatch.size()), kPatch);
}

TEST_F(ClientLegTest, TakesAGenerationThatIsKnown) {
  Make(Generation::kG3, Generation::kG2);
  Peer client(ConnectToPath(path_));
  EXPECT_EQ(Told(), "connected");
  EXPECT_EQ(Told(), "generation 2");
  Send(kPatch);
  EXPECT_EQ(client.Read(kPatch.size()), kPatch);
}

TEST_F(ClientLegTest, EndsTheSessionOfAClientWhoseMessageIsNone) {
  Make(Generation::kG2);
  Peer client = Client(Framed(kRegistration), 3);
  ASSERT_TRUE(client.Write(Framed(kPatch + "rest") + Framed(kPatch)));
  EXPECT_THAT(Told(), HasSubstr("disconnected: the client sent a malformed message"));
  EXPECT_TRUE(client.SeesTheEnd());
  Client(kRegistration, 2);
}

TEST_F(ClientLegTest, EndsTheSessionOfAClientOfGeneration2ThatIsNotToBeUnderstood) {
  Make(Generation::kG3);
  Peer client = Client(kRegistration, 2);
  ASSERT_TRUE(client.Write("\x92\x03" + std::string(1000, '\x91')));
  EXPECT_THAT(Told(), HasSubstr("nested deeper than 512 levels"));
  EXPECT_TRUE(client.SeesTheEnd());
}

TEST_F(ClientLegTest, RefusesAMalformedMessageOfTheAppAndGoesOn) {
  Make(Generation::kG3);
  Peer client = Client(kRegistration, 2);
  Send("\x92");
  Send(kPatch);
  EXPECT_THAT(Told(), HasSubstr("refused the app sent a malformed message"));
  EXPECT_EQ(client.Read(kPatch.size()), kPatch);
}

TEST_F(ClientLegTest, SendsItsClientAway) {
  Make(Generation::kG3);
  EXPECT_FALSE(OnLoop(loop_, [this] { return leg_->DisconnectClient(); }));
  Peer client = Client(kRegistration, 2);
  EXPECT_TRUE(leg_->has_client());
  EXPECT_TRUE(OnLoop(loop_, [this] { return leg_->DisconnectClient(); }));
  EXPECT_TRUE(client.SeesTheEnd());
  EXPECT_FALSE(leg_->has_client());
  Client(kRegistration, 2);
}

TEST_F(ClientLegTest, SendsAClientAwayThatDoesNotRegister) {
  Make(Generation::kG3, Generation::kUnknown, std::chrono::milliseconds(20));
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

TEST_F(ClientLegTest, LeavesAClientThatHasRegisteredAllTheTimeItWants) {
  Make(Generation::kG3, Generation::kUnknown, std::chrono::milliseconds(1000));
  Peer client = Client(Framed(kRegistration), 3);
  EXPECT_FALSE(sink_.told.Take(std::chrono::milliseconds(1500)));
  ASSERT_TRUE(client.Write(Framed(kPatch)));
  EXPECT_EQ(Told(), "packet " + kPatch);
}

TEST_F(ClientLegTest, TellsThatAClientHasGoneWhoseReceivingIsPaused) {
  Make(Generation::kG3);
  Peer client = Client(Framed(kRegistration), 3);
  leg_->PauseReceiving();
  client.Close();
  EXPECT_THAT(Told(), StartsWith("disconnected"));
  leg_->ResumeReceiving();
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

TEST_F(ClientLegTest, WaitsForDescriptorsWithoutSpinningAndSaysSoOnce) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers' own checks of pointers need descriptors";
  Make(Generation::kG3);
  SetLogLevel(LogLevel::kWarning);
  testing::internal::CaptureStderr();
  Peer client(ConnectToPath(path_));
  ASSERT_EQ(Told(), "connected");
  OnLoop(loop_, [this] { return leg_->DisconnectClient(); });
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

TEST_F(ClientLegTest, RemovesItsFileWhenItCloses) {
  Make(Generation::kG3);
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  OnLoop(loop_, [this] { leg_->Close(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace fletbridge
