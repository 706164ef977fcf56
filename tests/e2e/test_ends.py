"""The end of a session: what the app does then is its own work, what has a deadline and what has
none, whom a signal reaches, and that no moment is the wrong one.

Runs that only wait stand side by side: together() starts them all, then looks at each.
"""

import os
import re
import signal
import subprocess
import sys
import time

from harness import BIN, E2E, HOSTED, PATIENCE, Variant, every_variant
from windowed import Windowed

EACH_STAGE = [Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi")]
OTHER_HOSTINGS = [variant for variant in HOSTED if variant.hosting != "interpreter"]

HOLD = 'wait text="never" 60s\n'
SHOWN = 'wait text="shown" 20s\n'
WAITING = "waiting for the app to finish its own work"
# Longer than what an app gets that does not heed its end.
OWN_WORK = 4.5


class Ends:
    def together(self, cases, begin, check):
        """begin(case) for each, which starts a run; then check(run, case) for each."""
        for case, run in [(case, begin(case)) for case in cases]:
            with self.subTest(case):
                check(run, case)

    def said(self, run, text):
        """How often fletbridge has said this."""
        return len(re.findall(rf"(?m)^fletbridge: .*{text}", "\n".join(run.text)))


# -- the app's own work --------------------------------------------------------------------------

WORK = """
import asyncio, atexit, sys, threading, time
import flet as ft

how, seconds = sys.argv[1], float(sys.argv[2])

def save(*_):
    print("SAVING", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
    print("SAVED", flush=True)

async def save_async(e):
    print("SAVING", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.05)
    print("SAVED", flush=True)

def main(page):
    if how == "thread":
        threading.Thread(target=save).start()
    if how == "run_thread":
        page.run_thread(save)
    if how == "on_close":
        page.on_close = save
    if how == "async on_close":
        page.on_close = save_async
    page.add(ft.Text("shown"))
    print("SHOWN", flush=True)

if how == "atexit":
    atexit.register(save)
try:
    ft.run(main)
finally:
    if how == "finally":
        save()
if how == "after":
    save()
"""
WAYS = ("after", "finally", "atexit", "thread", "run_thread")
AT_CLOSE = ("on_close", "async on_close")


class Work(Ends):
    def setUp(self):
        super().setUp()
        self.app = self.box.write("app.py", WORK)

    def begin(self, way, steps):
        # Two ways may be at work at once; each begins when the session ends, if not before.
        seconds = OWN_WORK + (0.5 if way in ("thread", "run_thread") else 0)
        return self.box.headless(self.variant, self.app, way, str(seconds), steps=steps)

    def saved(self, run, code):
        self.assertEqual(run.wait(20), code, run.shown())
        self.assertEqual(run.text[0].count("SAVED"), 1, run.shown())
        self.assertEqual(self.said(run, WAITING), 1, run.shown())
        self.assertEqual(run.report()["exit"]["code"], code)


class OwnWork(Work):
    def testIsDoneToItsEndAfterTheUiHasClosed(self):
        def check(run, _):
            self.saved(run, 0)
            self.one_line(run, "Ctrl-C twice ends it")
            self.assertEqual(run.report()["exit"]["reason"], "the UI closed")

        self.together(WAYS + AT_CLOSE, lambda way: self.begin(way, SHOWN), check)


every_variant(OwnWork, EACH_STAGE + OTHER_HOSTINGS)


class OwnWorkOfASignalledApp(Work):
    def testIsDoneToItsEnd(self):
        cases = [(way, number) for way in WAYS for number in (signal.SIGINT, signal.SIGTERM)]

        def begin(case):
            run = self.begin(case[0], HOLD)
            run.wait_line("SHOWN")
            run.signal(case[1])
            return run

        self.together(cases, begin, lambda run, case: self.saved(run, 128 + case[1]))


every_variant(OwnWorkOfASignalledApp, EACH_STAGE)

ENDLESS = """
import sys, time
import flet as ft

def endless():
    print("WORKING since", time.monotonic(), flush=True)
    while True:
        try:
            time.sleep(0.05)
        except KeyboardInterrupt:
            print("CAUGHT", flush=True)

ft.run(lambda page: (page.add(ft.Text("shown")), print("SHOWN", flush=True)))
endless()
"""


class WorkWithoutAnEnd(Ends):
    def setUp(self):
        super().setUp()
        self.app = self.box.write("app.py", ENDLESS)

    def begin(self, *options, steps=SHOWN, **more):
        return self.box.headless(self.variant, self.app, steps=steps, options=options, **more)

    def testIsEndedByASecondControlCAndThatIsNoSuccess(self):
        closed = self.begin("--log-level", "debug", tty=True)
        interrupted = self.begin(steps=HOLD, tty=True)
        interrupted.wait_line("SHOWN")
        interrupted.type(b"\x03")
        interrupted.wait_line("WORKING")
        for run in (closed, interrupted):  # 3 s long nobody does anything
            run.wait_line(WAITING)
            self.assertTrue(run.alive())
        closed.type(b"\x03")
        closed.wait_line("CAUGHT")
        closed.wait_line("SIGINT: passed on")  # two at once would be one to the kernel
        for run in (closed, interrupted):
            run.type(b"\x03")
            self.assertEqual(run.wait(4), 130, run.shown())
            self.assertEqual(run.report()["exit"]["code"], 130)

    def testIsEndedByItsDeadlineAndThatIsNoSuccess(self):
        run = self.begin("--end-deadline", "1")
        # The app's own time: a line may reach us late. The deadline runs since a little before.
        begin = float(run.wait_line(r"WORKING since ([\d.]+)\n")[1])
        self.assertIn(run.wait(10), (70, 137, 143), run.shown())
        self.assertGreater(time.monotonic() - begin, 0.5)
        self.assertLess(time.monotonic() - begin, 4 * PATIENCE)
        self.one_line(run, "--end-deadline")
        self.assertEqual(run.report()["exit"]["code"], run.wait())


every_variant(WorkWithoutAnEnd, EACH_STAGE)


class TheDeadlines(E2E):
    def testAreToldByTheHelp(self):
        run = self.box.launch([BIN / "fletbridge", "run", "--help"])
        self.assertEqual(run.wait(10), 0)
        said = " ".join(run.text[0].split())
        for option, rule in (("start-deadline", "120 with --steps, else 0"),
                             ("first-frame-deadline", "120"),
                             ("end-deadline", "60 with --steps, else 0")):
            self.assertRegex(said, rf"--{option} SECONDS [^-]*(--steps[^-]*)?If not given: {rule}")

    def testAreSettings(self):
        app = self.box.write("app.py", WORK)
        run = self.box.launch([BIN / "fletbridge", "run", "--explain", "--end-deadline", "7", app],
                              env={"FLETBRIDGE_START_DEADLINE": "8"})
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertRegex(run.text[0], r"(?m)^end-deadline +7 +command line --end-deadline$")
        self.assertRegex(run.text[0], r"(?m)^start-deadline +8 +environment FLETBRIDGE_START_DEADLINE$")


# -- signals that are somebody else's ---------------------------------------------------------------

OWNERS = """
import asyncio, contextlib, os, signal, sys, threading, time
import flet as ft

how, real = sys.argv[1], sys.argv[2] == "real"
stop = loop = None

def told(*_):
    os.write(1, b"TOLD\\n")  # print() may be at work already
    if stop is not None:
        loop.call_soon_threadsafe(stop.set)

def main(page):
    loop = asyncio.get_running_loop()
    if how == "loop, in main":
        loop.add_signal_handler(signal.SIGTERM, told)
    if how == "loop, removed in main":
        loop.add_signal_handler(signal.SIGTERM, told)
        loop.remove_signal_handler(signal.SIGTERM)
    if how == "signal, in main":
        signal.signal(signal.SIGTERM, told)
    if how == "SIG_DFL, in main":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if how == "SIG_IGN, in main":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    page.add(ft.Text("shown"))
    print("SHOWN", flush=True)

class Server:
    # What uvicorn.Server does with signals, word for word in its order.
    should_exit = False

    @contextlib.contextmanager
    def capture_signals(self):
        captured = []
        before = {n: signal.signal(n, lambda number, frame: (captured.append(number), told(), self.exit()))
                  for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for n, handler in before.items():
                signal.signal(n, handler)
        for number in reversed(captured):
            signal.raise_signal(number)

    def exit(self):
        self.should_exit = True

    async def serve(self):
        with self.capture_signals():
            while not self.should_exit:
                await asyncio.sleep(0.02)
            if real:  # connections that are open
                await asyncio.sleep(2.5)
                print("OWN END", flush=True)
                os._exit(7)

async def with_a_bot():
    global loop, stop
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    if how == "loop, before":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told)
    ui = asyncio.create_task(ft.run_async(main))
    bot = asyncio.create_task(stop.wait())
    await asyncio.wait({ui, bot}, return_when=asyncio.FIRST_COMPLETED)
    if bot.done():  # told by a signal; what it does then takes longer than a deadline
        await asyncio.sleep(2.5)
        print("OWN END", flush=True)
        sys.exit(7)
    print("RETURNED", flush=True)

async def with_a_server():
    server = Server()
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(0.1)
    await ft.run_async(main)
    print("RETURNED", flush=True)
    server.exit()
    await serving

def wait():
    signal.sigwait({signal.SIGTERM})
    told()
    time.sleep(2.5)
    print("OWN END", flush=True)
    os._exit(7)

if how == "sigwait":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=wait, daemon=True).start()
    ft.run(main)
    print("RETURNED", flush=True)
elif how in ("SIG_DFL", "SIG_IGN", "signal"):
    handler = {"signal": lambda *_: told()}.get(how) or getattr(signal, how)
    signal.signal(signal.SIGTERM, handler)
    ft.run(main)
    print("RETURNED", flush=True)
elif how == "server":
    asyncio.run(with_a_server())
else:
    asyncio.run(with_a_bot())
print("SAVED", flush=True)
"""
OWNING = ("loop, before", "loop, in main", "signal, in main", "sigwait", "server")
NOT_OWNING = ("loop, removed in main", "SIG_DFL, in main", "SIG_IGN, in main", "SIG_DFL", "SIG_IGN",
              "signal")


class AnOwnerOfSignals(Ends):
    def setUp(self):
        super().setUp()
        self.app = self.box.write("app.py", OWNERS)

    def testHearsNothingOfAClosedUi(self):
        def begin(how):
            return self.box.headless(self.variant, self.app, how, "none", steps=SHOWN)

        def check(run, _):
            self.assertEqual(run.wait(20), 0, run.shown())
            self.assertEqual(run.out, b"SHOWN\nRETURNED\nSAVED\n", run.shown())
            self.assertEqual(run.err, b"", run.shown())
            self.assertEqual(run.report()["exit"], {"code": 0, "reason": "the UI closed"})

        self.together(OWNING + NOT_OWNING, begin, check)

    def testHearsARealSignalOnceAndEndsInItsOwnTime(self):
        def begin(how):
            run = self.box.headless(self.variant, self.app, how, "real", steps=HOLD)
            run.wait_line("SHOWN")
            run.signal(signal.SIGTERM)
            return run

        def check(run, _):
            self.assertEqual(run.wait(20), 7, run.shown())
            self.assertTrue(run.out.startswith(b"SHOWN\nTOLD\nOWN END\n"), run.shown())
            self.assertEqual(run.out.count(b"TOLD"), 1, run.shown())
            self.assertEqual(run.report()["exit"]["code"], 7)

        self.together(OWNING, begin, check)

    def testThatOnlyLogsGoesOnUntilASecondSignal(self):
        run = self.box.headless(self.variant, self.app, "signal", "real", steps=HOLD)
        run.wait_line("SHOWN")
        run.signal(signal.SIGTERM)
        run.wait_line("the app handles SIGTERM by itself; the same again ends it")
        self.assertEqual(run.out, b"SHOWN\nTOLD\n")
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(5), 143, run.shown())
        self.assertEqual(run.out.count(b"TOLD"), 2, run.shown())


