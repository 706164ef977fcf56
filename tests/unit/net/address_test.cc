#include "common/net/address.h"

#include <fcntl.h>
#include <functional>
#include <optional>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/cause.h"
#include "common/platform/linux/tcp_tables.h"
#include "tests/unit/config/temp_folder.h"
#include "tests/unit/support/peer.h"

namespace fletbridge {
namespace {

using platform::ConnectionInTables;
using platform::ListenerInTables;
using platform::OwnerOfConnection;
using platform::OwnerOfListener;
using platform::TcpEnd;
using platform::TcpEndOf;
using platform::TcpOwner;
using testing::HasSubstr;

std::string ParseError(std::string_view text) {
  const Result<SocketAddress> result = ParseSocketAddress(text);
  if (result) return "no error";
  EXPECT_EQ(result.error().code, Errc::kUsage);
  return result.error().Line();
}

TEST(SocketAddress, ReadsWhatItWrites) {
  for (const std::string text : {"unix:/run/app.sock", "unix:app.sock", "tcp:127.0.0.1:8550",
                                 "tcp:localhost:0", "tcp:[::1]:65535", "tcp:::1:80"}) {
    const Result<SocketAddress> address = ParseSocketAddress(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->Text(), text);
  }
}

TEST(SocketAddress, TellsHostFromPort) {
  const Result<SocketAddress> address = ParseSocketAddress("tcp:localhost:8550");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->kind, SocketAddress::Kind::kTcp);
  EXPECT_EQ(address->host, "localhost");
  EXPECT_EQ(address->port, 8550);
}

TEST(SocketAddress, SaysHowToWriteWhatItCannotRead) {
  for (const char* text : {"", "8550", "http://x", "/run/app.sock", "UNIX:/x"}) {
    EXPECT_EQ(ParseError(text), "cannot read the address \"" + std::string(text) +
                                    "\"; write unix:PATH or tcp:HOST:PORT");
  }
}

TEST(SocketAddress, WantsAPath) { EXPECT_THAT(ParseError("unix:"), HasSubstr("needs a path")); }

TEST(SocketAddress, RefusesAPathThatTheKernelWouldCut) {
  const std::string longest = "/" + std::string(kMaxSocketPath - 1, 'p');
  EXPECT_TRUE(ParseSocketAddress("unix:" + longest));
  EXPECT_THAT(ParseError("unix:" + longest + "p"),
              HasSubstr("has 108 bytes, limit 107; use a shorter one"));
}

TEST(SocketAddress, WantsAPort) {
  for (const char* text :
       {"tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1",
        "tcp:127.0.0.1:80x", "tcp:127.0.0.1: 80", "tcp:127.0.0.1:99999999999999999999"}) {
    EXPECT_EQ(ParseError(text),
              "no port in \"" + std::string(text) + "\"; write tcp:127.0.0.1:8550");
  }
}

TEST(SocketAddress, RefusesOtherMachines) {
  for (const char* host : {"0.0.0.0", "192.168.1.1", "example.org", "", "::"}) {
    EXPECT_THAT(ParseError("tcp:" + std::string(host) + ":80"), HasSubstr("is not this machine"))
        << host;
  }
}

UniqueFd BindAndListen(std::uint16_t port, bool reuse) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = reuse ? 1 : 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(fd.get(), 1) != 0) {
    fd.reset();
  }
  return fd;
}

TEST(HoldTcpPort, LetsAServerListenThatSharesItAndNoOther) {
  const Result<HeldPort> held = HoldTcpPort();
  ASSERT_TRUE(held);
  EXPECT_FALSE(BindAndListen(held->port, false));
  const UniqueFd server = BindAndListen(held->port, true);
  ASSERT_TRUE(server);
  EXPECT_TRUE(TryConnect({SocketAddress::Kind::kTcp, "", "localhost", held->port}));
}

TEST(HoldTcpPort, TheSystemGivesItsPortToNobodyElse) {
  const Result<HeldPort> held = HoldTcpPort();
  ASSERT_TRUE(held);
  std::vector<HeldPort> others;
  for (int i = 0; i < 200; ++i) {
    Result<HeldPort> other = HoldTcpPort();
    ASSERT_TRUE(other);
    EXPECT_NE(other->port, held->port);
    others.push_back(std::move(*other));
  }
}

