"""The app in a real window: Flet's own desktop client in the engine of our process, on a real display."""

import signal
import unittest

from display import Display, why_no_display
from harness import E2E, EXAMPLES, PATIENCE, ROOT, Variant, command_of, every_variant

CLIENT = ROOT / "build/clients/0.82.2/flet"
MIDDLE = (320, 400)  # the strip of the window where the counter's row is


def why_no_window():
    if not (CLIENT / "lib/libflutter_linux_gtk.so").exists():
        return f"no client in {CLIENT.relative_to(ROOT)}; run tools/setup.sh"
    return why_no_display()


@unittest.skipIf(why_no_window(), why_no_window())
class Windowed:
    def setUp(self):
        super().setUp()
        self.display = Display().__enter__()
        self.addCleanup(self.display.__exit__)

    def start(self, *app, options=(), env=None, **more):
        return self.box.run(self.variant, *app, ui="desktop", options=["--flet-client", CLIENT, *options],
                            env={**self.display.environment, **(env or {})}, **more)

    def see(self, run, wanted, what):
        picture = self.display.wait(wanted, 40 * PATIENCE, run.alive)
        if picture is None:
            self.display.save("/tmp/fletbridge-test-desktop.png")
            self.fail(f"{what} was never seen; see /tmp/fletbridge-test-desktop.png{run.shown()}")
        return picture

    def counter(self, **more):
        """A counter whose row is on the screen: the run, and its minus, number and plus."""
        run = self.start(EXAMPLES / "counter/main.py", **more)
        run.wait_line("ui first frame", 60)
        picture = self.see(run, lambda shot: len(shot.things(*MIDDLE)) == 3, "the counter's row")
        return run, picture, picture.things(*MIDDLE)

    def window_titled(self, title):
        titles = {self.display.title(window): window for window in self.display.windows()}
        self.assertIn(title, titles)
        return titles[title]


class CounterInAWindow(Windowed):
    def testAClickChangesTheNumberAndClosingEndsAll(self):
        run, before, (minus, number, plus) = self.counter(options=["--log-level", "debug"])
        self.assertFalse(before.is_empty())
        pids = [pid for pid, command in self.box.processes().items() if "fletbridge" in command
                or "main.py" in command]
        self.assertEqual(len(pids), 1 if self.variant.in_process else 2, list(map(command_of, pids)))
        self.display.click(plus)
        after = self.see(run, lambda shot: shot.part(number) != before.part(number), "another number")
        self.display.click(minus)
        self.see(run, lambda shot: shot.part(number) == before.part(number), "the first number again")
        self.assertNotEqual(after.part(number), before.part(number))

        self.display.close_window(self.window_titled("Counter"))
        self.assertEqual(run.wait(15), 0, run.shown())
        self.assertEqual(self.display.windows(), [])
        report = run.report()
        self.assertEqual(report["used"]["ui"], "desktop")
        self.assertEqual(report["used"]["ui_leg"], "uds")
        self.assertEqual(report["client_generation"], 2)
        self.assertEqual(report["exit"]["code"], 0)
        self.assertGreaterEqual(report["latency_us"]["count"], 2)
        times = report["timeline_ms"]
        self.assertTrue(all(value is not None for value in times.values()), times)
        self.assertLess(times["window_shown"], times["registered"])

    def testTheAppsEndClosesTheWindow(self):
        app = self.box.write("app.py", "import flet as ft, os, sys, threading\n"
                             "def main(page):\n    page.add(ft.Text('bye'))\n"
                             "    threading.Thread(target=lambda: (sys.stdin.readline(), os._exit(7))).start()\n"
                             "    print('SHOWN', flush=True)\nft.run(main)\n")
        run = self.start(app, stdin=-1)
        run.wait_line("SHOWN", 60)
        run.write(b"\n")
        self.assertEqual(run.wait(15), 7, run.shown())
        self.assertEqual(self.display.windows(), [])

    def testATerminationEndsAppAndWindow(self):
        run, _, _ = self.counter(options=["--log-level", "debug"])
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(15), 128 + signal.SIGTERM, run.shown())
        self.assertEqual(self.display.windows(), [])


every_variant(CounterInAWindow, [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"),
                                 Variant("3", "ffi"), Variant("2", "uds", "library"),
                                 Variant("3", "ffi", "static")])


class OlderFletInAWindow(Windowed):
    """Flet 0.82.2 on the client of its own; direct mode has tests of its own."""

    def testAClickChangesTheNumber(self):
        run, before, (_, number, plus) = self.counter(python=ROOT / "build/venv/0.82.2/bin/python",
                                                      options=["--log-level", "debug", "--mode", "relayed"])
        self.display.click(plus)
        self.see(run, lambda shot: shot.part(number) != before.part(number), "another number")
        self.display.close_window(self.window_titled("Counter"))
        self.assertEqual(run.wait(15), 0, run.shown())
        report = run.report()
        self.assertEqual((report["generation"], report["client_generation"]), (2, 2))


every_variant(OlderFletInAWindow, [Variant("1", "uds"), Variant("2", "uds")])


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
