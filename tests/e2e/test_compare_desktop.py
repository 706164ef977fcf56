"""`fletbridge compare --ui desktop`: real windows on displays that nobody sees, looked at from outside."""

import os
import signal
import time
import unittest

from harness import E2E, EXAMPLES, PATIENCE, PYTHON_OF_2, wait_gone
from test_compare import KEEPS, Comparing
from windowed import CLIENT, why_no_window

COUNTER = EXAMPLES / "counter/main.py"
UP_AND_DOWN = "click at 691,360 watch 620,330,36,60\nclick at 587,360 watch 620,330,36,60\n"
# A button that does what is put in here, in a window that may be smaller than the screen.
APP = """
import os, sys, threading
import flet as ft

def main(page):
    page.window.width, page.window.height = 600, 400
    shown = ft.Text("0", left=100, top=100, size=30)

    def pressed(e):
        {pressed}

    page.add(ft.Stack([shown, ft.Button("press", left=0, top=0, width=300, height=80, on_click=pressed)],
                      width=500, height=300))
    {then}

ft.run(main)
"""


# A box that moves for a while when the button is pressed, and a list.
MOVES = """
import flet as ft

def main(page):
    page.padding = 0
    box = ft.Container(width=50, height=50, bgcolor="blue", left=0, top=0, animate_position=1500)

    def move(e):
        box.left = 500
        page.update()

    page.add(ft.Button("move", width=200, height=60, on_click=move), ft.Stack([box], height=60),
             ft.ListView([ft.Text(f"row {i}") for i in range(500)], expand=True))

ft.run(main)
"""


@unittest.skipIf(why_no_window(), why_no_window())
class AtDisplay(Comparing, E2E):
    def desktop(self, *arguments, code=0, **more):
        """The later of two --python counts."""
        return self.finished("--python", PYTHON_OF_2, "--ui", "desktop", "--flet-client", CLIENT, *arguments,
                             code=code, **more)

    def app(self, pressed="pass", then="pass"):
        return self.box.write("app.py", APP.format(pressed=pressed, then=then))

    def steps(self, text):
        return self.box.write("steps.txt", text)

    def withoutAServer(self):
        bare = self.box.home / "bin"
        bare.mkdir(exist_ok=True)
        self.one_line(self.desktop("--stages", "1:uds", COUNTER, code=70, env={"PATH": str(bare)}),
                      "there is no Xvfb; install it")


class CompareDesktop(AtDisplay):
    def testMeasuresFromTheStartToTheScreenAndFromTheClickToThePixel(self):
        out = self.box.name("out")
        variants = ("1:uds", "2:uds", "flet:uds")
        run = self.desktop("--stages", ",".join(variants), "--workload", "steps,start-up", "--rounds", "1",
                           "--steps", self.steps(UP_AND_DOWN), "--json", out, COUNTER)
        results = self.results(out)
        self.assertTrue(results["complete"], run.shown())
        self.assertEqual(results["ui"], "desktop")
        self.assertEqual([w["name"] for w in results["workloads"]], ["steps", "start-up"])
        for variant in variants:
            clicks = self.series(results, "steps", variant)
            self.assertEqual(clicks["count"], 2)
            # Python answers, and a frame is drawn by software: that takes more than a millisecond.
            self.assertGreater(clicks["p50"], 1_000_000)
            self.assertGreater(self.series(results, "start-up", variant)["p50"], 100_000_000)
            self.assertIn(f"\n{variant} ", run.text[0])
        self.assertIn("measured at the display", run.text[0])
        self.one_line(self.finished("--against", out, COUNTER, code=2), "measured with --ui desktop")



class CompareDesktopFrames(AtDisplay):
    def testMeasuresTheFramesOfAnAnimationAndOfAScroll(self):
        out = self.box.name("out")
        app = self.box.write("app.py", MOVES)
        steps = self.steps("click at 100,30 frames 1s\nscroll at 300,300 by 30 frames 1s\n")
        self.desktop("--stages", "1:uds,2:uds", "--workload", "frames,late-frames,start-up", "--rounds", "1", "--steps", steps,
                     "--json", out, app)
        results = self.results(out)
        for variant in ("1:uds", "2:uds"):
            frames = self.series(results, "frames", variant)
            # The engine draws 60 a second at best, here by software.
            self.assertGreater(frames["count"], 4)  # beside a busy machine it draws a tenth of that
            self.assertGreater(frames["p50"], 8e6)
            self.assertLess(frames["p50"], 200e6 * PATIENCE)
            self.assertEqual(self.series(results, "late-frames", variant)["count"], 1)
            self.assertGreater(self.series(results, "start-up", variant)["p50"], 100_000_000)
        phases = next(w for w in results["workloads"] if w["name"] == "start-up")["parts"]
        self.assertEqual([part["name"] for part in phases], ["until Python runs", "until the app has imported",
                                                             "until the app listens", "until the window is shown", "until the engine has drawn"])