every_variant(AnOwnerOfSignals, [*EACH_STAGE, Variant("1", "tcp")])

# -- each moment of the start -----------------------------------------------------------------------

PLAIN = """
import flet as ft

ft.run(lambda page: page.add(ft.Text("shown")))
"""


# Where an import may be when it is interrupted: exceptions become others there, or go no further.
IN_SET_NAME = """
import time

class Name:
    def __set_name__(self, owner, name):
        print("INSIDE", flush=True)
        time.sleep(60)

class Owner:
    name = Name()
"""
IN_A_WRAPPER = """
import time

try:
    print("INSIDE", flush=True)
    time.sleep(60)
except BaseException:
    raise RuntimeError("no import")
"""
IN_A_CALLBACK = """
import time, weakref

class Thing:
    pass

def gone(_):
    print("INSIDE", flush=True)
    time.sleep(60)

thing = Thing()
reference = weakref.ref(thing, gone)
del thing
time.sleep(60)
"""


class AnyMomentOfTheStart(Ends):
    AT_ONCE = 5

    def try_all(self, delays, begin, codes):
        for i in range(0, len(delays), self.AT_ONCE):
            runs = []
            for delay in delays[i:i + self.AT_ONCE]:
                run = begin()
                left = run.started + delay - time.monotonic()
                time.sleep(max(0.0, left))  # the moment itself is what is tried
                run.signal(signal.SIGTERM)
                runs.append((delay, run))
            for delay, run in runs:
                self.assertIn(run.wait(10), codes, f"after {delay} s{run.shown()}")
                self.assertNotIn("Traceback", run.text[1], f"after {delay} s{run.shown()}")
            self.box.assert_nothing_left()

    def testIsGoodForASignal(self):
        app = self.box.write("app.py", PLAIN)
        self.try_all([0.02 * i for i in range(31)],
                     lambda: self.box.headless(self.variant, app, steps=HOLD), (143,))

    def testIsNoErrorOfTheAppWhereTheInterruptBecomesOne(self):
        def begin(source):
            run = self.box.headless(self.variant, self.box.write(f"app{self.box.name('').name}.py", source), steps=HOLD)
            run.wait_line("INSIDE")
            run.signal(signal.SIGTERM)
            return run

        def check(run, _):
            self.assertEqual(run.wait(), 143, run.shown())
            self.assertNotIn("Traceback", run.text[1], run.shown())

        self.together([IN_SET_NAME, IN_A_WRAPPER, IN_A_CALLBACK], begin, check)

    def testIsGoodForASignalWhileTheUiCannotComeUp(self):
        app = self.box.write("app.py", PLAIN)
        taken = self.box.write("taken", "a file")
        self.try_all([0.02 * i for i in range(10)],
                     lambda: self.box.run(self.variant, app, ui=f"attach=unix:{taken}"), (70, 143))

    def testIsGoodForAUiThatCannotComeUp(self):
        app = self.box.write("app.py", "import time\ntime.sleep(60)\n")
        taken = self.box.write("taken", "a file")

        def check(run, _):
            self.assertEqual(run.wait(10), 70, run.shown())
            self.one_line(run, "a file of that name")

        self.together(range(8), lambda _: self.box.run(self.variant, app, ui=f"attach=unix:{taken}"), check)