TEST(TryConnect, ConnectsByPathAndByPort) {
  const TempFolder folder;
  const Listener at_path(folder.path() + "/s");
  SocketAddress address;
  address.path = folder.path() + "/s";
  EXPECT_TRUE(TryConnect(address));
  const Listener at_port;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    address = {SocketAddress::Kind::kTcp, "", host, at_port.port()};
    const Result<UniqueFd> fd = TryConnect(address);
    ASSERT_TRUE(fd) << host;
    EXPECT_NE(::fcntl(fd->get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST(TryConnect, GivesTheSystemsCauseWhenNobodyListens) {
  const TempFolder folder;
  SocketAddress address;
  address.path = folder.path() + "/s";
  EXPECT_EQ(TryConnect(address).error().code, boost::system::errc::no_such_file_or_directory);
  { const Listener gone(address.path); }
  EXPECT_EQ(TryConnect(address).error().code, boost::system::errc::connection_refused);
}

// Listens on the loopback, takes nobody, and has a queue that is full.
class FullListener {
 public:
  FullListener() : listener_(0) {
    for (int i = 0; i < 4; ++i) waiting_.push_back(Begin().socket);
  }
  Connecting Begin() {
    Result<Connecting> begun =
        BeginConnect({SocketAddress::Kind::kTcp, "", "127.0.0.1", listener_.port()});
    EXPECT_TRUE(begun);
    return begun ? std::move(*begun) : Connecting{};
  }

 private:
  Listener listener_;
  std::vector<UniqueFd> waiting_;
};

TEST(BeginConnect, NeverWaitsForAListenerWhoseQueueIsFull) {
  FullListener full;
  const Connecting one = full.Begin();
  EXPECT_TRUE(one.pending);
  EXPECT_FALSE(FinishConnect(one.socket.get())) << "it is not connected";
}

// A process that does `work` and then lives until the test lets it go.
class OtherProcess {
 public:
  // `work` returns a number, which the test gets.
  explicit OtherProcess(const std::function<int()>& work) {
    int answer[2];
    int life[2];
    EXPECT_EQ(::pipe2(answer, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(life, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(life[1]);
      const int number = work();
      char byte = 0;
      if (::write(answer[1], &number, sizeof number) != sizeof number) ::_exit(1);
      ::_exit(::read(life[0], &byte, 1) == 0 ? 0 : 1);  // until the test closes its end
    }
    ::close(answer[1]);
    ::close(life[0]);
    life_.reset(life[1]);
    EXPECT_EQ(::read(answer[0], &number_, sizeof number_), static_cast<ssize_t>(sizeof number_));
    ::close(answer[0]);
  }
  ~OtherProcess() {
    life_.reset();
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int number() const { return number_; }

 private:
  pid_t pid_ = -1;
  int number_ = -1;
  UniqueFd life_;
};

int ListenForever() {
  static Listener* const listener = new Listener;  // lives as long as its process
  return listener->port();
}

TEST(CheckUnixPeer, TellsWhoIsThere) {
  const auto [ours, peer] = UnixPair();
  const Result<pid_t> pid = CheckUnixPeer(ours.get());
  ASSERT_TRUE(pid);
  EXPECT_EQ(*pid, ::getpid());
}

TEST(CheckUnixPeer, TellsAnotherProcess) {
  const TempFolder folder;
  Listener listener(folder.path() + "/s");
  const OtherProcess other([&] { return ConnectToPath(folder.path() + "/s").release(); });
  const Peer accepted = listener.Accept();
  const Result<pid_t> pid = CheckUnixPeer(accepted.fd());
  ASSERT_TRUE(pid);
  EXPECT_EQ(*pid, other.pid());
}

TEST(CheckUnixPeer, RefusesWhatIsNoConnection) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(CheckUnixPeer(file.get()));
}

TEST(CheckUnixPeer, RefusesAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can play another user";
  const TempFolder folder;
  const std::string path = folder.path() + "/s";
  Listener listener(path);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  const OtherProcess other(
      [&] { return ::setuid(65534) == 0 ? ConnectToPath(path).release() : -1; });
  ASSERT_GE(other.number(), 0);
  const Peer accepted = listener.Accept();
  const Result<pid_t> pid = CheckUnixPeer(accepted.fd());
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().code, Errc::kUntrusted);
  EXPECT_THAT(pid.error().context, HasSubstr("runs as user 65534, not as 0: refused"));
}

TEST(CheckTcpClient, TrustsOurOwnUser) {
  const auto [ours, peer] = TcpPair();
  EXPECT_TRUE(CheckTcpClient(peer.fd()));
}

UniqueFd ConnectFrom(const char* address, std::uint16_t from, std::uint16_t to) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(from);
  ::inet_pton(AF_INET, address, &at.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return {};
  at.sin_port = htons(to);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return {};
  return fd;
}

TEST(CheckTcpClient, RefusesOneThatHasGoneWhateverListensAtItsPort) {
  for (const bool same_port : {false, true}) {
    Listener listener;
    UniqueFd client =
        ConnectFrom("127.0.0.2", same_port ? listener.port() : std::uint16_t{0}, listener.port());
    ASSERT_TRUE(client);
    const Peer accepted = listener.Accept();
    EXPECT_TRUE(CheckTcpClient(accepted.fd())) << "while it is there";
    client.reset();
    const Result<> result = CheckTcpClient(accepted.fd());
    ASSERT_FALSE(result) << "same port: " << same_port;
    EXPECT_EQ(result.error().code, Errc::kUntrusted);
    EXPECT_THAT(result.error().context, HasSubstr("cannot tell who holds the other end"));
  }
}

TEST(CheckTcpClient, RefusesOneThatWasResetBeforeItWasLookedAt) {
  Listener listener;
  UniqueFd client = ConnectToPort(listener.port());
  const Peer accepted = listener.Accept();
  const linger at_once{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.reset();
  EXPECT_FALSE(CheckTcpClient(accepted.fd()));
}

TEST(CheckTcpClient, KnowsAClientThatSpeaksIpv6ToAnIpv4Address) {
  Listener listener;
  const UniqueFd client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(listener.port());
  ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr), 1);
  if (::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    GTEST_SKIP() << "this machine has no IPv6";
  EXPECT_TRUE(CheckTcpClient(listener.Accept().fd()));
}

TEST(CheckTcpClient, RefusesAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can play another user";
  Listener listener;
  const OtherProcess stranger(
      [&] { return ::setuid(65534) == 0 ? ConnectToPort(listener.port()).release() : -1; });
  ASSERT_GE(stranger.number(), 0);
  const Result<> result = CheckTcpClient(listener.Accept().fd());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().context, HasSubstr("held by user 65534, not by 0: refused"));
}

TEST(CheckTcpPeer, TrustsOurOwnUserOnBothEnds) {
  const auto [ours, peer] = TcpPair();
  EXPECT_TRUE(CheckTcpPeer(ours.get(), 0));
  EXPECT_TRUE(CheckTcpPeer(ours.get(), ::getpid()));
  EXPECT_TRUE(CheckTcpPeer(peer.fd(), 0));
}

TEST(CheckTcpPeer, TrustsAConnectionThatWasNotAcceptedYet) {
  const Listener listener;
  const UniqueFd fd = ConnectToPort(listener.port());
  EXPECT_TRUE(CheckTcpPeer(fd.get(), ::getpid()));
}

TEST(CheckTcpPeer, TrustsTheProcessWeStartedAndWhatItStarted) {
  const OtherProcess child([] { return ListenForever(); });
  const UniqueFd to_child = ConnectToPort(static_cast<std::uint16_t>(child.number()));
  EXPECT_TRUE(CheckTcpPeer(to_child.get(), child.pid()));

  const OtherProcess parent([] {
    static OtherProcess* const grandchild = new OtherProcess([] { return ListenForever(); });
    return grandchild->number();
  });
  const UniqueFd to_grandchild = ConnectToPort(static_cast<std::uint16_t>(parent.number()));
  EXPECT_TRUE(CheckTcpPeer(to_grandchild.get(), parent.pid()));
}

TEST(CheckTcpPeer, RefusesAListenerOfAProcessThatWeDidNotStart) {
  const OtherProcess ours([] { return 0; });
  const OtherProcess stranger([] { return ListenForever(); });
  const UniqueFd fd = ConnectToPort(static_cast<std::uint16_t>(stranger.number()));
  const Result<> result = CheckTcpPeer(fd.get(), ours.pid());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kUntrusted);
  EXPECT_THAT(result.error().context, HasSubstr("a process that we did not start"));
  EXPECT_TRUE(CheckTcpPeer(fd.get(), 0));
}

TEST(CheckTcpPeer, RefusesAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can play another user";
  const OtherProcess stranger([] { return ::setuid(65534) == 0 ? ListenForever() : 0; });
  const UniqueFd fd = ConnectToPort(static_cast<std::uint16_t>(stranger.number()));
  ASSERT_TRUE(fd);
  const Result<> result = CheckTcpPeer(fd.get(), 0);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().context, HasSubstr("held by user 65534, not by 0: refused"));
}

TEST(CheckTcpPeer, TakesNoOtherListenersWordForOneThatHasGone) {
  // Somebody listens at the same port of another address; the peer itself has closed.
  UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  ::inet_pton(AF_INET, "127.0.0.3", &at.sin_addr);
  Listener listener;
  at.sin_port = htons(listener.port());
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const UniqueFd fd = ConnectToPort(listener.port());
  listener.Accept().Close();
  const Result<> result = CheckTcpPeer(fd.get(), 0);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kPeerGone) << "another attempt may find who is there";
}

