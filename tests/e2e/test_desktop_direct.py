"""Direct mode: Flet's own client, in the engine of our process, speaks to the app's own socket. And the other
direction of start, in which Python starts our `flet`, which opens the same window."""

import os
import signal
import subprocess
import unittest

from harness import BIN, E2E, PATIENCE, ROOT, Variant, command_of, every_variant, free_port, wait_gone
from windowed import CLIENTS, Windowed, why_no_window

MIDDLE = (320, 400)  # the strip of the window where the row is
PYTHONS = {version: ROOT / f"build/venv/{version}/bin/python" for version in ("0.28.3", "0.82.2", "1.0.5")}
# Flet 1.0.5 has no client in a package: it is shown by an older one.
SHOWN_BY = {version: CLIENTS / client / "flet"
            for version, client in (("0.28.3", "0.28.3"), ("0.82.2", "0.82.2"), ("1.0.5", "0.82.2"))}
GENERATIONS = {"0.28.3": 1, "0.82.2": 2, "1.0.5": 3}

# The same for each version of Flet, of which the older ones update only when they are told to.
COUNTER = """
import sys
import flet as ft

def main(page):
    page.title = "Counter"
    page.vertical_alignment = ft.MainAxisAlignment.CENTER
    page.on_close = lambda e: print("CLOSED", flush=True)
    number = ft.Text("0", size=40)

    def add(n):
        def change(e):
            number.value = str(int(number.value) + n)
            page.update()
        return change

    page.add(ft.Row([ft.TextButton("minus", on_click=add(-1)), number,
                     ft.TextButton("plus", on_click=add(1))],
                    alignment=ft.MainAxisAlignment.CENTER))
    print("SHOWN", flush=True)

run = ft.run if hasattr(ft, "run") else ft.app
port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
run(main, port=port)
print("AFTER", flush=True)
"""


class Shown(Windowed):
    """What a person does with the counter, and sees."""

    version = "0.82.2"  # a test may set another one
    python = property(lambda self: PYTHONS[self.version])
    client = property(lambda self: SHOWN_BY[self.version])

    def setUp(self):
        if why := why_no_window(self.client):
            self.skipTest(why)
        super().setUp()

    def start(self, *app, **more):
        return super().start(*(app or (self.box.write("app.py", COUNTER),)), **more)

    def click_and_see(self, run):
        """The counter is on the screen, and a click changes the number."""
        run.wait_line("SHOWN", 60)
        before = self.see(run, lambda shot: len(shot.things(*MIDDLE)) == 3, "the counter's row")
        _, number, plus = before.things(*MIDDLE)
        self.display.click(plus)
        self.see(run, lambda shot: shot.part(number) != before.part(number), "another number")

    def close_window(self):
        (window,) = [w for w in self.display.windows() if self.display.title(w) == "Counter"]
        self.display.close_window(window)

    def our_processes(self):
        return [pid for pid, command in self.box.processes().items()
                if "fletbridge" in command or "app.py" in command]


class Direct(Shown):
    def testNoPacketPassesThroughUsAndClosingEndsAll(self):
        run = self.start()
        self.click_and_see(run)
        pids = self.our_processes()
        self.assertEqual(len(pids), 1 if self.variant.in_process else 2, list(map(command_of, pids)))
        self.close_window()
        self.assertEqual(run.wait(15), 0, run.shown())
        self.assertEqual(self.display.windows(), [])
        self.assertIn("AFTER", run.text[0])
        if GENERATIONS[self.version] > 1:  # before, Flet tells only the web's sessions of their end
            self.assertIn("CLOSED", run.text[0])
        report = run.report()
        self.assertEqual(report["used"]["mode"], "direct")
        self.assertEqual(report["used"]["transport"], self.variant.transport)
        self.assertIsNone(report["used"]["ui_leg"])
        self.assertEqual(report["generation"], GENERATIONS[self.version])
        self.assertEqual(report["client_generation"], GENERATIONS[self.version])
        self.assertEqual(report["packets"]["to_ui"], {"count": None, "bytes": None})
        self.assertEqual(report["latency_us"]["count"], 0)
        times = report["timeline_ms"]
        unknown = {name for name, value in times.items() if value is None}
        self.assertEqual(unknown, {"registered", "first_frame"}, times)


class Direct0822(Direct):
    pass


class Direct0283(Direct):
    version = "0.28.3"