every_variant(AnyMomentOfTheStart, EACH_STAGE)

SIGNALS_ITSELF = """
import os, signal
import flet as ft

set_handler = signal.signal

def and_at_once(number, handler):
    before = set_handler(number, handler)
    if number == signal.SIGTERM:
        signal.signal = set_handler
        os.kill(os.getpid(), signal.SIGTERM)
    return before

signal.signal = and_at_once
ft.run(lambda page: page.add(ft.Text("shown")))
"""


class TheMomentInWhichAHandlerIsSet(Ends):
    """ft.run() sets some, in the process whose host has to hear of a signal as well."""

    def testIsGoodForASignal(self):
        run = self.box.headless(self.variant, self.box.write("app.py", SIGNALS_ITSELF), steps=HOLD)
        self.assertEqual(run.wait(10), 143, run.shown())
        self.assertEqual(run.report()["exit"]["reason"], "ended by SIGTERM")


every_variant(TheMomentInWhichAHandlerIsSet, HOSTED)


class WithoutGtk(Windowed, Ends):
    """The window's UI says ready and then, on another thread, that it cannot be."""

    def testEveryStartEndsWithOneLineAndNoApp(self):
        folder = self.box.user / "broken"
        folder.mkdir()
        (folder / "libgtk-3.so.0").touch()
        app = self.box.write("app.py", "import time\nprint('RAN', flush=True)\ntime.sleep(60)\n")

        def check(run, _):
            self.assertEqual(run.wait(10), 70, run.shown())
            self.one_line(run, "libgtk-3")

        self.together(range(8), lambda _: self.start(app, env={"LD_LIBRARY_PATH": folder}), check)


