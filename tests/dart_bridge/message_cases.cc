// Messages both ways, what they cost and what bounds them, the streams: cases 29 to 47, 59 to 61.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

// A handler on the usual port that says what it is given.
constexpr const char* kSayingHandler = R"(
bridge.set_enqueue_handler_func(77, lambda data: say(type(data).__name__, data.decode()))
park()
)";

void CopiesBytes(Rig& rig) {
  rig.Park(kSayingHandler);
  std::string buffer(64, 'a');
  Same("enqueue", rig.Enqueue(kHandlerPort, buffer), 0);
  std::fill(buffer.begin(), buffer.end(), 'X');
  rig.Expect("bytes " + std::string(64, 'a'));
  rig.End();
}

void EmptyMessage(Rig& rig) {
  rig.Park(kSayingHandler);
  Same("enqueue", rig.bridge().enqueue(kHandlerPort, nullptr, 0), 0);
  rig.Expect("bytes ");
  rig.End();
}

// The original makes a bytes object and leaves it uninitialised.
void NoData(Rig& rig) {
  rig.Park("bridge.set_enqueue_handler_func(77, lambda data: say(len(data)))\npark()\n");
  Same("enqueue", rig.bridge().enqueue(kHandlerPort, nullptr, 8), rig.original() ? 0 : -1);
  if (rig.original()) rig.Expect("8");
  Same("enqueue", rig.Enqueue(kHandlerPort, "next"), 0);
  rig.Expect("4");
  rig.End();
}

void ImpossibleLength(Rig& rig) {
  rig.Capture();
  rig.Park(kSayingHandler);
  const char byte = 'x';
  for (const std::size_t length : {SIZE_MAX, std::size_t{1} << 63}) {
    Same("enqueue", rig.bridge().enqueue(kHandlerPort, &byte, length), -1);
  }
  Same("enqueue", rig.Enqueue(kHandlerPort, "next"), 0);
  rig.Expect("bytes next");
  rig.End();
}

void UnknownPorts(Rig& rig) {
  rig.Park(kSayingHandler);
  for (const std::int64_t port : {std::int64_t{78}, std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    Same("enqueue", rig.Enqueue(port, "x"), -1);
  }
  rig.End();
}

// Collects what is printed on sys.stderr.
constexpr const char* kCollectErrors = R"(
class Errors:
    text = ""
    def write(self, text):
        Errors.text += str(text)
        return len(str(text))
    def flush(self):
        pass
sys.stderr = Errors()
)";

void HandlerRaises(Rig& rig) {
  rig.Park(std::string(kCollectErrors) + R"(
def handler(data):
    if data == b'raise':
        raise ValueError('out of tea')
    say('Traceback' in Errors.text, 'ValueError: out of tea' in Errors.text)
bridge.set_enqueue_handler_func(77, handler)
park()
)");
  Same("enqueue", rig.Enqueue(kHandlerPort, "raise"), 0);
  Same("enqueue", rig.Enqueue(kHandlerPort, "next"), 0);
  rig.Expect("True True");
  rig.End();
}

void HandlerExits(Rig& rig) {
  rig.Park(std::string(kCollectErrors) + R"(
def handler(data):
    if data == b'exit':
        sys.exit(5)
    say('SystemExit' in Errors.text, data.decode())
bridge.set_enqueue_handler_func(77, handler)
park()
)");
  Same("enqueue", rig.Enqueue(kHandlerPort, "exit"), 0);
  Same("enqueue", rig.Enqueue(kHandlerPort, "next"), 0);
  rig.Expect("True next");
  rig.End();
}

void KeepsOrder(Rig& rig) {
  rig.Park(R"(
numbers = []
def handler(data):
    number = int.from_bytes(data[:4], 'little')
    right = len(data) == 4 + number % 300 and data[4:] == bytes([97 + number % 26]) * (number % 300)
    numbers.append(number if right else -1)
    if number == 999:
        say(numbers == list(range(1000)))
bridge.set_enqueue_handler_func(77, handler)
park()
)");
  std::string buffer;
  for (std::uint32_t number = 0; number < 1000; ++number) {
    buffer = Numbered(number, 4 + number % 300);
    Same("enqueue", rig.Enqueue(kHandlerPort, buffer), 0);
    std::fill(buffer.begin(), buffer.end(), 'X');
  }
  rig.Expect("True");
  rig.End();
}

