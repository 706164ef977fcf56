// What fletbridge's library promises beyond the original: the weak points that a bridge can cure,
// and its own rules.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include "src/dart_bridge/dart_bridge.h"
#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

constexpr const char* kQueueVariable = "FLETBRIDGE_BRIDGE_QUEUE_BYTES";

void InitWithoutATable(Rig& rig) {
  Same("init", rig.bridge().init(nullptr), -1);
  rig.Init();
  Same("init", rig.bridge().init(nullptr), -1);
  Same("run", rig.RunSync("say(bridge.send_bytes(5, b'x'))\n"), 0);
  rig.Expect("True");
}

// ---- Who runs handlers, and in which order

constexpr const char* kBlockingHandler = R"(
def handler(data):
    if data == b'block':
        say('blocked')
        gate()
    say(data.decode(), threading.get_native_id())
)";

void CallerIsNotHeldUp(Rig& rig) {
  rig.Park(std::string(kBlockingHandler) +
           "bridge.set_enqueue_handler_func(77, handler)\npark()\n");
  Same("enqueue", rig.Enqueue(kHandlerPort, "block"), 0);
  rig.Expect("blocked");
  for (int i = 0; i < 100; ++i) Same("enqueue", rig.Enqueue(kHandlerPort, "next"), 0);
  rig.OpenGate();
  const std::string own = std::to_string(::gettid());
  const std::string thread = rig.Hear().substr(std::strlen("block "));
  Require(thread != own, "the handler runs on the caller's thread");
  for (int i = 0; i < 100; ++i) rig.Expect("next " + thread);
  rig.End();
}

void SignallerIsNotHeldUp(Rig& rig) {
  rig.Park(R"(
def restart(ports):
    say('blocked')
    gate()
    say('restarted', threading.get_native_id())
bridge.add_session_restart_handler(restart)
park()
)");
  rig.Signal({{"protocol", 5}});
  rig.Expect("blocked");
  rig.Signal({{"protocol", 6}});
  rig.OpenGate();
  Require(rig.HearNumber("restarted") != ::gettid(), "it runs on the caller's thread");
  rig.Expect("blocked");
  rig.OpenGate();
  (void)rig.HearNumber("restarted");
  rig.End();
}

void OneOrderForAll(Rig& rig) {
  rig.Park(R"(
seen, inside = [], 0
def enter(what):
    global inside
    inside += 1
    seen.append(what if inside == 1 else 'two at once')
    time.sleep(0)
    inside -= 1
def handler(port):
    def handle(data):
        enter('%d:%s' % (port, data.decode()))
    return handle
def blocker(data):
    say('blocked')
    gate()
for port in (77, 78, 79):
    bridge.set_enqueue_handler_func(port, handler(port))
bridge.set_enqueue_handler_func(80, blocker)
bridge.set_enqueue_handler_func(81, lambda data: say(*seen))
bridge.add_session_restart_handler(lambda ports: enter('signal:%d' % ports['protocol']))
park()
)");
  Same("enqueue", rig.Enqueue(80, ""), 0);
  rig.Expect("blocked");
  std::string wanted;
  for (std::int64_t i = 0; i < 200; ++i) {
    const std::int64_t port = kHandlerPort + i * 7 % 3;
    if (i % 5 == 4) {
      rig.Signal({{"protocol", i}});
      wanted += " signal:" + std::to_string(i);
    } else {
      Same("enqueue", rig.Enqueue(port, std::to_string(i)), 0);
      wanted += " " + std::to_string(port) + ":" + std::to_string(i);
    }
  }
  Same("enqueue", rig.Enqueue(81, ""), 0);
  rig.OpenGate();
  rig.Expect(wanted.substr(1));
  rig.End();
}

void HandlersRunOnTheirLoop(Rig& rig) {
  rig.Park(R"(
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    def on_loop(data):
        say(asyncio._get_running_loop() is loop, data.decode(),
            threading.current_thread() is threading.main_thread())
    bridge.set_enqueue_handler_func(77, on_loop)
    bridge.set_enqueue_handler_func(78, on_loop)
    bridge.add_session_restart_handler(lambda ports: on_loop(b'signal'))
    await park_loop()
asyncio.run(main())
)");
  for (int i = 0; i < 50; ++i) {
    Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
    Same("enqueue", rig.Enqueue(78, "y"), 0);
    rig.Signal({{"protocol", 5}});
  }
  for (int i = 0; i < 50; ++i) {
    rig.Expect("True x True");
    rig.Expect("True y True");
    rig.Expect("True signal True");
  }
  rig.End();
}