every_variant(WithoutGtk, EACH_STAGE)

# -- the last deadline --------------------------------------------------------------------------

CLEAN_UP = """
import contextlib, os, sys, time
import flet as ft

until, starved = float(sys.argv[1]), sys.argv[2] == "starved"

def main(page):
    page.add(ft.Text("shown"))

ft.run(main)
end = time.monotonic() + until
if starved:  # the host's event loop gets next to no time
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm") as name:
            if name.read().strip() == "fletbridge-io":
                os.sched_setaffinity(int(task), {HOG})
                os.sched_setscheduler(int(task), os.SCHED_IDLE, os.sched_param(0))
while time.monotonic() < end:
    try:
        time.sleep(0.001)
    except KeyboardInterrupt:
        pass
"""
DEAF = """
import asyncio, sys, time
import flet as ft

until = float(sys.argv[1])

def block(start):
    while time.monotonic() < start + until:
        try:
            time.sleep(0.001)
        except KeyboardInterrupt:
            pass

async def main(page):
    page.add(ft.Text("shown"))
    asyncio.get_running_loop().call_later(0.2, block, time.monotonic())

ft.run(main)
"""


LIMIT = ["--end-deadline", "1"]


class AnAppThatEndsAsItsDeadlineFires(Ends):
    def ends(self, run, _):
        self.assertIn(run.wait(12), (0, 70, 137, 143), run.shown())  # by itself, or by force

    def all(self, delays, source, check, *words, options=()):
        app = self.box.write("app.py", source)
        self.together(delays, lambda delay: self.box.headless(
            self.variant, app, str(delay), *words, steps=SHOWN, options=options), check)

    def testEnds(self):
        """Late clean-up: interrupted after 1 s, ended by force after 2."""
        delays = [at + 0.01 * i for at in (1.0, 2.0) for i in (-3, -2, -1, 0, 1)]

        def check(run, delay):
            self.ends(run, delay)
            self.assertEqual(run.report()["exit"]["code"], run.wait())
            if delay > 1.2:
                self.assertNotEqual(run.wait(), 0, run.shown())

        self.all(delays, CLEAN_UP, check, "", options=LIMIT)

    def testEndsThoughTheEventLoopIsStarved(self):
        cpu = max(os.sched_getaffinity(0))
        hog = subprocess.Popen([sys.executable, "-S", "-c", f"import os\nos.sched_setaffinity(0, {{{cpu}}})\n"
                                "while True: pass"])
        try:
            delays = [2.0 + 0.02 * i for i in range(-2, 3)]
            self.all(delays, CLEAN_UP.replace("HOG", str(cpu)), self.ends, "starved", options=LIMIT)
        finally:
            hog.kill()
            hog.wait()

    def testEndsIfItHasNotHeededEither(self):
        """A blocked event loop: interrupted after 3 s, ended by force after 4."""
        delays = [at + 0.02 * i for at in (3.0, 4.0) for i in (-2, -1, 0, 1, 2)]
        self.all(delays, DEAF, self.ends)


