"""The app in a real window: Flet's own desktop client in the engine of our process, on a real display."""

import signal
import unittest

from display import WaylandDisplay
from harness import E2E, EXAMPLES, Variant, command_of, every_variant
from windowed import CLIENT, ECHO, FIELD, NUMBER, PLUS, ROWS, Windowed, both_pairs, why_no_window

OWN_LINES = ("SHOWN", "FIELD", "PLUS", "SUBMIT", "EVENT", "AFTER")


class Used(Windowed):
    keyboard = "de"  # it has an ö, without a dead key

    def drawn(self, run):
        drawn = self.see(run, lambda shot: not (shot.is_empty() or shot.blank(NUMBER) or shot.blank(ROWS)),
                         "the app")
        self.assertTrue(drawn.blank(ECHO))
        return drawn

    def use(self, run, window, drawn):
        """`window` is what gets the keys; `drawn` is how the app began."""
        self.display.focus(window)
        self.display.click(FIELD)
        self.display.type("Ann")
        run.wait_line("^FIELD 'Ann'$")
        self.see(run, lambda shot: not shot.blank(ECHO), "what was typed")
        self.display.press("odiaeresis")
        run.wait_line(r"^FIELD 'Ann\\xf6'$")
        self.display.press("ctrl+a", "ctrl+x")
        run.wait_line("^FIELD ''$")
        self.display.press("ctrl+v")
        run.wait_line(r"^FIELD ''\n(?s:.*)^FIELD 'Ann\\xf6'$")
        unfocused = self.display.picture().part(PLUS)
        self.display.press("Tab")
        self.see(run, lambda shot: shot.part(PLUS) != unfocused, "a button that has the focus")
        self.display.press("Return")
        run.wait_line("^PLUS 1$")
        one = self.see(run, lambda shot: shot.part(NUMBER) != drawn.part(NUMBER), "another number")
        self.display.click(PLUS)
        run.wait_line("^PLUS 2$")
        self.see(run, lambda shot: shot.part(NUMBER) not in (drawn.part(NUMBER), one.part(NUMBER)), "a third one")
        self.display.click(FIELD)
        self.type_until_it_arrives(run)
        self.display.press("Return")
        run.wait_line("^SUBMIT$")
        self.display.click(ROWS, button=5, times=3)
        self.see(run, lambda shot: shot.part(ROWS) != drawn.part(ROWS), "other rows")

    def type_until_it_arrives(self, run):
        """A click moves the focus a frame later or more; a button leaves letters alone."""
        for _ in range(20):
            self.display.press("x")
            try:
                return run.wait_line("^FIELD '.*x+'$", 1)
            except AssertionError:
                pass
        self.fail("the field has not got the focus" + run.shown())

    def check(self, report):
        self.assertEqual(report["used"]["ui"], "desktop")
        self.assertEqual((report["generation"], report["client_generation"]), (self.generation, 2))
        self.assertEqual(report["exit"]["code"], 0)
        times = report["timeline_ms"]
        if report["used"]["mode"] == "direct":  # no packet is seen
            times["registered"] = times["first_frame"] = times["frame_drawn"]
        self.assertTrue(all(value is not None for value in times.values()), times)
        self.assertLess(times["window_shown"], times["registered"])


class AWindow(Used):
    def testMouseAndKeyboardReachTheAppAndClosingEndsAll(self):
        run = self.shown()
        drawn = self.drawn(run)
        pids = [pid for pid, command in self.box.processes().items() if "window.py" in command]
        self.assertEqual(len(pids), 1 if self.variant.in_process else 2, list(map(command_of, pids)))
        window = self.window_titled("Probe")
        self.use(run, window, drawn)
        self.display.close_window(window)
        self.assertEqual(run.wait(15), 0, run.shown())
        self.assertEqual(self.display.windows(), [])
        lines = run.text[0].splitlines()
        self.assertEqual(lines[-1], "AFTER")
        self.assertEqual([line for line in lines if not line.startswith(OWN_LINES)], [], "lines of others")
        self.check(run.report())