// Handlers set on a loop and elsewhere: whoever calls them, the one order is kept.
void LoopKeepsItsRules(Rig& rig) {
  rig.Park(R"(
import asyncio
async def main():
    loop, order, done = asyncio.get_running_loop(), [], asyncio.Event()
    loop.set_exception_handler(lambda loop, context: order.append('raised'))
    def fail():
        raise ValueError
    def handler(data):
        loop.call_soon_threadsafe(order.append, 1)
        loop.call_soon_threadsafe(order.append, 'cancelled').cancel()
        loop.call_soon(fail)
        loop.call_soon(lambda: loop.call_soon(order.append, 3))
        loop.call_soon_threadsafe(order.append, 2)
        order.append(0)
        loop.call_soon(lambda: loop.call_soon(done.set))
    bridge.set_enqueue_handler_func(77, handler)
    say('set')
    await done.wait()
    await loop.run_in_executor(None, int)  # a thread can still wake the loop
    say(*order)
    await park_loop()
asyncio.run(main())
)",
           "set");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
  rig.Expect("0 1 raised 2 3");
  rig.Expect("parked");
  rig.End();
}

void HandlersOfALoopAndOfNone(Rig& rig) {
  rig.Park(R"(
import asyncio
async def main():
    loop, inside = asyncio.get_running_loop(), threading.Lock()
    def handler(data):
        alone = inside.acquire(blocking=False)
        time.sleep(0)
        say(data.decode(), alone, threading.get_native_id() != host)
        inside.release()
    host = int(gate_line())
    bridge.set_enqueue_handler_func(77, handler)
    await loop.run_in_executor(None, bridge.set_enqueue_handler_func, 78, handler)
    await park_loop()
def gate_line():
    line = b''
    while not line.endswith(b' '):
        line += gate()
    return line
say('ready')
asyncio.run(main())
)",
           "ready");
  rig.WriteGate(std::to_string(::gettid()) + " ");
  rig.Expect("parked");
  for (int i = 0; i < 100; ++i) {
    Same("enqueue", rig.Enqueue(kHandlerPort + i % 2, std::to_string(i)), 0);
  }
  for (int i = 0; i < 100; ++i) rig.Expect(std::to_string(i) + " True True");
  rig.End();
}

void OutlivesALoop(Rig& rig) {
  rig.Park(R"(
import asyncio
async def first():
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    bridge.set_enqueue_handler_func(77, lambda data: loop.call_soon_threadsafe(heard.set))
    say('first')
    await heard.wait()
asyncio.run(first())
say('closed')
gate()
bridge.set_enqueue_handler_func(77, lambda data: say('elsewhere', data.decode()))
say('set')
gate()
async def second():
    bridge.set_enqueue_handler_func(77, lambda data: say('second', data.decode()))
    await park_loop()
asyncio.run(second())
)",
           "first");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
  rig.Expect("closed");
  // The handler is still there; what it does with its closed loop is printed and goes no further.
  const int code = rig.Enqueue(kHandlerPort, "late");
  Require(code == 0 || code == -1, "enqueue: " + std::to_string(code));
  rig.OpenGate();
  std::string heard = rig.Hear();
  const bool late_before = heard == "elsewhere late";  // it waited for the new handler
  if (late_before) heard = rig.Hear();
  Same("the script says", heard, "set");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
  heard = rig.Hear();
  if (!late_before && heard == "elsewhere late") heard = rig.Hear();
  Same("the script says", heard, "elsewhere x");
  rig.OpenGate();
  rig.Expect("parked");
  Same("enqueue", rig.Enqueue(kHandlerPort, "y"), 0);
  rig.Expect("second y");
  rig.End();
}

void ExitInARestartHandler(Rig& rig) {
  rig.Capture();
  rig.Park(R"(
def leave(ports):
    sys.exit(5)
bridge.add_session_restart_handler(lambda ports: say('went on'))
bridge.add_session_restart_handler(leave)
park()
)");
  rig.Signal({{"protocol", 5}});
  rig.Expect("went on");
  Require(rig.captured_stderr().find("SystemExit") != std::string::npos, "it is not printed");
  rig.End();
}

// ---- Bounds and counts