// Upstream's document promises one at a time per port; the original lets callers overlap.
void HandlersAtOnce(Rig& rig) {
  const std::string wait = rig.original() ? "20" : "0.2";
  rig.Park(R"(
inside, most, handled = 0, 0, 0
changed = threading.Condition()
def handler(data):
    global inside, most, handled
    with changed:
        inside += 1
        most = max(most, inside)
        changed.notify_all()
        changed.wait_for(lambda: most > 1, )" +
           wait + R"()
        inside -= 1
        handled += 1
        if handled == 2:
            say(most)
bridge.set_enqueue_handler_func(77, handler)
park()
)");
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] { refused += rig.Enqueue(kHandlerPort, "x") == 0 ? 0 : 1; });
  }
  for (std::thread& caller : callers) caller.join();
  Same("refused", refused.load(), 0);
  rig.Expect(rig.original() ? "2" : "1");
  rig.End();
}

void ReplacesHandlers(Rig& rig) {
  rig.Park(R"(
def old(data):
    say('old', data.decode())
def new(data):
    say('new', data.decode())
def change(data):
    if data == b'replace':
        bridge.set_enqueue_handler_func(77, new)
    else:
        say(bridge.set_enqueue_handler_func(77, None))
    say('changed')
bridge.set_enqueue_handler_func(77, old)
bridge.set_enqueue_handler_func(78, change)
park()
)");
  Same("enqueue", rig.Enqueue(kHandlerPort, "1"), 0);
  rig.Expect("old 1");
  Same("enqueue", rig.Enqueue(78, "replace"), 0);
  rig.Expect("changed");
  Same("enqueue", rig.Enqueue(kHandlerPort, "2"), 0);
  rig.Expect("new 2");
  for (int i = 0; i < 2; ++i) {
    Same("enqueue", rig.Enqueue(78, "remove"), 0);
    rig.Expect("None");
    rig.Expect("changed");
    Same("enqueue", rig.Enqueue(kHandlerPort, "3"), -1);
  }
  rig.End();
}

void HandlerRemovesItself(Rig& rig) {
  rig.Park(R"(
def handler(data):
    bridge.set_enqueue_handler_func(77, None)
    say('to its end', data.decode())
bridge.set_enqueue_handler_func(77, handler)
del handler
park()
)");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), 0);
  rig.Expect("to its end x");
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -1);
  rig.End();
}

void ChecksHandlers(Rig& rig) {
  Same("run", rig.RunSync(R"(
def kind(*arguments):
    return caught(bridge.set_enqueue_handler_func, *arguments).split(':')[0]
say(kind(77, 5), kind('1', None), kind(1.0, None), kind(None, None), kind(1), kind(1, None, 2))
say(caught(bridge.set_enqueue_handler_func, 77, 5))
say(kind(2 ** 63, None), kind(-2 ** 63 - 1, None))
class Index:
    def __index__(self):
        return 9
for port in (2 ** 63 - 1, -2 ** 63, True, 0, Index()):
    say(kind(port, print), kind(port, None))
say(sorted(name for name in dir(bridge) if not name.startswith('__')), bridge.__doc__,
    bridge.__spec__.origin)
)"),
       0);
  rig.Expect("TypeError TypeError TypeError TypeError TypeError TypeError");
  rig.Expect("TypeError: second argument must be callable or None");
  rig.Expect("OverflowError OverflowError");
  for (int i = 0; i < 5; ++i) rig.Expect("returned None returned None");
  rig.Expect(
      "['_native_log_write', 'add_session_restart_handler', 'send_bytes', "
      "'set_enqueue_handler_func'] None built-in");
}

void HandlerWithAWill(Rig& rig) {
  rig.Park(R"(
class Old:
    def __call__(self, data):
        say('old')
    def __del__(self):
        bridge.set_enqueue_handler_func(77, None)
        say('gone')
def replace(data):
    bridge.set_enqueue_handler_func(77, lambda data: say('new'))
    say('replaced')
bridge.set_enqueue_handler_func(77, Old())
bridge.set_enqueue_handler_func(78, replace)
park()
)");
  Same("enqueue", rig.Enqueue(78, ""), 0);
  const std::string heard = rig.Hear() + " " + rig.Hear();
  Require(heard == "gone replaced" || heard == "replaced gone", "the script says " + heard);
  Same("enqueue", rig.Enqueue(kHandlerPort, ""), 0);
  rig.Expect("new");
  rig.End();
}