class CompareDesktopCopies(AtDisplay):
    def testStartsAnAppThatKeepsAFileFromAFreshCopyEachTime(self):
        # It shows how often it was started: a screen that is another one each time is refused.
        app = self.box.write("app.py", KEEPS)
        run = self.desktop("--stages", "1:uds,2:uds", "--workload", "start-up", "--rounds", "1", app)
        self.assertIn("each start had a fresh copy of", run.text[0])
        self.assertEqual([file.name for file in self.box.app.iterdir() if file.suffix == ".txt"], [])
        # What writes nothing runs where it is.
        run = self.desktop("--stages", "1:uds", "--workload", "start-up", "--rounds", "1", "--prepare", "true", COUNTER)
        self.assertNotIn("fresh copy", run.text[0])


class CompareDesktopFailures(AtDisplay):
    def testATimeThatIsNotEnoughForARoundIsSaidAtOnce(self):
        began = time.monotonic()
        run = self.desktop("--stages", "1:uds,2:uds", "--time", "5", COUNTER, code=2)
        self.assertLess(time.monotonic() - began, 30 * PATIENCE)
        self.one_line(run, "a round of these variants takes some .*six.*--time 5 s is not enough")

    def testRefusesWhatMakesNoSenseAtADisplay(self):
        for arguments, why in (
                (["--workload", "type", COUNTER], "no workload 'type'.*at a display.*start-up.*--steps"),
                (["--steps", EXAMPLES / "counter/steps.txt", COUNTER], "line 2: expect.*click at X,Y watch"),
                (["--steps", self.steps("click at 2000,10"), COUNTER], "outside of the screen of 1280 x 720")):
            with self.subTest(why):
                self.one_line(self.desktop(*arguments, code=2), why)
        # What only lacks here is no wrong usage.
        self.withoutAServer()
        self.one_line(self.desktop("--stages", "bridge:ffi", COUNTER, code=70), "bridge:ffi: .*--ui headless alone")
        self.one_line(self.finished("--ui", "desktop", "--flet-client", CLIENT, "--stages", "flet:uds", COUNTER,
                                    code=70), "flet:uds: .*another one; name one with --flet-client")

    def testAnAppWithoutAWindowIsOneLine(self):
        app = self.box.write("app.py", "raise SystemExit('no flour')")
        self.one_line(self.desktop("--stages", "1:uds,flet:uds", app, code=70), "1:uds: .*no flour")

    def testAScreenThatNeverComesToRestIsOneLine(self):
        app = self.app(then="page.add(ft.ProgressRing())")
        self.one_line(self.desktop("--stages", "1:uds", app, code=70), "1:uds: its first page does not come to rest")


class CompareDesktopSteps(AtDisplay):
    def testAClickThatNothingAnswersIsToldAndWhatWasMeasuredIsKept(self):
        out = self.box.name("out")
        for more, step, why in (
                (",memory", "click at 50,40 watch 100,100,100,50 300ms", "nothing changed.*within 300 ms, line 1"),
                ("", "click at 1200,700 watch 100,100,100,50", "no window of the app where it is to click")):
            with self.subTest(why):
                run = self.desktop("--stages", "1:uds", "--workload", f"steps,start-up{more}", "--rounds", "1",
                                   "--json", out, "--steps", self.steps(step), self.app(), code=70)
                results = self.results(out)
                self.assertRegex(results["variants"][0]["problem"], why, run.shown())
                self.assertEqual(self.series(results, "start-up", "1:uds")["count"], 1)
                if more:  # of Flet's client as well, which does not fit into 50 MiB
                    self.assertGreater(self.series(results, "memory", "1:uds")["p50"], 50 << 20)

    def testAnAppThatEndsAtAClickIsTold(self):
        hides = "page.window.visible = False; page.update()"
        for pressed, why in (('print("the stove is on fire", file=sys.stderr, flush=True); os._exit(5)',
                              "the app ended with exit code 5 "),
                             # Its window's going is no answer either, long before the app itself has gone.
                             (f"{hides}; threading.Timer(1, os._exit, (5,)).start()", "the app ended with exit code 5 "),
                             (hides, "its window is gone after the click, line 1")):
            with self.subTest(why):
                run = self.desktop("--stages", "2:uds", "--workload", "steps", "--rounds", "1",
                                   "--steps", self.steps("click at 50,40 watch 100,100,100,50"),
                                   self.app(pressed=pressed), code=70)
                self.assertRegex(run.text[0], f"2:uds: {why}")


class CompareDesktopEnds(AtDisplay):
    def testCtrlCLeavesNothingRunning(self):
        run = self.compare("--python", PYTHON_OF_2, "--ui", "desktop", "--flet-client", CLIENT, "--stages", "flet:uds",
                           COUNTER, tty=True)
        run.wait_line("flet:uds, start-up", 60)
        run.type(b"\x03")
        self.assertEqual(run.wait(30), 130, run.shown())

    def testEvenWhenItIsKilledItsWindowsGo(self):
        run = self.compare("--python", PYTHON_OF_2, "--ui", "desktop", "--flet-client", CLIENT, "--stages", "flet:uds",
                           COUNTER, tty=True)
        run.wait_line("flet:uds, start-up", 60)
        os.kill(run.pid, signal.SIGKILL)
        run.wait(30)
        self.assertEqual(wait_gone(self.box.processes(), 10 * PATIENCE), [])
        self.withoutAServer()  # the next run removes the files


if __name__ == "__main__":
    unittest.main()
