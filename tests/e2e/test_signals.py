"""Ctrl-C, SIGTERM and kill -9 of either side: both end, in time, with the right code, without a
trace."""

import os
import signal
import time
import unittest

from harness import PATIENCE, PYTHON, PYTHON_OF_2, ROOT, every_variant, wait_gone

SHOWN = """
import atexit, signal, sys, time
import flet as ft

atexit.register(lambda: print("ATEXIT", flush=True))
HEAD

def main(page):
    def block(e):
        print("BLOCKING", flush=True)
        time.sleep(30)

    page.add(ft.Text("here"), ft.Button("block", on_click=block))
    print("SHOWN", flush=True)

ft.run(main)
"""
PLAIN = SHOWN.replace("HEAD", "")
STUBBORN = SHOWN.replace("HEAD", "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                         "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
SLOW_MAIN = """
import time
import flet as ft

def main(page):
    print("SHOWN", flush=True)
    time.sleep(30)
    page.add(ft.Text("late"))

ft.run(main)
"""
# As Python's own since 3.12, whatever this one is: a server that is closed waits until nobody is connected to it.
WAITS = """
import asyncio, asyncio.base_events, sys
import flet as ft

async def wait_closed(self):
    while self._active_count:
        await asyncio.sleep(0.01)

if sys.version_info < (3, 12):
    asyncio.base_events.Server.wait_closed = wait_closed

def main(page):
    page.add(ft.Text("here"))
    print("SHOWN", flush=True)

(ft.run if hasattr(ft, "run") else ft.app)(main)
print("AFTER", flush=True)
"""
SLOW_START = "import time\nprint('SHOWN', flush=True)\ntime.sleep(30)\n"
HOLD = 'wait text="never" 60s\n'
BLOCK = 'click text="block"\n' + HOLD


@every_variant
class Signals:
    def start(self, source, steps=HOLD, until="SHOWN", **more):
        run = self.box.headless(self.variant, self.box.write("app.py", source), steps=steps, **more)
        run.wait_line(rf"\b{until}\b")
        self.started = self.box.processes()
        self.assertTrue(self.started)
        return run

    def ends(self, run, code, within=2.0):
        """The whole run, host and app, ends in time with this code."""
        pids = {**self.started, **self.box.processes()}  # the first may have gone already
        begin = time.monotonic()
        self.assertEqual(run.wait(within + 5), code, run.shown())
        left = max(0.1, within * PATIENCE - (time.monotonic() - begin))
        self.assertEqual(wait_gone(pids, left), [])
        self.assertLess(time.monotonic() - begin, within * PATIENCE, run.shown())
        self.box.assert_nothing_left(0)

    def testControlCAtATerminal(self):
        run = self.start(PLAIN, tty=True)
        run.type(b"\x03")
        self.ends(run, 130)
        self.assertNotIn("Traceback", run.text[0])

    def testControlCToTheHostAlone(self):
        run = self.start(PLAIN)
        run.signal(signal.SIGINT)
        self.ends(run, 130)
        self.assertIn("ATEXIT", run.text[0])
        self.assertEqual(run.report()["exit"]["code"], 130)

    def testControlCDuringABlockingHandler(self):
        run = self.start(PLAIN, BLOCK, "BLOCKING", tty=True)
        run.type(b"\x03")
        self.ends(run, 130)

    def testControlCBeforeTheAppListens(self):
        run = self.start(SLOW_START, tty=True)
        run.type(b"\x03")
        self.ends(run, 130)

    def testControlCWhileTheAppMakesItsPageBringsNoErrorsOfFlet(self):
        run = self.start(SLOW_MAIN, tty=True)
        run.type(b"\x03")
        self.ends(run, 130)
        self.assertNotIn("send_bytes", run.shown())

    def testControlCWithAnAppThatIgnoresIt(self):
        run = self.start(STUBBORN, tty=True)
        run.type(b"\x03")
        self.ends(run, 130)

    def testControlCWithAnAppThatIgnoresItAndBlocks(self):
        run = self.start(STUBBORN, BLOCK, "BLOCKING", tty=True)
        run.type(b"\x03")
        # Nothing polite is left: only the hard way, after each deadline has passed.
        self.ends(run, 130, within=5.0)

    def testSecondControlCIsNotNeededButHarmless(self):
        run = self.start(PLAIN, BLOCK, "BLOCKING", tty=True)
        run.type(b"\x03")
        run.type(b"\x03")
        self.ends(run, 130)

    def testTermination(self):
        run = self.start(PLAIN)
        run.signal(signal.SIGTERM)
        self.ends(run, 143)
        run = self.start(PLAIN, BLOCK, "BLOCKING")
        run.signal(signal.SIGTERM)
        self.ends(run, 143)
        run = self.start(STUBBORN)
        run.signal(signal.SIGTERM)
        self.ends(run, 143)
        self.assertEqual(run.report()["exit"]["code"], 143)

    def testHangUp(self):
        run = self.start(PLAIN)
        run.signal(signal.SIGHUP)
        self.ends(run, 129)

    def testUiClosesWhileAHandlerBlocks(self):
        # The window is closed: nobody waits half a minute for a handler.
        run = self.start(PLAIN, 'click text="block"\nclose\n', "BLOCKING")
        pids = self.box.processes()
        run.wait(10)
        self.assertEqual(wait_gone(pids, 2 * PATIENCE), [])

    def testAppsOwnHandlerOfControlCIsKept(self):
        own = ("import os, signal, sys, time\nimport flet as ft\n"
               "def mine(number, frame):\n    os.write(1, b'MINE\\n')\n    sys.exit(44)\n"
               "signal.signal(signal.SIGINT, mine)\n"
               "print('OWN', signal.getsignal(signal.SIGINT) is mine, flush=True)\n"
               "time.sleep(30)\n")
        run = self.start(own, until="OWN True")
        run.signal(signal.SIGINT)
        code = run.wait(7)
        self.assertIn(code, (44, 130), run.shown())
        self.assertIn("MINE", run.text[0])

    def testTermOfAnAppWhoseServerWaitsForItsConnections(self):
        for python in (PYTHON, PYTHON_OF_2, ROOT / "build/venv/0.28.3/bin/python"):
            with self.subTest(python.parts[-3]):
                run = self.start(WAITS, python=python)
                run.signal(signal.SIGTERM)
                self.ends(run, 143)
                self.assertIn("AFTER", run.text[0])


@every_variant
class SuddenDeath:
    def start(self, source=PLAIN, steps=HOLD, **more):
        run = self.box.headless(self.variant, self.box.write("app.py", source), steps=steps, **more)
        run.wait_line(r"\bSHOWN\b")
        return run

    def testKilledApp(self):
        run = self.start()
        if self.variant.in_process:
            os.kill(run.pid, signal.SIGKILL)
            self.assertEqual(run.wait(5), 137)
            self.next_start_tidies()
            return
        (app,) = set(self.box.processes()) - {run.pid}
        os.kill(app, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137, run.shown())
        lines = run.text[1].splitlines()
        self.assertTrue(any("kill" in line.lower() for line in lines), run.shown())
        self.assertNotIn("Traceback", run.text[1])
        self.assertEqual(run.report()["exit"]["code"], 137)
        self.box.assert_nothing_left(0)

    def testKilledHost(self):
        run = self.start()
        pids = self.box.processes()
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone(pids, 5 * PATIENCE), [], "the app outlived its host")
        self.next_start_tidies()

    def testKilledHostWhileTheAppBlocks(self):
        run = self.start(steps=BLOCK)
        run.wait_line("BLOCKING")
        pids = self.box.processes()
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone(pids, 5 * PATIENCE), [], "the app outlived its host")
        self.next_start_tidies()

    def testKilledDuringStartUp(self):
        run = self.start(SLOW_START)
        pids = self.box.processes()
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone(pids, 5 * PATIENCE), [], "the app outlived its host")
        self.next_start_tidies()

    def next_start_tidies(self):
        """Nobody can tidy up after its own SIGKILL; the next start does it."""
        run = self.box.headless(self.variant, self.box.write("ok.py", "print('ok', flush=True)\n"))
        self.assertEqual(run.wait(20), 0, run.shown())
        self.box.assert_nothing_left(0)

    def testStoppedAppDoesNotKeepTheHost(self):
        if self.variant.in_process:
            return  # a stopped process cannot end anything
        run = self.start()
        (app,) = set(self.box.processes()) - {run.pid}
        os.kill(app, signal.SIGSTOP)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(6), 130, run.shown())
        self.assertEqual(wait_gone([app], 1 * PATIENCE), [])

    def testChildrenOfTheAppAreNotOurs(self):
        # What the app started and left running by design (setsid) is the app's business.
        source = ("import subprocess, sys\n"
                  "p = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],"
                  " stdin=subprocess.PIPE, start_new_session=True)\n"
                  "print('CHILD', p.pid, flush=True)\n"
                  "p.stdin.close()\np.wait()\nprint('GONE', flush=True)\n")
        run = self.box.headless(self.variant, self.box.write("app.py", source))
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertIn("GONE", run.text[0])


if __name__ == "__main__":
    unittest.main()
