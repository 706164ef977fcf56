// The contract of a libdart_bridge.so, asserted for ours and for flet-dev's original. Each test
// starts the case of the same meaning in a process of its own (bridge_host) and then looks for what
// is left behind: processes, files. The cases bear the numbers of the behaviour reference for
// drop-in libraries; names of their own are ours.
//
// Effects of a call are awaited, never assumed on its return, so that both libraries pass. Where
// the original misbehaves, the comment says how, and its test asserts that, or leaves it out by
// name where it would hang or crash. Not here: 68 and 69, which want a real Dart VM and have tests
// of their own, and 70, which wants a Dart SDK.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <signal.h>
#include <sstream>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/conformance/host_process.h"

namespace fletbridge::bridge_test {
namespace {

using conformance::AdoptOrphans;
using conformance::AwaitNoProcesses;
using conformance::HostProcess;
using conformance::PrivateFolder;

constexpr int kAbsentStatus = 125;  // bridge_host: the original is older than what the case needs

std::string OriginalPath() {
  const char* named = std::getenv("FLETBRIDGE_ORIGINAL");
  return named != nullptr ? named : BRIDGE_ORIGINAL;
}

// Why the original cannot be asked here; "" if it can.
std::string WhyNoOriginal() {
  if (::access(OriginalPath().c_str(), R_OK) != 0) {
    return "no original library at " + OriginalPath() + "; name one by FLETBRIDGE_ORIGINAL";
  }
#ifdef BRIDGE_SANITIZED
  return "the original is not instrumented: a sanitizer would see nothing";
#else
  // It is linked to one version of libpython.
  static const std::string why = [] {
    if (::dlopen(OriginalPath().c_str(), RTLD_LAZY | RTLD_LOCAL) != nullptr) return std::string();
    const char* error = ::dlerror();
    return "the original cannot be opened here: " + std::string(error != nullptr ? error : "");
  }();
  return why;
#endif
}

struct Seen {
  int status = 0;
  std::string lines;
};

// A suite's parameter is the library: "original" or "ours".
class Bridge : public testing::TestWithParam<const char*> {
 protected:
  Bridge() { AdoptOrphans(); }

  static bool IsOriginal(const std::string& which) { return which == "original"; }

  static Seen RunCase(const std::string& which, const std::string& name) {
    Seen seen;
    {
      const PrivateFolder folder;
      const std::string path = IsOriginal(which) ? OriginalPath() : BRIDGE_OURS;
      HostProcess host(which + ":" + path, name, folder);
      for (std::string line; !(line = host.ReadLine()).empty();) seen.lines += line + "\n";
      seen.status = host.Wait();
    }
    EXPECT_TRUE(AwaitNoProcesses()) << "a process is left behind";
    return seen;
  }

  void Holds(const std::string& name, int status = 0) {
    const std::string which = GetParam();
    if (IsOriginal(which) && !WhyNoOriginal().empty()) GTEST_SKIP() << WhyNoOriginal();
    Seen seen = RunCase(which, name);
    if (IsOriginal(which) && seen.status == 128 + SIGALRM) {
      // Seen once in some hundred runs: its program's end hangs after the case has said all.
      std::puts("the original hung; asked once more");
      seen = RunCase(which, name);
    }
    if (IsOriginal(which) && seen.status == kAbsentStatus) {
      GTEST_SKIP() << "the original is left out: " << seen.lines;
    }
    if (seen.status == 128 + SIGALRM) ADD_FAILURE() << "it did not end within its deadline";
    EXPECT_EQ(seen.status, status) << seen.lines;
    std::fputs(seen.lines.c_str(), stdout);
  }