// A handler that waits for the gate, then counts; main tells all when a message comes to port 78.
constexpr const char* kCountingScript = R"(
handled = []
def handler(data):
    if data == b'block':
        say('blocked')
        gate()
    handled.append(len(data))
asked = threading.Event()
bridge.set_enqueue_handler_func(77, handler)
bridge.set_enqueue_handler_func(78, lambda data: asked.set())
say('parked')
asked.wait()
tell_statistics()
say('handled', len(handled))
)";

void BoundsItsQueue(Rig& rig) {
  ::setenv(kQueueVariable, "1048576", 1);
  rig.Park(kCountingScript);
  Same("enqueue", rig.Enqueue(kHandlerPort, "block"), 0);
  rig.Expect("blocked");
  const std::string part(64 * kKiB, 'x');
  std::int64_t accepted = 1;
  while (rig.Enqueue(kHandlerPort, part) == 0) {
    ++accepted;
    Require(accepted <= 18, "it takes more than its bound");
  }
  Require(accepted >= 16, "it takes less than its bound: " + std::to_string(accepted));
  Same("enqueue", rig.Enqueue(kHandlerPort, part), -1);
  rig.OpenGate();
  rig.Send(78, "");
  const auto counts = rig.HearStatistics();
  Same("handled", rig.HearNumber("handled"), accepted);
  Same("dropped", counts.at("dropped"), 0);
  Same("queued", counts.at("queued_bytes"), 0);
  Same("accepted", counts.at("accepted"), accepted + 1);
  Require(counts.at("refused") >= 2, "refusals are not counted");
  Require(counts.at("queued_bytes_peak") >= 15 * 65536, "the peak is not kept");
  Require(counts.at("queued_bytes_peak") <= 1048576 + 65536, "the peak is above the bound");
  rig.AwaitEnded();
}

void TakesOneAboveItsBound(Rig& rig) {
  ::setenv(kQueueVariable, "65536", 1);
  rig.Park(kCountingScript);
  rig.Send(kHandlerPort, std::string(4 * kMiB, 'x'));
  rig.Send(kHandlerPort, std::string(4 * kMiB, 'y'));
  rig.Send(78, "");
  const auto counts = rig.HearStatistics();
  Same("handled", rig.HearNumber("handled"), 2);
  Same("dropped", counts.at("dropped"), 0);
  rig.AwaitEnded();
}

void CountsWhatFindsNoHandler(Rig& rig) {
  rig.Park(R"(
def handler(data):
    say('blocked')
    gate()
    bridge.set_enqueue_handler_func(77, None)
asked = threading.Event()
bridge.set_enqueue_handler_func(77, handler)
bridge.set_enqueue_handler_func(78, lambda data: asked.set())
say('parked')
asked.wait()
tell_statistics()
)");
  for (int i = 0; i < 4; ++i) Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
  rig.Expect("blocked");
  Same("enqueue", rig.Enqueue(78, ""), 0);
  rig.OpenGate();
  const auto counts = rig.HearStatistics();
  Same("dropped", counts.at("dropped"), 3);
  Same("delivered", counts.at("delivered"), 2);
  rig.AwaitEnded();
}

// A program whose handler waits for the gate while the main thread comes to its end.
constexpr const char* kBlockedAtTheEnd = R"(
called = threading.Event()
def handler(data):
    say('blocked')
    called.set()
    gate()
    say('gone on')
bridge.set_enqueue_handler_func(77, handler)
bridge.set_enqueue_handler_func(78, lambda data: say('also'))
say('going')
called.wait()
)";

void BlockAtTheEnd(Rig& rig) {
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(kBlockedAtTheEnd);
  Same("run", rig.Run(start), 0);
  rig.Expect("going");
  for (int i = 0; i < 11; ++i) {
    const int code = rig.Enqueue(i == 0 ? kHandlerPort : 78, "x");
    Require(code == 0 || (i > 0 && code == -2), "enqueue: " + std::to_string(code));
  }
  rig.Expect("blocked");
  AwaitUntil("the end's beginning", [&] { return rig.Enqueue(78, "") == -2; });
}

void CountsWhatTheEndDrops(Rig& rig) {
  BlockAtTheEnd(rig);
  rig.OpenGate();
  rig.Expect("gone on");
  rig.AwaitEnded();
  Same("the next run", rig.RunSync("say('next')\ntell_statistics()\n"), 0);
  std::int64_t called = 1;
  std::string line;
  for (; (line = rig.Hear()) == "also"; ++called) {
  }
  Same("the script says", line, "next");
  const auto counts = rig.HearStatistics();
  Same("delivered", counts.at("delivered"), called);
  Same("delivered and dropped", counts.at("delivered") + counts.at("dropped"),
       counts.at("accepted"));
  Same("queued", counts.at("queued_bytes"), 0);
}

