// The contract of common/transport/app_host.h, asserted for every transport. Each test starts
// the scenario of the same meaning in a process of its own (conformance_host) and then looks for
// what is left behind: processes, files, folders. Threads and descriptors are counted in there.
//
// "memory:pipe" is the reference implementation (tests/unit/support/pipe_host.h): what these tests
// ask for is what it does, with no process or socket in between.
//
// Two of the transports carry an app that they neither start nor ask to end. An app that is our
// parent ("attached:") sees its client go, and what it does then is its own matter: it has no
// deadlines of ours, its exit code is not told to us, and we could not have seen it end before it
// had started us. A packaged app ("bridge:ffi") ends with its window, and Python is not asked:
// os._exit() and sys.exit() in it end this very process, as in any app that `flet build` has made;
// its exit code comes where its program tells it, or has raised. Nothing makes it wait, since the
// ports of a Dart VM take everything.
#include <arpa/inet.h>
#include <cctype>
#include <cstdint>
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
      const std::string line = host.ReadLine();
      ASSERT_EQ(line.rfind("killme ", 0), 0U) << line;
      ASSERT_EQ(::kill(std::stoi(line.substr(7)), SIGKILL), 0);
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

// Those that end in ThreadContract are also run under ThreadSanitizer.
class TransportContract : public Contract {};    // every transport
class ThreadContract : public Contract {};       // every transport
class StageContract : public Contract {};        // those that start their app and ask it to end
class StageThreadContract : public Contract {};  // the same
class ExitContract : public Contract {};         // those that outlive their app
class ExitThreadContract : public Contract {};   // the same
class StallThreadContract : public Contract {};  // those that can make their app wait
class FloodThreadContract : public Contract {};  // those that cannot
class LeaveContract : public Contract {};        // those that do not ask their app to end
class ProcessContract : public Contract {};      // those whose app is a process of its own
class AnyPacketContract : public Contract {};    // those that carry whatever they are given
class WebContract : public Contract {};          // those whose app is a web server
class UnixContract : public Contract {};
class TcpContract : public Contract {};

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  const std::size_t colon = name.find(':');
  name[colon + 1] = static_cast<char>(std::toupper(name[colon + 1]));
  if (colon == 1) return "Stage" + name.erase(colon, 1);
  name[0] = static_cast<char>(std::toupper(name[0]));
  return name.erase(colon, 1);
}

// ---- Packets

TEST_P(ThreadContract, KeepsTheOrderOfPackets) { Holds("order"); }
TEST_P(TransportContract, CarriesPacketsOfNoneAndFewBytes) { Holds("sizes"); }
TEST_P(AnyPacketContract, CarriesSixteenMebibytes) { Holds("large"); }
TEST_P(AnyPacketContract, CarriesSixtyFourMebibytes) { Holds("largest"); }
TEST_P(AnyPacketContract, CarriesPacketsOfUnknownTypes) { Holds("types"); }
TEST_P(WebContract, CarriesAllThatTheWebServerTakes) { Holds("largest_of_web"); }
TEST_P(TransportContract, RefusesTooLargeAPacketToTheAppAndGoesOn) { Holds("refuses_to_app"); }
TEST_P(TransportContract, RefusesTooLargeAPacketToTheUiAndGoesOn) { Holds("refuses_to_ui"); }
TEST_P(ThreadContract, TakesPacketsFromManyThreads) { Holds("threads_to_app"); }
TEST_P(ThreadContract, DeliversPacketsOfManyThreadsOfTheApp) { Holds("threads_to_ui"); }
TEST_P(ThreadContract, CarriesBothWaysAtOnce) { Holds("both_ways"); }
TEST_P(ThreadContract, BoundsItsMemoryWithAStalledApp) { Holds("stalled_app"); }
TEST_P(StallThreadContract, BoundsTheAppsMemoryWithAStalledUi) { Holds("stalled_ui"); }
TEST_P(FloodThreadContract, LeavesAnAppThatSendsMoreThanAStalledUiTakes) { Holds("flooded_ui"); }
TEST_P(ThreadContract, LosesNothingWhenPausedAtAnyMoment) { Holds("pauses"); }

// ---- Life and end