both_pairs(AWindow,
           [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"), Variant("3", "ffi")],
           [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds")])


class OnWayland(Used):
    generation = 3
    kind_of_display = WaylandDisplay

    def testMouseAndKeyboardReachTheAppAndItClosesItsWindow(self):
        run = self.shown()
        drawn = self.drawn(run)
        (compositor,) = self.display.windows()
        self.use(run, compositor, drawn)
        run.write(b"await window.close()\n")
        self.assertEqual(run.wait(15), 0, run.shown())
        self.check(run.report())


every_variant(OnWayland, [Variant("1", "uds"), Variant("3", "ffi")])


class InTheSameProcess(Windowed):
    def testAnAppMayChangeItsEnvironmentWhileTheWindowOpens(self):
        app = self.box.write("app.py", "import os, time\nend = time.monotonic() + 1.5\n"
                             "while time.monotonic() < end:\n"
                             "    for i in range(500): os.environ[f'VARIABLE_{i}'] = 'x'\n"
                             "    for i in range(500): del os.environ[f'VARIABLE_{i}']\n"
                             "import flet as ft\ndef main(page):\n    page.add(ft.Text('here'))\n"
                             "    print('SHOWN', flush=True)\nft.run(main)\n")
        run = self.start(app)
        run.wait_line("SHOWN", 60)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(15), 128 + signal.SIGTERM, run.shown())


every_variant(InTheSameProcess, [Variant("2", "uds"), Variant("3", "ffi", "library")])


class WithoutADisplay(E2E):
    def testAWindowThatIsAskedForIsRefusedInOneLine(self):
        run = self.box.run(Variant("1", "uds"), EXAMPLES / "counter/main.py", ui="desktop", report=False)
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "no display for a window", "--ui headless")

    @unittest.skipIf(why_no_window(), why_no_window())
    def testADisplayThatIsNotThereIsToldInOneLine(self):
        run = self.box.run(Variant("1", "uds"), EXAMPLES / "counter/main.py", ui="desktop", report=False,
                           options=["--flet-client", CLIENT], env={"DISPLAY": ":4999"})
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "cannot open a window", "--ui headless")


class WithoutOpenGl(Windowed, E2E):
    def testItIsToldInOneLine(self):
        for name, value in (("__EGL_VENDOR_LIBRARY_DIRS", "/nowhere"), ("GDK_GL", "disable")):
            with self.subTest(name):
                run = self.start(EXAMPLES / "counter/main.py", variant=Variant("2", "uds"), env={name: value})
                self.assertEqual(run.wait(30), 70, run.shown())
                self.one_line(run, "no window without OpenGL", "--ui headless")
                self.assertEqual(self.display.windows(), [])


class AnyUi(E2E):
    def testWithoutADisplayTheAppRunsHeadlessAndIsToldWhy(self):
        app = self.box.write("app.py", "import flet as ft, os\n"
                             "def main(page):\n    page.add(ft.Text('x'))\n    os._exit(0)\nft.run(main)\n")
        run = self.box.run(Variant("1", "uds"), app, ui="auto", report=False)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.one_line(run, "no window, the app runs headless until Ctrl-C: no display for a window")

    def testWithADisplayAndNoClientNothingRunsAndItSaysWhatToType(self):
        app = self.box.write("app.py", "print('RUNS')\n")
        for ui in ("auto", "desktop"):
            run = self.box.run(Variant("1", "uds"), app, ui=ui, report=False, env={"DISPLAY": ":4999"})
            self.assertEqual(run.wait(30), 70, run.shown())
            self.one_line(run, "no Flet desktop client on this machine", "run fletbridge client get")
            self.assertNotIn("RUNS", run.text[0])

    def testAQuietRunSaysNothingOfItself(self):
        app = self.box.write("app.py", "import flet as ft, os\n"
                             "def main(page):\n    page.add(ft.Text('x'))\n    os._exit(0)\nft.run(main)\n")
        run = self.box.run(Variant("1", "uds"), app, ui="auto", report=False, options=["--quiet"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.text[1], "")