// As Python waits for its own threads: a handler that came back from its wait in an interpreter
// that is gone would take the process with it.
void EndWaitsForAHandler(Rig& rig) {
  BlockAtTheEnd(rig);
  Same("is_python_initialized", rig.bridge().is_initialized(), 1);
  rig.OpenGate();
  rig.Expect("gone on");
  rig.AwaitEnded();
  Same("the next run", rig.RunSync("say(bridge.send_bytes(5, b'x'))\n"), 0);
  while (rig.Hear() != "True") {  // first what else was delivered
  }
}

void CountsWhatIsSent(Rig& rig) {
  rig.Init();
  rig.vm().Close(6);
  Same("run", rig.RunSync(R"(
for size in (0, 10, 70000):
    bridge.send_bytes(5, bytes(size))
caught(bridge.send_bytes, 6, b'x')
tell_statistics()
)"),
       0);
  const auto counts = rig.HearStatistics();
  Same("sent", counts.at("sent"), 3);
  Same("sent_bytes", counts.at("sent_bytes"), 70010);
}

// ---- Large payloads

void SendsWithoutACopy(Rig& rig) {
  rig.Init();
  rig.vm().HoldFinalizers();
  Start start;
  start.script = Rig::WithPrelude(R"(
data = bytes(1 << 20)
before = sys.getrefcount(data)
bridge.send_bytes(5, data)
say('address', id(data) + bytes.__basicsize__ - 1)
say('kept', sys.getrefcount(data) > before)
gate()
deadline = time.monotonic() + 20
while sys.getrefcount(data) != before and time.monotonic() < deadline:
    bridge.send_bytes(5, b'small')
    time.sleep(0.002)
say('given back', sys.getrefcount(data) == before)
)");
  Same("run", rig.Run(start), 0);
  const auto address = static_cast<std::uintptr_t>(rig.HearNumber("address"));
  Require(rig.vm().Await(5).where == reinterpret_cast<const void*>(address), "it is a copy");
  rig.Expect("kept True");
  rig.vm().ReleaseFinalizers();
  rig.vm().AwaitFinalized();
  rig.OpenGate();
  rig.Expect("given back True");
  rig.AwaitEnded();
}

void StatisticsFromC(Rig& rig) {
  const auto read = [&rig] {
    dart_bridge_statistics_t now{};
    now.struct_bytes = sizeof now;
    Same("statistics",
         rig.Enqueue(DART_BRIDGE_STATISTICS_PORT,
                     std::string_view(reinterpret_cast<const char*>(&now), sizeof now)),
         0);
    return now;
  };
  Same("queued before the start", static_cast<std::int64_t>(read().queued_bytes), 0);
  rig.Init();
  rig.vm().HoldFinalizers();
  rig.Park(
      "bridge.set_enqueue_handler_func(77, lambda data: say('handled'))\n"
      "bridge.send_bytes(5, bytes(100000))\n"
      "park()\n");
  Same("enqueue", rig.Enqueue(kHandlerPort, "abc"), 0);
  rig.Expect("handled");
  AwaitUntil("an empty queue", [&] { return read().queued_bytes == 0; });
  const dart_bridge_statistics_t now = read();
  Same("accepted", static_cast<std::int64_t>(now.accepted), 1);
  Same("delivered", static_cast<std::int64_t>(now.delivered), 1);
  Same("dropped", static_cast<std::int64_t>(now.dropped), 0);
  Same("refused", static_cast<std::int64_t>(now.refused), 0);
  Require(now.queued_bytes_peak >= 3, "the message was never counted");
  Same("sent", static_cast<std::int64_t>(now.sent), 1);
  Same("sent_bytes", static_cast<std::int64_t>(now.sent_bytes), 100000);
  Same("lent_bytes", static_cast<std::int64_t>(now.lent_bytes), 100000);
  rig.vm().ReleaseFinalizers();
  AwaitUntil("what was lent", [&] { return read().lent_bytes == 0; });
  Same("another size", rig.Enqueue(DART_BRIDGE_STATISTICS_PORT, "12345678"), -1);
  rig.End();
}

