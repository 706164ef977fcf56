// The contract of common/transport/app_transport.h, asserted for every transport. Each test starts
// the scenario of the same meaning in a process of its own (conformance_host) and then looks for
// what is left behind: processes, files, folders. Threads and descriptors are counted in there.
#include <arpa/inet.h>
#include <cstring>
#include <functional>
#include <netinet/in.h>
#include <signal.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/conformance/host_process.h"

namespace fletbridge::conformance {
namespace {

class Contract : public testing::TestWithParam<const char*> {
 protected:
  Contract() { AdoptOrphans(); }

  void ExpectNothingLeft() {
    EXPECT_TRUE(AwaitNoProcesses()) << "a process is left behind";
    EXPECT_EQ(folder_.Listing(), "") << "files are left behind";
  }

  void Holds(const std::string& scenario) {
    HostProcess host(GetParam(), scenario, folder_);
    EXPECT_EQ(host.Wait(), 0);
    ExpectNothingLeft();
  }

  // Kills the host at the step that the scenario brings it to. Whatever runs next sweeps what such
  // a death must leave.
  void KillHost(const std::string& scenario) {
    {
      HostProcess host(GetParam(), scenario, folder_);
      ASSERT_EQ(host.ReadLine(), "killme");
      host.Kill();
      EXPECT_EQ(host.Wait(), 128 + SIGKILL);
    }
    EXPECT_TRUE(AwaitNoProcesses()) << "a process is left behind";
    if (scenario == "at_start") {
      Holds("lives");
    } else {
      ExpectNothingLeft();
    }
  }

