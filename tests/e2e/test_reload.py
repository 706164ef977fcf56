"""Hot reload: `run -d` and `-r` start the app again at each save, behind the same UI."""

import json
import os
import re
import signal
import time

import g3
from harness import BIN, PATIENCE, Variant, every_variant, status_kib, wait_gone
from windowed import Windowed

EDITS = int(os.environ.get("FLETBRIDGE_E2E_EDITS", "6"))  # of a window; 50 by hand
ONE_OF_EACH = [Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi")]

APP = """
import atexit, sys, time
import flet as ft
atexit.register(lambda: print("ATEXIT NUMBER", flush=True))
def main(page):
    page.on_close = lambda e: print("CLOSED NUMBER", flush=True)
    page.add(ft.Text("vNUMBER"))
    print("SHOWN NUMBER", flush=True)
try:
    ft.run(main)
finally:
    END
    print("FINALLY NUMBER", flush=True)
"""


def app(number, end="pass"):
    return APP.replace("NUMBER", str(number)).replace("END", end)


class Reloading:
    """Runs that are told of by the client of an attach UI, which reconnects as Flet's own does."""

    def start(self, *options, source=None, name="app.py", **more):
        self.file = self.box.write(name, source or app(0))
        return self.box.attach(self.variant, self.file, options=options or ["-d"], **more)

    def until(self, run, seen):
        """Comes back, as Flet's own client does, until one connection has lasted until `seen`."""
        deadline = time.monotonic() + 60 * PATIENCE
        while True:
            with self.client(run) as client:
                try:
                    client.pump(lambda: seen(client), deadline - time.monotonic())
                    return client
                except (g3.Closed, ConnectionError):
                    self.assertLess(time.monotonic(), deadline, run.shown())

    def shows(self, run, text):
        self.until(run, lambda client: text in client.texts())

    def crash(self, run):
        return self.until(run, lambda client: client.crashes).crashes[0]


class Reload(Reloading):
    def testEachSaveStartsTheAppAgainBehindTheSameUi(self):
        steps = "".join(f'wait text="v{i}" 60s\n' for i in range(4))
        script = self.box.write("app.py", app(0))
        run = self.box.headless(self.variant, script, steps=steps, options=["-d"])
        for i in range(4):
            run.wait_line(f"^SHOWN {i}$", 60)
            if i < 3:
                script.write_text(app(i + 1))
        self.assertEqual(run.wait(30), 0, run.shown())
        # Each start has come to its end before the next one began.
        self.assertEqual(re.findall(r"^(?:SHOWN|FINALLY|ATEXIT) \d", run.text[0], re.M),
                         [f"{word} {i}" for i in range(4) for word in ("SHOWN", "FINALLY", "ATEXIT")])
        report = run.report()
        self.assertEqual((report["reloads"], report["exit"]["code"]), (3, 0))
        self.assertEqual(report["used"]["stage"], self.variant.stage)

    def testASyntaxErrorIsShownAndTheNextSaveHeals(self):
        run = self.start()
        self.shows(run, "v0")
        self.file.write_text("import flet as ft\nft.run(\n")
        run.wait_line("starts again when a file is saved", 30)
        self.assertRegex(self.crash(run), r"(?s)^SyntaxError: [^\n]*\(app.py, line 2\)\n.*app.py.*ft\.run\(")
        self.assertEqual(run.text[1].count("SyntaxError: "), 1, "once at the terminal" + run.shown())
        self.file.write_text("import flet as ft\nraise ValueError('not yet')\n")
        run.wait_line("ValueError: not yet", 30)
        run.wait_line("(?s)(starts again when a file is saved.*){2}", 30)
        self.assertRegex(self.crash(run), r"^ValueError: not yet \(app.py, line 2\)\nTraceback")
        self.file.write_text(app(1))
        self.shows(run, "v1")
        self.assertEqual(self.stop(run, signal.SIGINT, 20), 130, run.shown())

    def testASaveWhileTheAppStartsStartsItAgain(self):
        run = self.start(source="import time\nprint('IMPORTING', flush=True)\ntime.sleep(600)\n")
        run.wait_line("^IMPORTING$", 60)
        self.file.write_text(app(1))
        self.shows(run, "v1")
        self.assertEqual(self.stop(run, signal.SIGTERM, 20), 143, run.shown())


every_variant(Reload, [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"), Variant("3", "ffi")])


class ReloadedEnds(Reloading):
    def testWhatTheOldStartSavesIsNotCutOff(self):
        run = self.start(source=app(0, "time.sleep(5)"))
        self.shows(run, "v0")
        self.file.write_text(app(1))
        run.wait_line("waiting for the app to finish its own work", 30)
        self.shows(run, "v1")
        run.wait_line("^SHOWN 1$")
        self.assertLess(run.text[0].index("FINALLY 0"), run.text[0].index("SHOWN 1"))
        self.stop(run, signal.SIGTERM, 20)

    def testAnAppThatHangsIsEndedByForceAndTheNextOneStarts(self):
        run = self.start(source="import flet as ft, time\nasync def main(page):\n    page.add(ft.Text('v0'))\n"
                                "    page.update()\n    print('HANGS', flush=True)\n    time.sleep(600)\nft.run(main)\n")
        with self.client(run):
            run.wait_line("^HANGS$", 60)
            self.file.write_text(app(1))
            self.shows(run, "v1")
        self.assertIn("did not heed that its UI had closed, and was ended by force", run.text[1])
        self.stop(run, signal.SIGTERM, 20)

    def testAClientThatHasNotRegisteredYetIsServedByTheNextStart(self):
        # Sent away at that moment, Flet's own comes back twice at once.
        run = self.start(source="print('UP 0', flush=True)\n" + app(0))
        client = g3.Client.connect(run.address, 20, run.alive)
        self.addCleanup(client.close)
        run.wait_line("^UP 0$", 60)
        self.file.write_text("print('UP 1', flush=True)\n" + app(1))
        run.wait_line("^UP 1$", 60)
        client.register()
        client.expect_text("v1")
        client.close()
        self.stop(run, signal.SIGTERM, 20)

    def testKillingTheHolderLeavesNothing(self):
        run = self.start()
        self.shows(run, "v0")
        run.signal(signal.SIGKILL)
        self.assertEqual(run.wait(), 137)
        self.assertEqual(wait_gone(self.box.processes(), 10), [])
        # What a killed run leaves on the disk is removed by the next.
        again = self.start()
        self.shows(again, "v0")
        self.stop(again, signal.SIGTERM, 20)

    def testAnAppThatDiesIsShownAndTheNextSaveHeals(self):
        run = self.start()
        self.shows(run, "v0")
        self.file.write_text("import os\nos.kill(os.getpid(), 9)\n")
        run.wait_line("the app has ended with exit code 137; it starts again", 30)
        self.assertRegex(self.crash(run), "killed by SIGKILL|exit code 137")
        self.file.write_text(app(1))
        self.shows(run, "v1")
        self.stop(run, signal.SIGTERM, 20)

    def testControlCAtATerminalEndsAll(self):
        run = self.start(tty=True)
        self.shows(run, "v0")
        self.file.write_text(app(1))
        self.shows(run, "v1")
        run.type(b"\x03")
        self.assertEqual(run.wait(20), 130, run.shown())
        self.assertIn("FINALLY 1", run.text[0])

    def testAtATerminalTheAppHasATerminalForItsErrors(self):
        run = self.start(tty=True, source="import sys\nprint('TTY', sys.stderr.isatty(), flush=True)\n")
        run.wait_line("^TTY True", 60)
        run.wait_line("exit code 0; it starts again", 30)
        run.type(b"\x03")
        self.assertNotEqual(run.wait(20), 0, run.shown())


every_variant(ReloadedEnds, [Variant("1", "uds"), Variant("3", "ffi")])


class ReloadedSources(Reloading):
    def saved(self, run):
        return re.findall(r"fletbridge: (.*) was saved", run.text[1])

    def testWhatToolsAndTheAppItselfWriteDoesNotStartIt(self):
        self.box.write("lib/part.py", "TEXT = 'v0'\n")
        self.box.write(".venv/pyvenv.cfg", "")
        self.box.write("env/pyvenv.cfg", "")
        self.box.write("env/lib/x.py", "")
        self.box.write("data/x.json", "")
        source = ("import flet as ft, lib.part, pathlib\n"
                  "def main(page):\n    for name in ('app.log', 'env/lib/x.py', 'data/x.json', 'lib/.part.py.swp', 'store.db'):\n"
                  "        (pathlib.Path(__file__).parent / name).write_text('x')\n"
                  "    page.add(ft.Text(lib.part.TEXT))\nft.run(main)\n")
        run = self.start("-r", "--ignore-dirs", "data", source=source)
        self.shows(run, "v0")
        part = self.box.app / "lib/part.py"
        new = self.box.app / "lib/.part.py.new"
        new.write_text("TEXT = 'v1'\n")
        new.rename(part)  # as editors save
        self.shows(run, "v1")
        part.unlink()
        self.box.write("lib/part/__init__.py", "from lib.part.more import TEXT\n")
        self.box.write("lib/part/more.py", "TEXT = 'v2'\n")
        self.shows(run, "v2")
        self.box.write("lib/part/more.py", "TEXT = 'v3'\n")
        self.shows(run, "v3")
        self.stop(run, signal.SIGTERM, 20)
        self.assertEqual([path for path in self.saved(run) if not path.startswith("lib/part")], [], run.shown())

    def testTheScriptMayGoComeBackAndBeALink(self):
        real = self.box.write("other/real.py", app(0))
        self.file = self.box.app / "app.py"
        self.file.symlink_to(real)
        run = self.box.attach(self.variant, self.file, options=["-d"])
        self.shows(run, "v0")
        real.write_text(app(1))
        self.shows(run, "v1")
        self.file.unlink()
        run.wait_line("app.py has gone; the app starts again when it is back", 20)
        self.shows(run, "v1")
        self.file.write_text(app(2))
        self.shows(run, "v2")
        self.stop(run, signal.SIGTERM, 20)

    def testWhatTheRunWritesItselfIsNoSource(self):
        files = [self.box.app / name for name in ("session", "report.json")]
        self.file = self.box.write("app.py", app(0))
        run = self.box.attach(self.variant, self.file, report=False,
                              options=["-r", "--record", files[0], "--report", files[1]])
        self.shows(run, "v0")
        self.file.write_text(app(1))
        self.shows(run, "v1")
        self.stop(run, signal.SIGTERM, 20)
        self.assertEqual(self.saved(run), ["app.py"])
        self.assertEqual(json.loads(files[1].read_text())["reloads"], 1)
        both = self.box.launch([BIN / "fletbridge", "inspect", files[0]])
        self.assertEqual(both.wait(), 0, both.shown())

    def testARolloutChoosesTheStageAndCountsNoStart(self):
        self.box.write("flags.json", json.dumps({"flags": {"fletbridge.stage": {
            "state": "ENABLED", "variants": {"one": "1", "two": "2"}, "defaultVariant": "two"}}}))
        self.file = self.box.write("app.py", "raise SystemExit(3)")
        metrics = self.box.app / "m.prom"
        run = self.box.attach(None, self.file, address=f"unix:{self.box.name('ui')}", options=["-d", "--rollout", "flags.json", "--metrics", metrics])
        run.wait_line("exit code 3; it starts again when a file is saved", 60)
        self.file.write_text(app(1))
        self.shows(run, "v1")
        self.stop(run, signal.SIGTERM, 20)
        self.assertEqual(run.report()["used"]["stage"], "2")
        state = self.box.user / ".local/state/fletbridge"
        self.assertEqual([path for path in state.rglob("*") if path.name == "book.json" or path.parent.name == "starts"], [])
        self.assertFalse(metrics.exists())

    def testExplainSaysHow(self):
        file = self.box.write("app.py", app(0))
        run = self.box.run(self.variant, file, ui="headless", options=["-r", "--explain"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn(f"hot reload: of what is saved in {self.box.app} and below;", run.text[0])


every_variant(ReloadedSources, [Variant("1", "uds")])

COLOURED = """
import flet as ft
def main(page):
    page.title = "Reloaded"
    page.padding = 0
    page.add(ft.Container(width=1280, height=720, bgcolor="COLOUR"))
    print("SHOWN COLOUR", flush=True)
ft.run(main)
"""


def colour(number):
    return bytes((20 + 37 * number % 200, 20 + 91 * number % 200, 20 + 53 * number % 200))


def coloured(number):
    return COLOURED.replace("COLOUR", "#" + colour(number).hex())


class ReloadedWindow(Windowed):
    def testEachEditIsSeenInTheSameWindowAndNothingIsLeftOver(self):
        file = self.box.write("app.py", coloured(0))
        run = self.start(file, options=["-d"])
        memory, processes = [], []
        for i in range(EDITS + 1):
            self.see(run, lambda shot: shot.pixel(640, 360) == colour(i), f"edit {i}")
            memory.append(status_kib(run.pid, "RssAnon"))
            processes.append(len(self.box.processes()))
            if i == 0:
                window = self.window_titled("Reloaded")
            self.assertEqual(self.display.windows(), [window])
            if i < EDITS:
                file.write_text(coloured(i + 1))
        print(f"\n{self.variant.name}: holder's memory {memory[1]} to {memory[-1]} KiB, "
              f"{min(processes)} to {max(processes)} processes", flush=True) if EDITS >= 50 else None
        self.assertEqual(max(processes), min(processes), processes)
        # The client's own pictures and code come and go; a session that is kept would show.
        self.assertLess(memory[-1] - memory[1], 20_000 + 200 * EDITS, memory)
        file.write_text("broken(\n")
        run.wait_line("starts again when a file is saved", 30)
        last = colour(EDITS)
        self.see(run, lambda shot: shot.pixel(640, 360) != last, "the error")
        file.write_text(coloured(0))
        self.see(run, lambda shot: shot.pixel(640, 360) == colour(0), "the healed app")
        self.assertEqual(self.display.windows(), [window])
        self.display.close_window(window)
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual(run.report()["reloads"], EDITS + 2)


every_variant(ReloadedWindow, ONE_OF_EACH)