void FinalizersOutliveTheProgram(Rig& rig) {
  rig.Init();
  rig.vm().HoldFinalizers();
  const char* script = "for i in range(5):\n    bridge.send_bytes(5, bytes([i]) * 100000)\n";
  Same("run", rig.RunSync(script), 0);
  Same("given back", static_cast<std::int64_t>(rig.vm().finalized()), 0);
  Same("run", rig.RunSync(script), 0);  // a second interpreter with the first one's bytes about
  rig.vm().ReleaseFinalizers();
  rig.vm().AwaitFinalized();
  Same("given back", static_cast<std::int64_t>(rig.vm().finalized()), 10);
  Same("run", rig.RunSync(script), 0);
  rig.vm().AwaitFinalized();
}

void RefusedPayloadIsGivenBack(Rig& rig) {
  rig.Init();
  rig.vm().Close(6);
  Same("run", rig.RunSync(R"(
data = bytes(1 << 20)
before = sys.getrefcount(data)
say(caught(bridge.send_bytes, 6, data))
say(sys.getrefcount(data) == before)
)"),
       0);
  rig.Expect("RuntimeError: Dart_PostCObject_DL failed");
  rig.Expect("True");
  Same("given back by the VM", static_cast<std::int64_t>(rig.vm().finalized()), 0);
}

// ---- Streams, files, starts

void FullerStreams(Rig& rig) {
  rig.Capture();
  Same("run", rig.RunSync(R"(
for stream in (sys.stdout, sys.stderr):
    say(stream.encoding.lower(), stream.errors, stream.closed, stream.readable(), stream.writable(),
        stream.mode)
sys.stdout.writelines(['one\n', 'two\n'])
say(caught(sys.stdout.write, 5).split(':')[0])
import logging
logging.basicConfig(stream=sys.stdout, force=True)
logging.warning('tea')
print('lone', '\ud800', flush=True)
)"),
       0);
  for (int i = 0; i < 2; ++i) {
    const std::string line = rig.Hear();
    Require(line.starts_with("utf-8 ") && line.ends_with(" False False True w"),
            "streams: " + line);
  }
  rig.Expect("TypeError");
  const std::string text = rig.captured_stdout();
  Require(text.starts_with("one\ntwo\nWARNING:root:tea\nlone "), "stdout has " + text);
}

void NulInAFile(Rig& rig) {
  rig.Capture();
  const std::string path = rig.folder() + "/cut.py";
  const std::string text =
      Rig::WithPrelude("say('first')\n") + std::string(1, '\0') + "say('second')\n";
  std::ofstream(path, std::ios::binary) << text;
  Start start;
  start.sync = true;
  start.mode = 0;
  start.app_path = path;
  Same("run", rig.Run(start), 1);
  Require(!rig.HasHeard(), "a part of the file was run");
  Require(!rig.captured_stderr().empty(), "it does not say why");
}

void StartsAtOnce(Rig& rig) {
  rig.Init();
  std::vector<std::thread> callers;
  std::atomic<int> failed{0};
  for (std::int64_t i = 0; i < 4; ++i) {
    callers.emplace_back([&rig, &failed, i] {
      Start start;
      start.script = Rig::WithPrelude("park()\n");
      start.completion_port = 100 + i;
      if (rig.Run(start) != 0) ++failed;
    });
  }
  for (std::thread& caller : callers) caller.join();
  Same("failed", failed.load(), 0);
  rig.Expect("parked");
  // Those that came second have found one that runs, and say so at once.
  AwaitUntil("three ends", [&] { return rig.vm().count() == 3; });
  rig.Send(kEndPort, "");
  rig.vm().AwaitCount(4);
  for (std::int64_t port = 100; port < 104; ++port)
    Same("the code", rig.vm().Await(port).integer, 0);
  AwaitUntil("the end of Python", [&] { return rig.bridge().is_initialized() == 0; });
  Require(!rig.HasHeard(), "two scripts ran");
}

void* NoModule() { return nullptr; }