sockaddr_storage NameOf(int fd, int (*name)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(name(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address;
}

TEST(CheckTcp, WithoutADescriptorNobodyIsCalledAStranger) {
  Listener listener;
  const UniqueFd client = ConnectToPort(listener.port());
  const Peer accepted = listener.Accept();
  ASSERT_TRUE(CheckTcpPeer(client.get(), ::getpid()));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  // Where a sanitizer looks on, it needs descriptors of its own to look at a kind of object first.
  ASSERT_THAT(CauseAndRemedy(EMFILE, {}), HasSubstr("Too many open files"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Result<> peer = CheckTcpPeer(client.get(), ::getpid());
  const Result<> served = CheckTcpClient(client.get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (const Result<>& told : {peer, served}) {
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, boost::system::errc::too_many_files_open);
    EXPECT_THAT(told.error().context, HasSubstr("raise its limit with ulimit -n"));
  }
}

TEST(TcpOwner, TheKernelsAnswerAndItsTablesAgree) {
  Listener listener;
  const UniqueFd client = ConnectToPort(listener.port());
  const TcpEnd near = TcpEndOf(NameOf(client.get(), &::getsockname));
  const TcpEnd far = TcpEndOf(NameOf(client.get(), &::getpeername));
  const auto same = [](const boost::system::result<std::optional<TcpOwner>>& found,
                       const boost::system::result<std::optional<TcpOwner>>& in_tables) {
    ASSERT_TRUE(found && *found && in_tables && *in_tables);
    const TcpOwner& a = **found;
    const TcpOwner& b = **in_tables;
    EXPECT_EQ(a.uid, b.uid);
    EXPECT_EQ(a.inode, b.inode);
    EXPECT_EQ(a.state, b.state);
  };
  same(OwnerOfConnection(near, far), ConnectionInTables(near, far));
  same(OwnerOfListener(far), ListenerInTables(far));
  EXPECT_EQ(OwnerOfConnection(near, far).value()->uid, ::geteuid());
  EXPECT_NE(OwnerOfConnection(near, far).value()->inode, 0u);
  // Before it is accepted, and after.
  same(OwnerOfConnection(far, near), ConnectionInTables(far, near));
  EXPECT_EQ(OwnerOfConnection(far, near).value()->inode, 0u);
  const Peer accepted = listener.Accept();
  same(OwnerOfConnection(far, near), ConnectionInTables(far, near));
  EXPECT_NE(OwnerOfConnection(far, near).value()->inode, 0u);
  // Neither knows a connection that is not there, whoever listens.
  TcpEnd nobody = near;
  nobody.address = {127, 0, 0, 9};
  EXPECT_FALSE(OwnerOfConnection(far, nobody).value());
  EXPECT_FALSE(ConnectionInTables(far, nobody).value());
  EXPECT_FALSE(OwnerOfListener(near).value());
  EXPECT_FALSE(ListenerInTables(near).value());
}

}  // namespace
}  // namespace fletbridge