TEST_P(ThreadContract, TellsTheLifeCycleOnceAndInOrder) { Holds("lives"); }
TEST_P(TransportContract, GivesTheExitCodeOfAnAppThatReturns) { Holds("exit_return"); }
TEST_P(TransportContract, GivesTheExitCodeOfSysExit) { Holds("exit_3"); }
TEST_P(TransportContract, GivesOneForAnAppThatRaises) { Holds("exit_raise"); }
TEST_P(ExitContract, GivesTheExitCodeOfOsExit) { Holds("exit_os"); }
TEST_P(ExitThreadContract, GivesTheExitCodeOfOsExitInAThread) { Holds("exit_os_thread"); }
TEST_P(ExitContract, GivesTheExitCodeOfSysExitInAHandler) { Holds("exit_handler"); }
TEST_P(TransportContract, GoesOnAfterSysExitInAThread) { Holds("exit_thread"); }
TEST_P(ExitThreadContract, DeliversWhatTheAppSentBeforeItsExit) { Holds("exit_in_flight"); }
TEST_P(ExitThreadContract, DeliversWhatTheAppSentBeforeItsExitToAPausedUi) { Holds("exit_paused"); }
TEST_P(StageContract, TellsOfAnAppThatExitsBeforeItListens) { Holds("exit_early"); }
TEST_P(StageContract, TellsOfAnAppThatRaisesBeforeItListens) { Holds("raise_early"); }
TEST_P(TransportContract, EndsAnAppThatNeverListens) { Holds("never_listens"); }
TEST_P(ThreadContract, StopsOnceWhenManyThreadsAsk) { Holds("stop_threads"); }
TEST_P(TransportContract, IsNeverStartedAfterItsUiHasClosed) { Holds("stop_first"); }
TEST_P(ThreadContract, StopsWhileItIsBeingStarted) { Holds("stop_start"); }
TEST_P(TransportContract, StopsBeforeTheAppListens) { Holds("stop_early"); }
TEST_P(StageThreadContract, LetsTheAppFinishItsOwnWork) { Holds("slow_end"); }
TEST_P(StageContract, EndsADeafAppAtASecondSignal) { Holds("stop_signals"); }
TEST_P(TransportContract, IgnoresAStopAfterTheExit) { Holds("stop_late"); }
TEST_P(StageContract, StopsAnAppThatHeedsNoSignalWithinItsDeadlines) { Holds("stop_deaf"); }
TEST_P(ThreadContract, StopsInTheMiddleOfTraffic) { Holds("stop_traffic"); }
TEST_P(LeaveContract, LeavesADeafAppAtOnce) { Holds("leaves_deaf"); }
TEST_P(LeaveContract, LeavesAtASignal) { Holds("leaves_signal"); }
TEST_P(TransportContract, StopsWithAFullQueue) { Holds("stop_full"); }
TEST_P(TransportContract, BeginsANewSession) { Holds("new_session"); }
TEST_P(ThreadContract, CarriesWhatIsSentRightAfterNewSession) { Holds("new_session_send"); }
TEST_P(ThreadContract, BeginsANewSessionWithAFullQueue) { Holds("new_session_full"); }
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
  const int on = 1;  // as the app's own server, which shares the port that is held for it
  ::setsockopt(stranger.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
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

const auto kStages = testing::Values("legacy:ws", "1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi",
                                     "streams:ffi", "memory:pipe");
const auto kOutliving =
    testing::Values("legacy:ws", "1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi", "streams:ffi",
                    "attached:uds", "attached:tcp", "memory:pipe");
const auto kEvery =
    testing::Values("legacy:ws", "1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi", "streams:ffi",
                    "attached:uds", "attached:tcp", "bridge:ffi", "memory:pipe");
// A web server takes messages of less than 16 MiB, and a WebSocket of Flet's drops what is of a
// type that it does not know.
const auto kAnyPacket =
    testing::Values("1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi", "streams:ffi", "attached:uds",
                    "attached:tcp", "bridge:ffi", "memory:pipe");

INSTANTIATE_TEST_SUITE_P(Every, TransportContract, kEvery, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, AnyPacketContract, kAnyPacket, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, WebContract, testing::Values("legacy:ws"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ThreadContract, kEvery, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, StageContract, kStages, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, StageThreadContract, kStages, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ExitContract, kOutliving, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ExitThreadContract, kOutliving, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, StallThreadContract, kOutliving, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, FloodThreadContract, testing::Values("bridge:ffi"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, LeaveContract,
                         testing::Values("attached:uds", "attached:tcp", "bridge:ffi"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, ProcessContract,
                         testing::Values("legacy:ws", "1:uds", "1:tcp", "attached:uds",
                                         "attached:tcp"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Every, UnixContract, testing::Values("1:uds", "2:uds"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, TcpContract, testing::Values("1:tcp", "2:tcp"), NameOf);

}  // namespace
}  // namespace fletbridge::conformance