void RegistersFromManyThreads(Rig& rig) {
  std::vector<std::thread> callers;
  std::atomic<int> failed{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&rig, &failed, i] {
      for (int n = 0; n < 50; ++n) {
        const std::string name = "registered_" + std::to_string(i) + "_" + std::to_string(n);
        if (rig.bridge().register_extension(name.c_str(), &NoModule) != 0) ++failed;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  Same("failed", failed.load(), 0);
  Same("run", rig.RunSync(R"(
say(sum(name.startswith('registered_') for name in sys.builtin_module_names))
)"),
       0);
  rig.Expect("200");
}

// ---- Every function at every moment

// Starts a program whose interpreter is held in the middle of Python's own start.
void HoldInTheStart(Rig& rig) {
  std::ofstream(rig.folder() + "/sitecustomize.py") << R"(
import os
report, gate = (int(n) for n in os.environ['BRIDGE_TEST_PIPES'].split())
os.write(report, b'starting\n')
os.read(gate, 1)
)";
  rig.Init();
  rig.Capture();
  Start start;
  start.env_keys = {"PYTHONPATH"};
  start.env_values = {rig.folder()};
  start.script = Rig::WithPrelude("time.sleep(60)\n");
  Same("run", rig.Run(start), 0);
  rig.Expect("starting");
}

void LetTheStartGoOn(Rig& rig, const std::string& asked) {
  Same("install_redirect", rig.bridge().install_redirect(), -1);
  rig.OpenGate();
  rig.AwaitEnded();
  Same("the code after " + asked, rig.vm().Await(kExitPort).integer, 1);
  Require(rig.captured_stderr().find("KeyboardInterrupt") != std::string::npos,
          "the program was not interrupted");
  rig.OpenGate();
  Same("the next run", rig.RunSync("say('next')\n"), 0);
  rig.Expect("starting");
  rig.Expect("next");
}

void StopInTheStart(Rig& rig) {
  HoldInTheStart(rig);
  Same("request_stop", rig.bridge().request_stop(), 0);
  LetTheStartGoOn(rig, "a stop");
}

void FinalizeInTheStart(Rig& rig) {
  HoldInTheStart(rig);
  rig.bridge().finalize();
  LetTheStartGoOn(rig, "an end");
}

// A thread of the program that waited for the program's end would wait for itself.
void RunInTheEnd(Rig& rig) {
  Same("run", rig.RunSync(R"(
import atexit, ctypes, struct
library = ctypes.CDLL(os.environ['BRIDGE_TEST_LIBRARY'])
config = ctypes.create_string_buffer(72)
struct.pack_into('<i', config, 56, 1)
atexit.register(lambda: say('run', library.serious_python_run(config)))
atexit.register(lambda: say('stop', library.serious_python_request_stop()))
atexit.register(lambda: say('redirect', library.dart_bridge_install_stdio_redirect()))
)"),
       0);
  rig.Expect("redirect -1");
  rig.Expect("stop -1");
  rig.Expect("run -1");
}

constexpr int kPrograms = BRIDGE_PATIENCE > 1 ? 10 : 60;

// Calls `functions`, each on a thread of its own, from before the first start to after the last
// end.
void CallAllAlong(Rig& rig, const std::vector<std::function<void()>>& functions) {
  rig.Init();
  rig.Capture();
  std::atomic<bool> go{true};
  std::vector<std::thread> callers;
  for (const auto& function : functions) {
    callers.emplace_back([&go, function] {
      while (go) function();
    });
  }
  std::string wrong;
  for (int i = 0; i < kPrograms; ++i) {
    Start start;
    start.sync = true;
    start.script = Rig::WithPrelude(
        "import atexit\n"
        "atexit.register(time.sleep, 0.002)\n"
        "threading.Thread(target=time.sleep, args=(0.004,)).start()\n"
        "time.sleep(0.002)\n");
    const int code = rig.Run(start);
    if (code != 0 && code != 1) wrong += " " + std::to_string(code);
  }
  go = false;
  for (std::thread& caller : callers) caller.join();
  Same("other codes of run", wrong, "");
  Same("is_python_initialized", rig.bridge().is_initialized(), 0);
}

void OnlyZeroOrMinusOne(std::string_view what, int code) {
  if (code == 0 || code == -1) return;
  std::fprintf(stderr, "%s: %d\n", std::string(what).c_str(), code);
  std::abort();
}

void RedirectsAllAlong(Rig& rig) {
  const auto redirect = [&rig] {
    OnlyZeroOrMinusOne("install_redirect", rig.bridge().install_redirect());
  };
  CallAllAlong(rig, {redirect, redirect});
}

void EverythingAllAlong(Rig& rig) {
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::microseconds(300)); };
  CallAllAlong(rig,
               {[&] { OnlyZeroOrMinusOne("install_redirect", rig.bridge().install_redirect()); },
                [&] {
                  OnlyZeroOrMinusOne("request_stop", rig.bridge().request_stop());
                  pause();
                },
                [&] {
                  rig.bridge().finalize();
                  pause();
                },
                [&] {
                  rig.bridge().clear_handlers();
                  rig.Signal({{"protocol", 5}});
                  rig.bridge().signal(1, nullptr, nullptr);
                  pause();
                },
                [&] {
                  static_cast<void>(rig.bridge().is_initialized());
                  static_cast<void>(rig.Enqueue(kHandlerPort, "x"));
                  pause();
                }});
}

