// Restart signals, reuse, stopping and the end of a program under fire: cases 48 to 58.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <signal.h>

#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

constexpr const char* kRestartHandlers = R"(
kept = []
def keep(ports):
    "Is it what the handlers before were given in this signal?"
    kept.append(ports)
    return len(kept) % 3 == 1 or ports is kept[-2]
def a(ports):
    say('a', sorted(ports.items()), keep(ports))
def b(ports):
    say('b', sorted(ports.items()), keep(ports))
    raise ValueError('b')
for handler in (a, b, a):
    say(bridge.add_session_restart_handler(handler))
say(caught(bridge.add_session_restart_handler, 5))
park()
)";

void StartRestartHandlers(Rig& rig) {
  rig.Capture();
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(kRestartHandlers);
  Same("run", rig.Run(start), 0);
  for (int i = 0; i < 3; ++i) rig.Expect("None");
  rig.Expect("TypeError: argument must be callable");
  rig.Expect("parked");
}

void SignalTellsPorts(Rig& rig) {
  StartRestartHandlers(rig);
  rig.Signal({{"protocol", 1}, {nullptr, 2}, {"exit", -3}, {"protocol", 9}});
  const std::string ports = "[('exit', -3), ('protocol', 9)] True";
  rig.Expect("a " + ports);
  rig.Expect("b " + ports);
  rig.Expect("a " + ports);
  Require(rig.captured_stderr().find("ValueError: b") != std::string::npos,
          "the error is not printed");
  rig.End();
}

void SignalWithoutPorts(Rig& rig) {
  StartRestartHandlers(rig);
  for (const int n : {0, -1}) {
    rig.bridge().signal(n, nullptr, nullptr);
    rig.Expect("a [] True");
    rig.Expect("b [] True");
    rig.Expect("a [] True");
  }
  rig.End();
}

constexpr const char* kSayPorts = R"(
bridge.add_session_restart_handler(
    lambda ports: say(sorted(ports.items()), os.environ.get('FLET_DART_BRIDGE_PORT')))
park()
)";

Start SecondStart(const std::string& protocol, const std::string& exit) {
  Start start;
  start.script = Rig::WithPrelude("say('the second script runs')\n");
  start.env_keys = {"FLET_DART_BRIDGE_PORT", "FLET_DART_BRIDGE_EXIT_PORT"};
  start.env_values = {protocol, exit};
  return start;
}

void StartOnPorts(Rig& rig, const std::string& protocol, const std::string& exit) {
  rig.Init();
  Start start = SecondStart(protocol, exit);
  start.script = Rig::WithPrelude(kSayPorts);
  Same("run", rig.Run(start), 0);
  rig.Expect("parked");
}

void SecondRunSignals(Rig& rig) {
  StartOnPorts(rig, "101", "102");
  Start again = SecondStart("201", "202");
  again.completion_port = 10;
  Same("run", rig.Run(again), 0);
  rig.Expect("[('exit', 202), ('protocol', 201)] 101");
  Same("the code", rig.vm().Await(10).integer, 0);
  Same("getenv", std::getenv("FLET_DART_BRIDGE_PORT"), "201");
  rig.End();
  Require(!rig.HasHeard(), "the second script runs");
}

void SecondRunWithoutPorts(Rig& rig) {
  StartOnPorts(rig, "101", "102");
  Start again = SecondStart("0", "abc");
  again.sync = true;
  Same("run", rig.Run(again), 0);
  // What is heard first is this signal's: there was none before.
  rig.Signal({{"protocol", 5}});
  rig.Expect("[('protocol', 5)] 101");
  rig.End();
  Require(!rig.HasHeard(), "the second script runs");
}

void OldPortsOutliveASignal(Rig& rig) {
  rig.Park(R"(
bridge.add_session_restart_handler(lambda ports: say('signal'))
bridge.set_enqueue_handler_func(77, lambda data: say(data.decode()))
def remove(data):
    bridge.set_enqueue_handler_func(77, None)
    say('removed')
bridge.set_enqueue_handler_func(78, remove)
park()
)");
  rig.Signal({{"protocol", 80}});
  rig.Expect("signal");
  Same("enqueue", rig.Enqueue(kHandlerPort, "old"), 0);
  rig.Expect("old");
  Same("enqueue", rig.Enqueue(80, "new"), -1);
  Same("enqueue", rig.Enqueue(78, ""), 0);
  rig.Expect("removed");
  Same("enqueue", rig.Enqueue(kHandlerPort, "old"), -1);
  rig.End();
}

using Clock = std::chrono::steady_clock;