void SendsOrSaysWhy(Rig& rig) {
  rig.Init();
  rig.vm().Close(6);
  Same("run", rig.RunSync(R"(
say(caught(bridge.send_bytes, 0, b'x'))
say(caught(bridge.send_bytes, 6, b'x'))
say(caught(bridge.send_bytes, 5, b'x'))
say(caught(bridge.send_bytes, 2 ** 62 + 1, b'y'))
)"),
       0);
  rig.Expect("RuntimeError: Dart port is 0 (invalid)");
  rig.Expect("RuntimeError: Dart_PostCObject_DL failed");
  rig.Expect("returned True");
  rig.Expect("returned True");
  Same("on port 5", rig.vm().Await(5).bytes, "x");
  Same("on a large port", rig.vm().Await((std::int64_t{1} << 62) + 1).bytes, "y");
}

void ChecksPayloads(Rig& rig) {
  rig.Init();
  Same("run", rig.RunSync(R"(
import array
def kind(*arguments):
    return caught(bridge.send_bytes, *arguments).split(':')[0]
for payload in (bytearray(b'x'), memoryview(b'x'), array.array('b', [1]), 'x', None, 5):
    say(kind(5, payload), kind(0, payload))
say(kind(5), kind(), kind(5, b'x', 1), kind('5', b'x'), kind(2 ** 63, b'x'))
)"),
       0);
  for (int i = 0; i < 6; ++i) rig.Expect("TypeError TypeError");
  rig.Expect("TypeError TypeError TypeError TypeError OverflowError");
  Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
}

void ArrivesAsTypedData(Rig& rig) {
  rig.Init();
  const std::vector<std::size_t> sizes{0,           1, 64, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1,
                                       1 * kMiB + 3};
  std::string list;
  for (const std::size_t size : sizes) list += std::to_string(size) + ", ";
  Same("run",
       rig.RunSync("for size in (" + list +
                   "):\n    bridge.send_bytes(5, bytes([97 + size % 26]) * size)\n"),
       0);
  for (std::size_t n = 0; n < sizes.size(); ++n) {
    const Posted posted = rig.vm().Await(5, n);
    const bool large = sizes[n] >= 64 * kKiB;
    const bool external =
        posted.type == kExternalTypedData || posted.type == kUnmodifiableExternalTypedData;
    Require(rig.original() || !large ? posted.type == kTypedData : external,
            std::to_string(sizes[n]) + " bytes come as type " + std::to_string(posted.type));
    Same("the element type", posted.element, kUint8);
    Same("the length", posted.length, static_cast<std::int64_t>(sizes[n]));
    Require(posted.bytes == std::string(sizes[n], static_cast<char>('a' + sizes[n] % 26)),
            "the bytes differ");
  }
  rig.vm().AwaitFinalized();
}