// ---- Other processes

void ForkedChild(Rig& rig) {
  rig.Park(R"(
def fork(data):
    child = os.fork()
    if child == 0:
        say(caught(bridge.send_bytes, 5, b'x').split(':')[0],
            caught(bridge.send_bytes, 5, bytes(100000)).split(':')[0])
        os._exit(3)
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
bridge.set_enqueue_handler_func(77, fork)
park()
)");
  Same("enqueue", rig.Enqueue(kHandlerPort, ""), 0);
  rig.Expect("RuntimeError RuntimeError");
  rig.Expect("3");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(rig.Enqueue(kHandlerPort, "") == -2 ? 3 : 1);
  int status = 0;
  Same("waitpid", ::waitpid(child, &status, 0), child);
  Require(WIFEXITED(status), "the child was killed");
  Same("the child's status", WEXITSTATUS(status), 3);
  Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
  rig.End();
}

// As a desktop app's: its executable is asked for children and becomes a Python for them.
void Multiprocessing(Rig& rig) {
  std::ofstream(rig.folder() + "/job.py") << R"(
import sys

def work(pipe, number):
    import dart_bridge
    pipe.send((number * 2, 'dart_bridge' in sys.builtin_module_names))
    sys.exit(7)
)";
  rig.Init();
  Start start;
  start.module_paths = {rig.folder()};
  start.env_keys = {"PYTHONPATH"};
  start.env_values = {rig.folder()};
  start.script = Rig::WithPrelude(R"(
import multiprocessing
import job
context = multiprocessing.get_context('spawn')
context.set_executable(os.readlink('/proc/self/exe'))
ours, theirs = context.Pipe()
lock = context.Lock()
child = context.Process(target=job.work, args=(theirs, 21))
child.start()
theirs.close()
say(ours.recv())
child.join()
say(child.exitcode)
from multiprocessing import resource_tracker
del lock
resource_tracker._resource_tracker._stop()
)");
  Same("run", rig.Run(start), 0);
  rig.Expect("(42, True)");
  rig.Expect("7");
  rig.AwaitEnded();
  Same("the code", rig.vm().Await(kExitPort).integer, 0);
}

}  // namespace

std::vector<Case> OwnCases() {
  return {{"init_without_table", InitWithoutATable},
          {"caller_free", CallerIsNotHeldUp},
          {"signaller_free", SignallerIsNotHeldUp},
          {"one_order", OneOrderForAll},
          {"on_loop", HandlersRunOnTheirLoop},
          {"loop_rules", LoopKeepsItsRules},
          {"mixed_loops", HandlersOfALoopAndOfNone},
          {"outlives_loop", OutlivesALoop},
          {"exit_in_restart", ExitInARestartHandler},
          {"bound", BoundsItsQueue},
          {"above_bound", TakesOneAboveItsBound},
          {"no_handler", CountsWhatFindsNoHandler},
          {"end_drops", CountsWhatTheEndDrops},
          {"end_waits", EndWaitsForAHandler},
          {"sent", CountsWhatIsSent},
          {"statistics_c", StatisticsFromC},
          {"no_copy", SendsWithoutACopy},
          {"late_finalizers", FinalizersOutliveTheProgram},
          {"refused_payload", RefusedPayloadIsGivenBack},
          {"streams", FullerStreams},
          {"nul_in_file", NulInAFile},
          {"starts_at_once", StartsAtOnce},
          {"registers", RegistersFromManyThreads},
          {"stop_in_start", StopInTheStart},
          {"finalize_in_start", FinalizeInTheStart},
          {"run_in_end", RunInTheEnd},
          {"redirects_all_along", RedirectsAllAlong},
          {"everything_all_along", EverythingAllAlong},
          {"fork", ForkedChild},
          {"multiprocessing", Multiprocessing}};
}

}  // namespace fletbridge::bridge_test