  // `why`: what the original does that no test may go through.
  void HoldsOnOurs(const std::string& name, const char* why) {
    if (IsOriginal(GetParam())) GTEST_SKIP() << "the original is left out: " << why;
    Holds(name);
  }
};

class BridgeContract : public Bridge {};
class BridgeThreads : public Bridge {};  // also run under the thread sanitizer
class OurBridge : public Bridge {};      // what only ours promises
class OurThreads : public Bridge {};     // the same, also under the thread sanitizer

// ---- Before the first run, and starting

TEST_P(BridgeContract, SaysThatNothingIsUpBeforeTheFirstRun) { Holds("1"); }
TEST_P(BridgeContract, SignalAndEndDoNothingBeforeTheFirstRun) { Holds("2"); }
TEST_P(BridgeContract, RefusesTablesOfOtherMajorVersions) { Holds("3"); }
TEST_P(BridgeContract, TakesATableWithoutFunctionsAndDoesNotSend) { Holds("4"); }
TEST_P(BridgeContract, PostsByTheNewestTable) { Holds("5"); }
TEST_P(BridgeContract, RefusesToRunWithoutAConfiguration) { Holds("6"); }
TEST_P(BridgeContract, RegistersExtensionsForTheNextRuns) { Holds("7"); }
TEST_P(BridgeContract, RunsAScriptAndIsDown) { Holds("8"); }
TEST_P(BridgeContract, GivesOneAndATracebackForAScriptThatRaises) { Holds("9"); }
TEST_P(BridgeContract, GivesOneForASyntaxError) { Holds("10"); }
TEST_P(BridgeContract, EndsTheProcessWithTheStatusOfSystemExit) { Holds("11", 3); }
TEST_P(BridgeContract, EndsTheProcessAndPostsNothingAfterSysExit) { Holds("12", 4); }
TEST_P(BridgeContract, GivesOneForMissingSources) { Holds("13"); }
TEST_P(BridgeContract, RunsAFileAsMainWithTheProgramsName) { Holds("14"); }
TEST_P(BridgeContract, PutsModulePathsFirst) { Holds("15"); }
// 1.4.1 writes both into generated source, where they break it: code 1.
TEST_P(BridgeContract, StartsWithBackslashesAndQuotesInNames) { Holds("16"); }
// 1.4.1 repeats the path and takes no notice of .pth files.
TEST_P(BridgeContract, ListsAModulePathOnceAndReadsItsPthFiles) { Holds("17"); }
TEST_P(BridgeContract, GivesOneForACompiledFile) { Holds("18"); }
TEST_P(BridgeContract, SetsAsManyVariablesAsThereAreValues) { Holds("19"); }
// 1.4.1 runs on when a variable cannot be set.
TEST_P(BridgeContract, DoesNotRunWhenAVariableCannotBeSet) { Holds("20"); }
TEST_P(BridgeThreads, PostsTheEndOfAnAsynchronousRunOnce) { Holds("21"); }
TEST_P(BridgeContract, PostsOneForAnAsynchronousRunThatRaises) { Holds("22"); }
TEST_P(BridgeContract, PostsNothingForASynchronousRun) { Holds("23"); }
TEST_P(BridgeThreads, CopiesItsConfigurationBeforeRunReturns) { Holds("24"); }
TEST_P(BridgeContract, RunsTwiceInAFreshMain) { Holds("25"); }
TEST_P(BridgeContract, WaitsForThreadsThatAreNoDaemons) { Holds("26"); }
TEST_P(BridgeContract, DeliversWhatAtExitSends) { Holds("27"); }
TEST_P(BridgeThreads, TellsDownThenNoHandlerThenTakenInAColdStart) { Holds("28"); }

// ---- Messages to Python

TEST_P(BridgeThreads, CopiesBytesBeforeEnqueueReturns) { Holds("29"); }
TEST_P(BridgeContract, DeliversAnEmptyMessageWithoutData) { Holds("30"); }
// The original delivers a bytes object that nobody has filled, and says 0.
TEST_P(BridgeContract, RefusesALengthWithoutData) { Holds("31"); }
TEST_P(BridgeContract, RefusesImpossibleLengths) { Holds("32"); }
TEST_P(BridgeContract, RefusesPortsWithoutAHandler) { Holds("33"); }
TEST_P(BridgeContract, PrintsWhatAHandlerRaisesAndGoesOn) { Holds("34"); }
// In the original the caller goes through Python's exit and waits there for the parked program.
TEST_P(BridgeContract, PrintsSystemExitOfAHandlerAndGoesOn) {
  HoldsOnOurs("35", "its caller never returns");
}
TEST_P(BridgeThreads, KeepsTheOrderOfAThousandMessages) { Holds("36"); }
// The original calls one port's handler twice at once, on two callers' threads.
TEST_P(BridgeThreads, CallsOneHandlerAtATime) { Holds("37"); }
TEST_P(BridgeThreads, CallsOnlyTheNewestHandlerOfAPort) { Holds("38"); }
TEST_P(BridgeContract, LetsAHandlerRemoveItself) { Holds("39"); }
TEST_P(BridgeContract, ChecksPortsAndHandlers) { Holds("40"); }
// The original writes to freed memory when the old handler's end unregisters its port.
TEST_P(BridgeContract, SurvivesAHandlerThatUnregistersItsPortWhenItDies) {
  HoldsOnOurs("41", "it writes to freed memory");
}

// ---- Messages from Python

TEST_P(BridgeContract, SendsOrRaisesWhatPreventsIt) { Holds("42"); }
TEST_P(BridgeContract, TakesOnlyReadOnlyPayloads) { Holds("43"); }
TEST_P(BridgeContract, PostsTypedDataOfEverySize) { Holds("44"); }
// The original keeps the GIL during the post: Python stands still with the VM.
TEST_P(BridgeThreads, LetsPythonGoOnDuringALargePost) { Holds("45"); }
TEST_P(BridgeThreads, LetsTheVmEnqueueInsideAPost) { Holds("46"); }
// The original cuts the length to 32 bits, so that the VM is given a negative one.
TEST_P(BridgeContract, RefusesPayloadsBeyondTheVmsLength) { Holds("47"); }

// ---- Restart signals and reuse

TEST_P(BridgeThreads, TellsRestartHandlersNewestFirst) { Holds("48"); }
TEST_P(BridgeContract, TellsRestartHandlersOfNoPorts) { Holds("49"); }
TEST_P(BridgeThreads, SignalsInsteadOfRunningASecondProgram) { Holds("50"); }
TEST_P(BridgeContract, RunsNothingAndSignalsNothingWithoutPorts) { Holds("51"); }
TEST_P(BridgeThreads, KeepsOldPortsUntilPythonRemovesThem) { Holds("52"); }

// ---- Ends

TEST_P(BridgeThreads, StopsAProgramThatComputes) { Holds("53"); }
// The original sets the interrupt and does not wake the loop, which sees it at its next timer.
TEST_P(BridgeThreads, StopsAnIdleLoop) { Holds("54"); }
TEST_P(BridgeContract, GivesSigintBackAtTheEnd) { Holds("55"); }
// In the original the callers' threads are ended, or hang, in PyGILState_Ensure().
TEST_P(BridgeThreads, LetsAllCallersReturnAtTheProgramsEnd) {
  HoldsOnOurs("56", "its callers are ended inside the call");
}
// The original keeps the dead handler and calls it in the next start.
TEST_P(BridgeContract, RefusesHandlersDuringTheEnd) {
  HoldsOnOurs("57", "it calls an object of an interpreter that is gone");
}
// The original frees Python's objects without the GIL.
TEST_P(BridgeThreads, ClearsHandlersFromAnyThread) { HoldsOnOurs("58_clear", "it crashes"); }
TEST_P(BridgeThreads, FinalizesFromAnyThread) { HoldsOnOurs("58_finalize", "it crashes"); }

// ---- Streams, bounds, the GIL

TEST_P(BridgeContract, WritesPythonsStreamsToTheProcesss) { Holds("59"); }
// The original takes all of 312 MiB for a loop that is blocked.
TEST_P(BridgeContract, BoundsWhatABlockedLoopIsSent) { Holds("60"); }
// The original's callers wait for the GIL, for a switch interval, or a long call in C to its end.
TEST_P(BridgeContract, TakesMessagesWhilePythonComputes) { Holds("61"); }
TEST_P(BridgeContract, TakesMessagesDuringALongCallInC) { Holds("61_long_call"); }

// ---- What an app's main calls, and extension modules

TEST_P(BridgeContract, TellsMultiprocessingsChildrenApart) { Holds("62"); }
TEST_P(BridgeContract, BecomesAPythonForChildren) { Holds("63", 7); }
TEST_P(BridgeContract, ExitsHardWithoutAtexit) { Holds("64", 5); }
// The original leaves libpython's symbols local: `undefined symbol` in modules that do not link it.
TEST_P(BridgeContract, LetsExtensionModulesFindPython) { Holds("65"); }

// ---- Flet 1.0.5

TEST_P(BridgeContract, AnswersEveryClickOfFletsCounter) { Holds("66"); }
TEST_P(BridgeContract, MovesFletsSessionToANewPort) { Holds("67"); }

// ---- Much at once

TEST_P(BridgeThreads, LosesNothingFromEightThreads) { Holds("many_threads"); }
TEST_P(BridgeContract, CarriesLargeMessagesBothWaysInBoundedMemory) { Holds("large_both_ways"); }
TEST_P(BridgeThreads, LosesNothingSilentlyWhenPortsMoveInTraffic) { Holds("restart_in_traffic"); }

// ---- Weak points of the original that a bridge can cure and no number above covers

TEST_P(OurThreads, WeakPoint02AHandlerDoesNotHoldUpTheCaller) { Holds("caller_free"); }
TEST_P(OurThreads, WeakPoint03ARestartHandlerDoesNotHoldUpTheSignaller) { Holds("signaller_free"); }
TEST_P(OurThreads, WeakPoint05LargePayloadsArePostedWithoutACopy) { Holds("no_copy"); }
TEST_P(OurThreads, WeakPoint05PayloadsMayOutliveTheProgram) { Holds("late_finalizers"); }
TEST_P(OurBridge, WeakPoint05ARefusedPayloadIsGivenBack) { Holds("refused_payload"); }
TEST_P(OurThreads, WeakPoint07CallersAreToldThatTheQueueIsFull) { Holds("bound"); }
TEST_P(OurBridge, WeakPoint07AMessageAboveTheBoundIsTakenAlone) { Holds("above_bound"); }
TEST_P(OurThreads, WeakPoint10WhatTheEndDropsIsCounted) { Holds("end_drops"); }
TEST_P(OurBridge, WeakPoint10WhatFindsNoHandlerIsCounted) { Holds("no_handler"); }
TEST_P(OurThreads, WeakPoint11TheEndWaitsForAHandlerThatRuns) { Holds("end_waits"); }
TEST_P(OurBridge, WeakPoint12SystemExitInARestartHandlerIsPrinted) { Holds("exit_in_restart"); }
TEST_P(OurThreads, WeakPoint17StartsAtOnceRunOneProgram) { Holds("starts_at_once"); }
TEST_P(OurThreads, WeakPoint17ExtensionsMayBeRegisteredFromManyThreads) { Holds("registers"); }
TEST_P(OurBridge, WeakPoint19StreamsHaveWhatLibrariesAskFor) { Holds("streams"); }
TEST_P(OurBridge, WeakPoint21AFileWithANulIsRefused) { Holds("nul_in_file"); }

// ---- Our own rules

TEST_P(OurBridge, RefusesNoTable) { Holds("init_without_table"); }
TEST_P(OurThreads, KeepsOneOrderOverPortsAndSignals) { Holds("one_order"); }
TEST_P(OurThreads, CallsHandlersOnTheLoopThatSetThem) { Holds("on_loop"); }
TEST_P(OurThreads, LeavesALoopsRulesAsTheyAre) { Holds("loop_rules"); }
TEST_P(OurThreads, KeepsTheOrderOfHandlersOfALoopAndOfNone) { Holds("mixed_loops"); }
TEST_P(OurThreads, OutlivesTheLoopOfAHandler) { Holds("outlives_loop"); }
TEST_P(OurThreads, StopsALoopThatHasAHandler) { Holds("54_handler"); }
TEST_P(OurBridge, CountsWhatIsSent) { Holds("sent"); }
TEST_P(OurThreads, ShowsItsFiguresToC) { Holds("statistics_c"); }
TEST_P(OurThreads, KeepsAStopThatComesDuringTheStart) { Holds("stop_in_start"); }
TEST_P(OurThreads, KeepsAnEndThatComesDuringTheStart) { Holds("finalize_in_start"); }
TEST_P(OurBridge, RefusesARunByAThreadOfAProgramThatEnds) { Holds("run_in_end"); }
TEST_P(OurThreads, RedirectsOrRefusesAtEveryMoment) { Holds("redirects_all_along"); }
TEST_P(OurThreads, TakesEveryCallAtEveryMoment) { Holds("everything_all_along"); }
TEST_P(OurBridge, IsClosedInAForkedChild) { Holds("fork"); }
TEST_P(OurBridge, ServesMultiprocessing) { Holds("multiprocessing"); }

// "times TYPICAL WORST" of the case's output, in microseconds.
std::pair<double, double> Times(const Seen& seen) {
  std::istringstream words(seen.lines);
  std::pair<double, double> times{0, 0};
  for (std::string word; words >> word;) {
    if (word == "times") words >> times.first >> times.second;
  }
  return times;
}

TEST_P(OurBridge, WeakPoint01AtWorstSoonerThanTheOriginalMostly) {
  if (!WhyNoOriginal().empty()) GTEST_SKIP() << WhyNoOriginal();
  for (const char* name : {"61", "61_long_call"}) {
    const Seen original = RunCase("original", name);
    ASSERT_EQ(original.status, 0) << original.lines;
    const Seen ours = RunCase("ours", name);
    ASSERT_EQ(ours.status, 0) << ours.lines;
    std::printf("%s: original mostly %.0f us, ours at worst %.0f us\n", name, Times(original).first,
                Times(ours).second);
    EXPECT_LT(Times(ours).second, Times(original).first);
  }
}

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  return std::string(info.param) == "original" ? "Original" : "Ours";
}

#ifdef BRIDGE_HAS_OURS
const auto kLibraries = testing::Values("ours", "original");
INSTANTIATE_TEST_SUITE_P(Every, OurBridge, testing::Values("ours"), NameOf);
INSTANTIATE_TEST_SUITE_P(Every, OurThreads, testing::Values("ours"), NameOf);
#else
const auto kLibraries = testing::Values("original");
#endif
INSTANTIATE_TEST_SUITE_P(Every, BridgeContract, kLibraries, NameOf);
INSTANTIATE_TEST_SUITE_P(Every, BridgeThreads, kLibraries, NameOf);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OurBridge);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OurThreads);

}  // namespace
}  // namespace fletbridge::bridge_test