SOCKETS = [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"), Variant("2", "tcp")]
every_variant(Direct0822, SOCKETS)
every_variant(Direct0283, SOCKETS)


class RelayedJson(Shown, E2E):
    """A window of Flet 0.28.3 whose packets pass through us: its own client, not translated."""

    version = "0.28.3"

    def testAClickIsMeasuredAndRecordedAndReplayed(self):
        for self.variant in (Variant("1", "uds"), Variant("2", "uds")):
            with self.subTest(self.variant):
                file = self.box.name("recording")
                run = self.start(options=["--mode", "auto", "--record", file])
                self.click_and_see(run)
                self.close_window()
                self.assertEqual(run.wait(15), 0, run.shown())
                report = run.report()
                self.assertEqual((report["used"]["mode"], report["latency_us"]["count"]), ("relayed", 1))
                self.assertEqual((report["generation"], report["client_generation"]), (1, 1))
                again = self.box.launch([BIN / "fletbridge", "replay", "--python", self.python, file])
                self.assertEqual(again.wait(60), 0, again.shown())

    def testStepsAreDoneInTheWindow(self):
        self.variant = Variant("1", "uds")
        run = self.start(steps='expect text="0"\nrepeat 3 click text="plus"\nexpect text="3"\n')
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertEqual(run.report()["latency_us"]["count"], 3)


class EndsOfDirectMode(Shown, E2E):
    variant = Variant("1", "uds")

    def app_of(self, run):
        (app,) = [pid for pid in self.our_processes() if pid != run.pid]
        return app

    def testTheAppsEndClosesTheWindow(self):
        for self.variant in (Variant("1", "uds"), Variant("2", "uds")):
            with self.subTest(self.variant):
                app = self.box.write("app.py", COUNTER.replace(
                    "run(main", "import os, threading\nthreading.Thread(target=lambda: "
                    "(sys.stdin.readline(), os._exit(7))).start()\nrun(main"))
                run = self.start(app, stdin=subprocess.PIPE)
                self.click_and_see(run)
                run.write(b"\n")
                self.assertEqual(run.wait(15), 7, run.shown())
                self.assertEqual(self.display.windows(), [])
                self.assertEqual(run.report()["used"]["mode"], "direct")

    def testAKilledAppClosesTheWindow(self):
        run = self.start()
        self.click_and_see(run)
        os.kill(self.app_of(run), signal.SIGKILL)
        self.assertEqual(run.wait(15), 128 + signal.SIGKILL, run.shown())
        self.one_line_of_ours(run, "killed by SIGKILL")

    def testAKilledHostEndsTheApp(self):
        run = self.start()
        self.click_and_see(run)
        app = self.app_of(run)
        run.signal(signal.SIGKILL)
        self.assertEqual(run.wait(15), 128 + signal.SIGKILL)
        self.assertEqual(wait_gone([app], 5 * PATIENCE), [])
        self.sweep()

    def testATerminationEndsAppAndWindow(self):
        for self.variant in (Variant("1", "tcp"), Variant("2", "uds")):
            with self.subTest(self.variant):
                run = self.start()
                self.click_and_see(run)
                run.signal(signal.SIGTERM)
                self.assertEqual(run.wait(15), 128 + signal.SIGTERM, run.shown())
                self.assertEqual(self.display.windows(), [])

    def testAnAppInAProcessOfAnotherIsReachedAsWell(self):
        """What listens is no interpreter that we have started, and takes no socket of ours."""
        inner = self.box.write("inner.py", COUNTER)
        outer = self.box.write("app.py", "import signal, subprocess, sys\n"
                               f"inner = subprocess.Popen([sys.executable, {str(inner)!r}])\n"
                               "signal.signal(signal.SIGTERM, lambda *_: inner.terminate())\n"
                               "sys.exit(inner.wait())\n")
        run = self.start(outer)
        self.click_and_see(run)
        self.close_window()
        run.wait(15)
        self.assertEqual(run.report()["used"]["mode"], "direct")

    def one_line_of_ours(self, run, part):
        lines = [line for line in run.text[1].splitlines() if line.startswith("fletbridge:")]
        self.assertEqual(len(lines), 1, run.shown())
        self.assertIn(part, lines[0])

    def sweep(self):
        """What a killed host leaves on the disk is removed by the next run."""
        run = self.box.headless(Variant("1", "uds"), self.box.write("app.py", COUNTER),
                                python=PYTHONS["0.82.2"], steps="close\n")
        self.assertEqual(run.wait(20), 0, run.shown())


class ModesInAWindow(Shown, E2E):
    variant = Variant("1", "uds")

    def testRelayedIsTakenWhereItIsAskedFor(self):
        run = self.start(options=["--mode", "relayed"])
        self.click_and_see(run)
        self.close_window()
        self.assertEqual(run.wait(15), 0, run.shown())
        report = run.report()
        self.assertEqual((report["used"]["mode"], report["used"]["ui_leg"]), ("relayed", "uds"))
        self.assertGreater(report["packets"]["to_ui"]["count"], 0)

    def testDirectBetweenTwoGenerationsIsRefusedInOneLine(self):
        self.version = "1.0.5"
        run = self.start(options=["--mode", "direct"], report=False)
        self.assertEqual(run.wait(15), 70, run.shown())
        self.one_line(run, "mode direct cannot be: the client speaks wire generation 2, the app 3")

    def testTheClientOfTheAppsOwnPackageIsTaken(self):
        self.version = "0.28.3"
        run = self.box.run(self.variant, self.box.write("app.py", COUNTER), python=PYTHONS[self.version],
                           env=self.display.environment)
        self.click_and_see(run)
        self.close_window()
        self.assertEqual(run.wait(15), 0, run.shown())
        self.assertEqual(run.report()["used"]["mode"], "direct")
        self.assertIn(str(self.box.user), run.report()["used"]["client"])


class ModesWithoutAWindow(E2E):
    def refused(self, options, *parts, code=70, version="1.0.5", env=None):
        if not PYTHONS[version].exists():
            self.skipTest(f"there is no build/venv/{version}; run tools/setup.sh")
        run = self.box.run(None, self.box.write("app.py", COUNTER), python=PYTHONS[version],
                           options=options, report=False, env=env)
        self.assertEqual(run.wait(20), code, run.shown())
        self.one_line(run, *parts)

    def testDirectIsForTheWindowAndForSockets(self):
        self.refused(["--mode", "direct", "--ui", "headless"], "mode direct", "ui headless", code=2)
        self.refused(["--mode", "direct", "--stage", "3"], "stage 3", "mode direct", code=2)


class StartedByPython(Shown):
    """FLET_VIEW_PATH names our folder: `python app.py` starts our `flet`."""

    def start(self, *arguments, env=None):
        self.report_path = self.box.name("report")
        return self.box.launch([PYTHONS[self.version], self.box.write("app.py", COUNTER), *arguments], env={
            **self.display.environment, "FLET_VIEW_PATH": BIN, "FLETBRIDGE_FLET_CLIENT": SHOWN_BY[self.version],
            "FLETBRIDGE_REPORT": self.report_path, **(env or {})}, report=self.report_path)

    def client_of(self, run):
        (client,) = [pid for pid in self.box.processes() if pid != run.pid]
        self.assertTrue(command_of(client).startswith(str(BIN / "flet")), command_of(client))
        return client

    def check_report(self, run, mode, transport):
        report = run.report()
        self.assertEqual((report["used"]["mode"], report["used"]["transport"]), (mode, transport))
        self.assertEqual(report["generation"], GENERATIONS[self.version])
        self.assertEqual(report["flet"], self.version)
        self.assertIsNotNone(report["timeline_ms"]["window_shown"])
        self.assertIsNotNone(report["timeline_ms"]["frame_drawn"])


class PythonStartsTheWindow(StartedByPython, E2E):
    def closing(self, *arguments, mode="direct", transport="uds"):
        run = self.start(*arguments)
        self.click_and_see(run)
        client = self.client_of(run)
        pid_files = [p for p in self.box.tmp.iterdir() if p.is_file() and p.read_text() == str(client)]
        self.assertEqual(len(pid_files), 1, self.box.left_files())
        self.close_window()
        self.assertEqual(run.wait(15), 0, run.shown())
        self.assertIn("AFTER", run.text[0])
        self.check_report(run, mode, transport)
        return run

    def testClosingTheWindowEndsPython(self):
        self.closing()

    def testClosingTheWindowEndsPythonOverTcp(self):
        self.closing(str(free_port()), transport="tcp")

    def testClosingTheWindowEndsPythonOfJson(self):
        self.version = "0.28.3"
        self.closing()
        self.closing(str(free_port()), transport="tcp")

    def testANewerFletIsTranslatedTo(self):
        self.version = "1.0.5"
        run = self.closing(mode="relayed")
        self.assertEqual(run.text[1].count("translating"), 1, run.shown())


class EndsOfAWindowOfPython(StartedByPython, E2E):
    def remove_what_flet_leaves(self):
        """A killed Python cannot remove its own socket; all else must have gone."""
        for path in list(self.box.tmp.iterdir()):
            self.assertTrue(path.is_socket(), f"{path} is left")
            path.unlink()

    def testAKilledPythonLeavesNoWindow(self):
        for self.version in ("0.28.3", "0.82.2", "1.0.5"):
            with self.subTest(self.version):
                run = self.start()
                self.click_and_see(run)
                client = self.client_of(run)
                run.signal(signal.SIGKILL)
                self.assertEqual(wait_gone([client], 5 * PATIENCE), [], "an orphan window is left")
                run.wait(5)
                self.assertEqual(self.display.windows(), [])
                self.remove_what_flet_leaves()

    def testATerminatedPythonEndsWithItsWindow(self):
        for self.version in ("0.28.3", "0.82.2", "1.0.5"):
            with self.subTest(self.version):
                run = self.start()
                self.click_and_see(run)
                run.signal(signal.SIGTERM)
                self.assertEqual(run.wait(10), 0, run.shown())
                self.assertEqual(self.display.windows(), [])

    def testAKilledWindowEndsPython(self):
        run = self.start()
        self.click_and_see(run)
        os.kill(self.client_of(run), signal.SIGKILL)
        self.assertEqual(run.wait(10), 0, run.shown())


if __name__ == "__main__":
    unittest.main()