std::string Milliseconds(Clock::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

// Whether a thread of ours waits in the call that an idle asyncio loop waits in.
bool WaitsForEvents(std::int64_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/syscall");
  long number = -1;
  file >> number;  // none while it runs
  // epoll_pwait on ARM; epoll_wait and epoll_pwait on x86. In an emulator it is the kernel's
  // number.
  return number == 22 || number == 232 || number == 281;
}

// Asks the script that has said "going" and its thread to stop, where `idle` once it waits in its
// loop; gives the time to its end.
Clock::duration StopIt(Rig& rig, const std::string& body, bool idle) {
  rig.Capture();
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(body);
  Same("run", rig.Run(start), 0);
  const std::int64_t thread = rig.HearNumber("going");
  if (idle) AwaitUntil("an idle loop", [&] { return WaitsForEvents(thread); });
  const Clock::time_point from = Clock::now();
  Same("request_stop", rig.bridge().request_stop(), 0);
  Same("the code", rig.vm().Await(kExitPort).integer, 1);
  const Clock::duration took = Clock::now() - from;
  rig.AwaitEnded();
  Require(rig.captured_stderr().find("KeyboardInterrupt") != std::string::npos,
          "no KeyboardInterrupt");
  rig.Tell("stopped after " + Milliseconds(took));
  return took;
}

void StopsALoop(Rig& rig) {
  (void)StopIt(rig, "say('going', 0)\nwhile True:\n    time.sleep(0.01)\n", false);
}

// Python sees the interrupt only when the loop wakes for another reason; ours wakes it.
void StopsAnIdleLoop(Rig& rig) {
  const char* seconds = rig.original() ? "2" : "600";
  const Clock::duration took = StopIt(rig, std::string(R"(
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(say, 'going', threading.get_native_id())
    await asyncio.sleep()") + seconds + R"()
asyncio.run(main())
)",
                                      true);
  if (rig.original()) Require(took > std::chrono::seconds(1), "it woke the loop");
}

// As case 54, with a handler of the bridge on the loop, as Flet has it.
void StopsALoopWithAHandler(Rig& rig) {
  (void)StopIt(rig, R"(
import asyncio
async def main():
    bridge.set_enqueue_handler_func(77, print)
    asyncio.get_running_loop().call_soon(say, 'going', threading.get_native_id())
    await asyncio.Event().wait()
asyncio.run(main())
)",
               true);
}

void InterruptDisposition(Rig& rig) {
  const auto is_default = [] {
    struct sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    return now.sa_handler == SIG_DFL ? 1 : 0;
  };
  Same("default before", is_default(), 1);
  rig.Park("park()\n");
  Same("default while up", is_default(), 0);
  rig.End();
  Same("default afterwards", is_default(), 1);
}

// The original's callers wait in PyGILState_Ensure(), from which the end of Python does not let
// them return.
void HammeringAtTheEnd(Rig& rig) {
  constexpr int kRounds = BRIDGE_PATIENCE > 1 ? 3 : 10;
  rig.Init();
  for (int round = 0; round < kRounds; ++round) {
    Start start;
    start.script = Rig::WithPrelude(R"(
bridge.set_enqueue_handler_func(77, lambda data: None)
say('going')
gate()
)");
    start.completion_port = 100 + round;
    Same("run", rig.Run(start), 0);
    rig.Expect("going");
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> taken{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        for (bool more = true; more;) {
          more = !stop;  // one more once the end is known
          const int code = rig.Enqueue(kHandlerPort, "0123456789abcdef");
          if (code == 0) ++taken;
          if (code > 0 || code < -2 || (!more && code != -2)) ++wrong;
        }
      });
    }
    AwaitUntil("messages", [&] { return taken > 100; });
    rig.OpenGate();
    rig.AwaitEnded(start.completion_port);
    stop = true;
    for (std::thread& caller : callers) caller.join();
    Same("wrong codes", wrong.load(), 0);
  }
}

// In the original the handler survives as a dangling pointer and is called in the next start.
void HandlerSetTooLate(Rig& rig) {
  rig.Init();
  Same("run", rig.RunSync(R"(
def late():
    threading.main_thread().join()
    say(caught(bridge.set_enqueue_handler_func, 77, say).split(':')[0])
threading.Thread(target=late).start()
)"),
       0);
  rig.Expect("RuntimeError");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -2);
  Start start;
  start.script = Rig::WithPrelude("park()\n");
  Same("run", rig.Run(start), 0);
  rig.Expect("parked");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -1);
  rig.End();
}

// The original lets go of Python's objects without the GIL.
void ClearFromAnyThread(Rig& rig) {
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(R"(
bridge.add_session_restart_handler(lambda ports: say('signal'))
bridge.set_enqueue_handler_func(77, lambda data: say('handled'))
say('going')
gate()
say('cleared')
gate()
)");
  Same("run", rig.Run(start), 0);
  rig.Expect("going");
  std::thread([&] { rig.bridge().clear_handlers(); }).join();
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -1);
  rig.Signal({{"protocol", 5}});  // to nobody
  rig.OpenGate();
  rig.Expect("cleared");
  Same("is_python_initialized", rig.bridge().is_initialized(), 1);
  rig.OpenGate();
  Same("the code", rig.vm().Await(kExitPort).integer, 0);
  rig.AwaitEnded();
}

void FinalizeFromAnyThread(Rig& rig) {
  rig.Capture();
  rig.Park(R"(
bridge.set_enqueue_handler_func(77, lambda data: None)
say('parked')
while True:
    time.sleep(0.01)
)");
  std::thread([&] { rig.bridge().finalize(); }).join();
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -2);
  Same("the code", rig.vm().Await(kExitPort).integer, 1);
  rig.AwaitEnded();
  rig.bridge().finalize();  // nothing is up: nothing happens
  Same("a second start", rig.RunSync("say('again')\n"), 0);
  rig.Expect("again");
}

}  // namespace

std::vector<Case> SessionCases() {
  return {{"48", SignalTellsPorts},
          {"49", SignalWithoutPorts},
          {"50", SecondRunSignals},
          {"51", SecondRunWithoutPorts},
          {"52", OldPortsOutliveASignal},
          {"53", StopsALoop},
          {"54", StopsAnIdleLoop},
          {"54_handler", StopsALoopWithAHandler},
          {"55", InterruptDisposition},
          {"56", HammeringAtTheEnd},
          {"57", HandlerSetTooLate},
          {"58_clear", ClearFromAnyThread},
          {"58_finalize", FinalizeFromAnyThread}};
}

}  // namespace fletbridge::bridge_test