// A VM that takes its time over a large message. The original keeps the GIL meanwhile.
void SlowPost(Rig& rig) {
  std::atomic<bool> went_on{false};
  rig.vm().on_post = [&](const Posted& posted) {
    if (posted.port != 5) return;
    const auto deadline = std::chrono::steady_clock::now() +
                          (rig.original() ? std::chrono::milliseconds(300) : kPatience);
    while (!rig.HasHeard() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    went_on = rig.HasHeard();
  };
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(R"(
posting = False
def other():
    ticks = 0
    while ticks < 50:
        time.sleep(0.001)
        ticks += posting
    say('ticked')
thread = threading.Thread(target=other)
thread.start()
posting = True
bridge.send_bytes(5, bytes(1 << 20))
thread.join()
)");
  Same("run", rig.Run(start), 0);
  rig.AwaitEnded();
  rig.Expect("ticked");
  Same("other Python threads went on", went_on.load(), rig.original() ? 0 : 1);
}

void EnqueueInsideAPost(Rig& rig) {
  std::int64_t end_port = 9000;
  for (const char* size : {"10", "100000"}) {
    std::atomic<int> code{1};
    rig.vm().on_post = [&](const Posted& posted) {
      if (posted.port == 5) code = rig.Enqueue(kHandlerPort, "nested");
    };
    rig.Init();
    Start start;
    start.script = Rig::WithPrelude(std::string(R"(
bridge.set_enqueue_handler_func(77, lambda data: say('handled', data.decode()))
bridge.set_enqueue_handler_func(78, lambda data: bridge.send_bytes(5, bytes()") +
                                    size + R"()))
park()
)");
    start.completion_port = ++end_port;
    Same("run", rig.Run(start), 0);
    rig.Expect("parked");
    Same("enqueue", rig.Enqueue(78, "post"), 0);  // from a handler
    rig.Expect("handled nested");
    Same("enqueue inside a post", code.load(), 0);
    rig.Send(kEndPort, "");
    rig.AwaitEnded(start.completion_port);
  }
}

// Longer than the original's 32 bits of length.
void TooLarge(Rig& rig) {
  rig.vm().keep_bytes = false;
  rig.Init();
  Same("run", rig.RunSync("say(caught(bridge.send_bytes, 5, bytes(2 ** 31 + 5)).split(' ')[0])\n"),
       0);
  const std::string got = rig.Hear();
  if (rig.original()) {
    Same("the script says", got, "returned");
    Same("the length", rig.vm().Await(5).length, -2147483643);
  } else {
    Require(got.ends_with("Error:"), "the script says " + got);
    Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
  }
}

void Streams(Rig& rig) {
  rig.Capture();
  Same("run", rig.RunSync(R"(
say(sys.stdout.write(''), sys.stdout.write('abc\n'), sys.stdout.isatty(), sys.stderr.isatty())
try:
    sys.stdout.fileno()
except OSError:
    say('OSError', type(sys.__stdout__).__name__)
print('a line', 'é')
print('an error', file=sys.stderr)
sys.stdout.flush()
bridge._native_log_write(0, 'native out\n')
bridge._native_log_write(1, b'native err\n')
say(caught(bridge._native_log_write, 0, '\ud800').split(':')[0], caught(bridge._native_log_write, 0))
)"),
       0);
  rig.Expect("0 4 False False");
  rig.Expect("OSError TextIOWrapper");
  Require(rig.Hear().starts_with("UnicodeEncodeError TypeError"), "bad text is taken");
  Same("stdout", rig.captured_stdout(), "abc\na line é\nnative out\n");
  const std::string errors = rig.captured_stderr();
  Require(errors.find("an error\n") != std::string::npos, "stderr has " + errors);
  Require(errors.find("native err\n") != std::string::npos, "stderr has " + errors);
}

// A loop that is busy while 312 MiB come in. The original takes everything.
void BlockedLoop(Rig& rig) {
  constexpr int kMessages = 5000;
  constexpr std::size_t kSize = 64 * kKiB;
  constexpr std::size_t kCap = 64 * kMiB;  // the default
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(R"(
import asyncio
async def main():
    loop, queue, seen = asyncio.get_running_loop(), asyncio.Queue(), []
    bridge.set_enqueue_handler_func(
        77, lambda data: loop.call_soon_threadsafe(queue.put_nowait, data))
    say('blocked')
    gate()
    wanted = None
    def last(data):
        loop.call_soon_threadsafe(queue.put_nowait, None)
    bridge.set_enqueue_handler_func(78, last)
    say('going')
    while (data := await queue.get()) is not None:
        seen.append(int.from_bytes(data[:4], 'little') if len(data) == 65536 else -1)
    say('increasing', int(all(a < b for a, b in zip(seen, seen[1:]))))
    say('handled', len(seen))
    await park_loop()
asyncio.run(main())
)");
  Same("run", rig.Run(start), 0);
  rig.Expect("blocked");
  const std::size_t before = ResidentBytes();
  int accepted = 0;
  for (std::uint32_t number = 0; number < kMessages; ++number) {
    const int code = rig.Enqueue(kHandlerPort, Numbered(number, kSize));
    Require(code == 0 || code == -1, "enqueue: " + std::to_string(code));
    accepted += code == 0 ? 1 : 0;
  }
  const std::size_t grown = ResidentBytes() - std::min(before, ResidentBytes());
  rig.OpenGate();
  rig.Expect("going");
  rig.Send(78, "");
  Same("the order is kept", rig.HearNumber("increasing"), 1);
  Same("handled of what was accepted", rig.HearNumber("handled"), accepted);
  rig.Tell("accepted " + std::to_string(accepted) + " of " + std::to_string(kMessages) +
           ", memory grew by " + std::to_string(grown / kMiB) + " MiB");
  if (rig.original()) {
    Same("accepted", accepted, kMessages);
    Require(grown > 250 * kMiB, "memory did not grow");
  } else {
    Require(static_cast<std::size_t>(accepted) >= kCap / kSize - 1,
            "the queue is smaller than said");
    Require(static_cast<std::size_t>(accepted) <= kCap / kSize + 1,
            "the queue is larger than said");
    // A quarter above for what the allocator keeps; sanitizers keep more and are not asked.
    Require(BRIDGE_PATIENCE > 1 || grown <= kCap + kCap / 4, "memory grew beyond the cap");
  }
  rig.Expect("parked");
  rig.End();
}

using Times = std::vector<std::chrono::microseconds>;

std::chrono::microseconds At(const Times& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

// How long each call took, sorted. A pause after each lets Python go back to work: two calls in a
// row would find the GIL free.
Times TimeEnqueue(Rig& rig, const std::function<bool(std::size_t)>& more) {
  Times times;
  do {
    const auto from = std::chrono::steady_clock::now();
    Same("enqueue", rig.Enqueue(kHandlerPort, "0123456789abcdef"), 0);
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - from));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  } while (more(times.size()));
  std::sort(times.begin(), times.end());
  return times;
}

// For the test that compares both libraries: "times TYPICAL WORST".
void TellTimes(Rig& rig, std::chrono::microseconds typical, std::chrono::microseconds worst) {
  rig.Tell("times " + std::to_string(typical.count()) + " " + std::to_string(worst.count()));
}

// A thread computes in Python and gives the GIL away only every switch interval. The interval is
// the yardstick: whoever waits for the GIL takes that long.
void ComputingThread(Rig& rig) {
  constexpr std::chrono::milliseconds kInterval{50};
  rig.Park(R"(
bridge.set_enqueue_handler_func(77, lambda data: None)
def compute():
    while True:
        sum(range(10))
sys.setswitchinterval(0.05)
threading.Thread(target=compute, daemon=True).start()
park()
)");
  const std::size_t calls = rig.original() ? 40 : 1500;
  const Times times = TimeEnqueue(rig, [&](std::size_t n) { return n < calls; });
  // On a busy machine the thread may have no processor for a while, and then nobody waits for it.
  const double typical = rig.original() ? 0.9 : 0.5;
  TellTimes(rig, At(times, typical), At(times, 0.99));
  if (rig.original()) {
    Require(At(times, typical) >= kInterval / 2, "it does not wait for the GIL");
  } else {
    Require(At(times, 0.99) < kInterval / 2, "it waits for the GIL");
  }
}

// One C call that keeps the GIL to its end, which is the yardstick here.
void LongCall(Rig& rig) {
  rig.Park(R"(
bridge.set_enqueue_handler_func(77, lambda data: None)
def compute():
    gate()
    say('begin')
    7 ** int('4000000')  # not a constant, which the compiler would fold
    say('end')
threading.Thread(target=compute, daemon=True).start()
park()
)");
  rig.OpenGate();
  rig.Expect("begin");
  const auto from = std::chrono::steady_clock::now();
  const Times times = TimeEnqueue(rig, [&](std::size_t) { return !rig.HasHeard(); });
  const auto whole = std::chrono::steady_clock::now() - from;
  rig.Expect("end");
  TellTimes(rig, times.back(), times.back());
  if (rig.original()) {
    Require(times.back() > whole / 2, "it does not wait for the GIL");
  } else {
    Require(times.back() < whole / 2, "it waits for the GIL");
  }
}

}  // namespace

std::vector<Case> MessageCases() {
  return {{"29", CopiesBytes},
          {"30", EmptyMessage},
          {"31", NoData},
          {"32", ImpossibleLength},
          {"33", UnknownPorts},
          {"34", HandlerRaises},
          {"35", HandlerExits},
          {"36", KeepsOrder},
          {"37", HandlersAtOnce},
          {"38", ReplacesHandlers},
          {"39", HandlerRemovesItself},
          {"40", ChecksHandlers},
          {"41", HandlerWithAWill},
          {"42", SendsOrSaysWhy},
          {"43", ChecksPayloads},
          {"44", ArrivesAsTypedData},
          {"45", SlowPost},
          {"46", EnqueueInsideAPost},
          {"47", TooLarge},
          {"59", Streams},
          {"60", BlockedLoop},
          {"61", ComputingThread},
          {"61_long_call", LongCall}};
}

}  // namespace fletbridge::bridge_test