every_variant(AnAppThatEndsAsItsDeadlineFires, EACH_STAGE)

# -- a slow start -------------------------------------------------------------------------------

LATE = "import sys, time\ntime.sleep(float(sys.argv[1]))\n" + PLAIN
SLOW_REGISTRATION = """
import time
import flet as ft

ft.run(lambda page: page.add(ft.Text("shown")), before_main=lambda page: time.sleep(60))
"""
SLOW_MAIN = """
import time
import flet as ft

ft.run(lambda page: time.sleep(60))
"""
MAIN_ASKS = """
import flet as ft

def main(page):
    print("IT IS", input("who? "), flush=True)
    page.add(ft.Text("shown"))

ft.run(main)
"""
ASKS = "name = input('who? ')\nprint('IT IS', name, flush=True)\n" + PLAIN


class ASlowStart(Ends):
    def run_of(self, source, *words, steps=SHOWN, options=(), **more):
        app = self.box.write(f"app{self.box.name('').name}.py", source)
        return self.box.headless(self.variant, app, *words, steps=steps, options=options, **more)

    def testEndsWithALineThatNamesTheOptionWhereOneIsGiven(self):
        cases = [(LATE, ["60"], "--start-deadline", 70), (SLOW_REGISTRATION, [], "--start-deadline", 70),
                 (SLOW_MAIN, [], "--first-frame-deadline", 1)]

        def check(run, case):
            *_, option, code = case
            self.assertEqual(run.wait(12), code, run.shown())
            self.assertEqual(self.said(run, f"within 2 s.*{option} SECONDS"), 1, run.shown())
            self.assertEqual(run.report()["exit"]["code"], code)

        self.together(cases, lambda case: self.run_of(case[0], *case[1], options=[case[2], "2"]), check)

    def testIsWaitedForAndThatIsSaidAfterTenSeconds(self):
        def check(run, case):
            self.assertEqual(run.wait(30), 0, run.shown())
            self.assertEqual(self.said(run, "still waiting for the app to listen"), case[1], run.shown())

        self.together([("5", 0), ("11", 1)], lambda case: self.run_of(LATE, case[0]), check)

    def testIsNotLateWhileAPersonIsAsked(self):
        # What is not the asking has to fit into the deadlines, beside a busy machine too.
        runs = [self.run_of(ASKS, options=["--start-deadline", "8"], tty=True),
                self.run_of(MAIN_ASKS, options=["--first-frame-deadline", "8"], tty=True)]
        for run in runs:
            run.wait_line(r"who\? ")
        time.sleep(9)
        for run in runs:
            run.type(b"Ann\n")
        for run in runs:
            run.wait_line("IT IS Ann")
            self.assertEqual(run.wait(), 0, run.shown())


every_variant(ASlowStart, EACH_STAGE)


class ASlowStartInAWindow(Windowed, Ends):
    def testIsNeverASuccess(self):
        app = self.box.write("app.py", "import time\ntime.sleep(60)\n")
        run = self.start(app, options=["--start-deadline", "2"])
        self.assertEqual(run.wait(15), 70, run.shown())
        self.assertEqual(self.said(run, "did not listen within 2 s.*--start-deadline SECONDS"), 1, run.shown())
        self.assertEqual(run.report()["exit"]["code"], 70)


every_variant(ASlowStartInAWindow, EACH_STAGE)