  PrivateFolder folder_;
};

class TransportContract : public Contract {};  // every transport
class ThreadContract : public Contract {};     // every transport; also run under ThreadSanitizer
class ProcessContract : public Contract {};    // those whose app is a process of its own
class UnixContract : public Contract {};
class TcpContract : public Contract {};

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  std::string name = std::string("Stage") + info.param;
  name.replace(name.find(':'), 1, "");
  return name;
}

// ---- Packets

TEST_P(ThreadContract, KeepsTheOrderOfPackets) { Holds("order"); }
TEST_P(TransportContract, CarriesPacketsOfNoneAndFewBytes) { Holds("sizes"); }
TEST_P(TransportContract, CarriesSixteenMebibytes) { Holds("large"); }
TEST_P(TransportContract, CarriesSixtyFourMebibytes) { Holds("largest"); }
TEST_P(TransportContract, CarriesPacketsOfUnknownTypes) { Holds("types"); }
TEST_P(TransportContract, RefusesTooLargeAPacketToTheAppAndGoesOn) { Holds("refuses_to_app"); }
TEST_P(TransportContract, RefusesTooLargeAPacketToTheUiAndGoesOn) { Holds("refuses_to_ui"); }
TEST_P(ThreadContract, TakesPacketsFromManyThreads) { Holds("threads_to_app"); }
TEST_P(ThreadContract, DeliversPacketsOfManyThreadsOfTheApp) { Holds("threads_to_ui"); }
TEST_P(ThreadContract, CarriesBothWaysAtOnce) { Holds("both_ways"); }
TEST_P(ThreadContract, BoundsItsMemoryWithAStalledApp) { Holds("stalled_app"); }
TEST_P(ThreadContract, BoundsTheAppsMemoryWithAStalledUi) { Holds("stalled_ui"); }
TEST_P(ThreadContract, LosesNothingWhenPausedAtAnyMoment) { Holds("pauses"); }

// ---- Life and end

TEST_P(ThreadContract, TellsTheLifeCycleOnceAndInOrder) { Holds("lives"); }
TEST_P(TransportContract, GivesTheExitCodeOfAnAppThatReturns) { Holds("exit_return"); }
TEST_P(TransportContract, GivesTheExitCodeOfSysExit) { Holds("exit_3"); }
TEST_P(TransportContract, GivesOneForAnAppThatRaises) { Holds("exit_raise"); }
TEST_P(TransportContract, GivesTheExitCodeOfOsExit) { Holds("exit_os"); }
TEST_P(ThreadContract, GivesTheExitCodeOfOsExitInAThread) { Holds("exit_os_thread"); }
TEST_P(TransportContract, GivesTheExitCodeOfSysExitInAHandler) { Holds("exit_handler"); }
TEST_P(TransportContract, GoesOnAfterSysExitInAThread) { Holds("exit_thread"); }
TEST_P(ThreadContract, DeliversWhatTheAppSentBeforeItsExit) { Holds("exit_in_flight"); }
TEST_P(TransportContract, TellsOfAnAppThatExitsBeforeItListens) { Holds("exit_early"); }
TEST_P(TransportContract, TellsOfAnAppThatRaisesBeforeItListens) { Holds("raise_early"); }
TEST_P(TransportContract, EndsAnAppThatNeverListens) { Holds("never_listens"); }
TEST_P(ThreadContract, StopsOnceWhenManyThreadsAsk) { Holds("stop_threads"); }
TEST_P(TransportContract, IsNeverStartedAfterItsUiHasClosed) { Holds("stop_first"); }
TEST_P(ThreadContract, StopsWhileItIsBeingStarted) { Holds("stop_start"); }
TEST_P(TransportContract, StopsBeforeTheAppListens) { Holds("stop_early"); }
TEST_P(ThreadContract, LetsTheAppFinishItsOwnWork) { Holds("slow_end"); }
TEST_P(TransportContract, EndsADeafAppAtASecondSignal) { Holds("stop_signals"); }
TEST_P(TransportContract, IgnoresAStopAfterTheExit) { Holds("stop_late"); }
TEST_P(TransportContract, StopsAnAppThatHeedsNoSignalWithinItsDeadlines) { Holds("stop_deaf"); }
TEST_P(ThreadContract, StopsInTheMiddleOfTraffic) { Holds("stop_traffic"); }
TEST_P(TransportContract, StopsWithAFullQueue) { Holds("stop_full"); }
TEST_P(TransportContract, BeginsANewSession) { Holds("new_session"); }
TEST_P(ThreadContract, CarriesWhatIsSentRightAfterNewSession) { Holds("new_session_send"); }
TEST_P(ThreadContract, KeepsPacketsOfAnOldSessionOutOfTheNew) { Holds("new_session_traffic"); }

// ---- Killed

TEST_P(TransportContract, LeavesNothingWhenTheHostIsKilledBeforeTheAppListens) {
  KillHost("at_start");
}
TEST_P(TransportContract, LeavesNothingWhenTheHostIsKilledOnceConnected) {
  KillHost("at_connected");
}
TEST_P(TransportContract, LeavesNothingWhenTheHostIsKilledInTraffic) { KillHost("at_traffic"); }
TEST_P(TransportContract, LeavesNothingWhenTheHostIsKilledInAPacketToTheUi) {
  KillHost("at_half_to_ui");
}
TEST_P(TransportContract, LeavesNothingWhenTheHostIsKilledInAPacketToTheApp) {
  KillHost("at_half_to_app");
}
TEST_P(ProcessContract, TellsOnceThatTheAppWasKilledBeforeItListened) { Holds("kill_app_start"); }
TEST_P(ProcessContract, TellsOnceThatTheConnectedAppWasKilled) { Holds("kill_app_connected"); }
TEST_P(ProcessContract, TellsOnceThatTheAppWasKilledInTraffic) { Holds("kill_app_traffic"); }
TEST_P(ProcessContract, TellsOnceThatTheAppWasKilledInAPacketToTheUi) {
  Holds("kill_app_half_to_ui");
}
TEST_P(ProcessContract, TellsOnceThatTheAppWasKilledInAPacketToTheApp) {
  Holds("kill_app_half_to_app");
}

// ---- Strangers

TEST_P(TcpContract, RefusesAListenerThatIsNotTheApp) {
  HostProcess host(GetParam(), "stranger", folder_);
  const std::string line = host.ReadLine();
  ASSERT_EQ(line.rfind("port ", 0), 0U) << line;
  const UniqueFd stranger(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(line.substr(5))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(stranger.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  ASSERT_EQ(::listen(stranger.get(), 8), 0);
  host.Answer();
  EXPECT_EQ(host.Wait(), 0);
  ExpectNothingLeft();
}

TEST_P(UnixContract, RefusesAListenerOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can start a listener of another user";
  HostProcess host(GetParam(), "stranger", folder_);
  const std::string line = host.ReadLine();
  ASSERT_EQ(line.rfind("path ", 0), 0U) << line;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, line.c_str() + 5, sizeof address.sun_path - 1);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    constexpr uid_t kNobody = 65534;
    // The kernel notes who listens, not who binds.
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::setuid(kNobody) != 0 || ::listen(fd, 8) != 0) {
      ::_exit(1);
    }
    for (;;) ::pause();
  }
  host.Answer();
  EXPECT_EQ(host.Wait(), 0);
  ::kill(stranger, SIGKILL);
  ExpectNothingLeft();
}

constexpr const char* kEvery[] = {"1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi"};

INSTANTIATE_TEST_SUITE_P(Every, TransportContract, testing::ValuesIn(kEvery), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ThreadContract, testing::ValuesIn(kEvery), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ProcessContract, testing::Values("1:uds", "1:tcp"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UnixContract, testing::Values("1:uds", "2:uds"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, TcpContract, testing::Values("1:tcp", "2:tcp"), NameOf);

}  // namespace
}  // namespace fletbridge::conformance
