"""Stage 1 the other way round: `python app.py` starts our `flet` as Flet's desktop client."""

import json
import os
import signal
import subprocess
import unittest

import g3
from harness import BIN, PATIENCE, PYTHON, PYTHON_OF_2, E2E, command_of, free_port, wait_gone

APP = """
import sys
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)

    def hold(e):
        print("HOLDING", flush=True)
        sys.stdin.readline()
        text.value = "released"

    page.add(text, ft.Button("plus", on_click=plus), ft.Button("hold", on_click=hold))
    print("SHOWN", flush=True)

ft.run(main)
print("AFTER", flush=True)
"""
STEPS = 'expect text="0"\nclick text="plus"\nwait text="1" 10s\n'
HOLD = 'click text="hold"\nwait text="released" 60s\n'


class PythonStartsFlet(E2E):
    python, generation = PYTHON, 3

    def start(self, steps=STEPS, env=None, source=APP):
        file = self.box.name("steps")
        file.write_text(steps)
        self.report = self.box.name("report")
        app = self.box.write("app.py", source)
        python = self.python if isinstance(self.python, list) else [self.python]
        return self.box.launch([*python, app], stdin=subprocess.PIPE, env={
            "DISPLAY": ":77", "FLET_VIEW_PATH": BIN, "FLETBRIDGE_UI": "headless",
            "FLETBRIDGE_STEPS": file, "FLETBRIDGE_REPORT": self.report, **(env or {})})

    def client_of(self, run):
        (pid,) = set(self.box.processes()) - {run.pid}
        self.assertIn("flet", command_of(pid))
        return pid

    def pid_files(self, pid):
        return [p for p in self.box.tmp.iterdir() if p.is_file() and p.read_text() == str(pid)]

    def testStepsAreDoneAndPythonEndsWithZero(self):
        run = self.start()
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.out, b"SHOWN\nAFTER\n")
        report = json.loads(self.report.read_text())
        self.assertEqual(report["used"]["stage"], "1")
        self.assertEqual(report["used"]["ui"], "headless")
        self.assertEqual(report["generation"], self.generation)
        self.assertEqual(report["used"]["transport"], "uds")
        self.assertEqual(sorted(p["role"] for p in report["processes"]), ["app", "host"])
        self.assertIn(run.pid, [p["pid"] for p in report["processes"]])
        self.assertEqual(report["exit"]["code"], 0)

    def testOverTcp(self):
        run = self.start(source=APP.replace("ft.run(main)", "import socket\ns = socket.socket()\n"
                                            "s.bind(('127.0.0.1', 0))\np = s.getsockname()[1]\n"
                                            "s.close()\nft.run(main, port=p)"))
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(json.loads(self.report.read_text())["used"]["transport"], "tcp")

    def testWhatAnUnknownInterpreterSpeaksIsFoundOut(self):
        """Started under a name that leads nowhere; its Flet is on PYTHONPATH alone."""
        (packages,) = (self.python.parent.parent / "lib").glob("python3*/site-packages")
        self.python = ["bash", "-c", 'exec -a nobody "$0" "$@"', "/usr/bin/python3"]
        run = self.start(env={"PYTHONPATH": packages})
        self.assertEqual(run.wait(30), 0, run.shown())
        report = json.loads(self.report.read_text())
        self.assertEqual((report["generation"], report["flet"]), (self.generation, None))

    def testPidFileIsOursAndGoesAway(self):
        run = self.start(HOLD)
        run.wait_line("HOLDING")
        client = self.client_of(run)
        self.assertEqual(len(self.pid_files(client)), 1, self.box.left_files())
        run.write(b"go\n")
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual(wait_gone([client], 2 * PATIENCE), [])

    def testCase33KilledClientEndsPythonWithZero(self):
        run = self.start(HOLD)
        run.wait_line("HOLDING")
        client = self.client_of(run)
        os.kill(client, signal.SIGKILL)
        run.write(b"go\n")
        self.assertEqual(run.wait(5), 0, run.shown())
        self.assertIn("AFTER", run.text[0])

    def testCase34KilledPythonEndsTheClientWithALine(self):
        run = self.start(HOLD)
        run.wait_line("HOLDING")
        client = self.client_of(run)
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone([client], 5 * PATIENCE), [], "an orphan client is left")
        lines = [l for l in run.text[1].splitlines() if l.strip()]
        self.assertEqual(len(lines), 1, run.shown())
        # Flet's own files, which a killed Python cannot remove; the pid file was ours.
        for path in list(self.box.tmp.iterdir()):
            self.assertTrue(path.is_socket(), f"{path} is left")
            path.unlink()

    def testFailedStepEndsBothAndIsReported(self):
        run = self.start('expect text="not there"\n')
        # Flet discards its client's exit code.
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertIn("not there", run.text[1])
        self.assertEqual(json.loads(self.report.read_text())["exit"]["code"], 1)

    def testAWindowThatCannotBeEndsWithALine(self):
        """The UI closes before the app is spoken to: Flet takes it for a window that was closed."""
        taken = self.box.write("taken", "a file")
        run = self.start(env={"FLETBRIDGE_UI": f"attach=unix:{taken}", "FLETBRIDGE_STEPS": None})
        self.assertEqual(run.wait(20), 0, run.shown())
        self.one_line(run, "a file of that name")
        self.assertEqual(json.loads(self.report.read_text())["exit"]["code"], 70)
        for _ in range(20):  # it depended on who was faster
            run = self.box.launch([BIN / "flet", self.box.name("app"), self.box.name("pid")],
                                  env={"FLETBRIDGE_UI": f"attach=unix:{taken}"})
            self.assertEqual(run.wait(10), 70, run.shown())
            self.one_line(run, "a file of that name")

    def testByHandWithoutArguments(self):
        run = self.box.launch([BIN / "flet"])
        self.assertEqual(run.wait(10), 2, run.shown())
        self.one_line(run, "flet")

    def testTerminationOfTheClientRemovesThePidFile(self):
        run = self.start(HOLD)
        run.wait_line("HOLDING")
        client = self.client_of(run)
        os.kill(client, signal.SIGTERM)
        self.assertEqual(wait_gone([client], 2 * PATIENCE), [])
        run.write(b"go\n")
        self.assertEqual(run.wait(5), 0, run.shown())


# As `flet run -d` does it (flet_cli/commands/run.py): this is the parent of the app, which is started
# anew when its files change, and of the client, which is not.
STARTER = """
import os, signal, subprocess, sys

app, view, address = sys.argv[1:]

def start():
    program = subprocess.Popen([sys.executable, "-u", app], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, encoding="utf-8", env={
        **os.environ, "FLET_DISPLAY_URL_PREFIX": "PAGE", **(
            {"FLET_SERVER_UDS_PATH": address} if "/" in address else {"FLET_SERVER_PORT": address})})
    for line in program.stdout:
        if line.startswith("PAGE "):
            return program, line.split()[1]
    return program, None

program, url = start()
shown = subprocess.Popen([view, url, os.path.join(os.environ["TMPDIR"], "pid")],
                         stdin=subprocess.DEVNULL)
print("BEGUN", flush=True)
for word in sys.stdin:
    program.send_signal(signal.SIGTERM)
    program.wait()
    if word == "stop\\n":
        print("STOPPED", flush=True)
        continue
    program, url = start()
    print("AGAIN", flush=True)
code = shown.wait()
program.send_signal(signal.SIGTERM)
program.wait()
print("VIEW", code, flush=True)
"""
WORD = "import flet as ft\nft.run(lambda page: page.add(ft.Text('first')))\n"


class AppIsStartedAnew(E2E):
    """Hot reload: the app's process goes and comes, the client stays."""

    python = PYTHON

    def start(self, steps, address=None, ui="headless"):
        file = self.box.name("steps")
        file.write_text(steps)
        self.report = self.box.name("report")
        self.source = self.box.write("app.py", WORD)
        starter = self.box.write("starter.py", STARTER)
        return self.box.launch(
            [self.python, starter, self.source, BIN / "flet", address or self.box.name("app")],
            stdin=subprocess.PIPE, env={
                "DISPLAY": ":77", "FLETBRIDGE_UI": ui,
                "FLETBRIDGE_STEPS": file if ui == "headless" else None,
                "FLETBRIDGE_REPORT": self.report, "FLETBRIDGE_LOG_LEVEL": "debug"})

    def reload(self, run, word, before):
        run.wait_line(before)
        self.source.write_text(WORD.replace("first", word))
        run.write(b"reload\n")

    def done(self, run):
        run.popen.stdin.close()
        self.assertEqual(run.wait(30), 0, run.shown())
        (self.box.tmp / "pid").unlink(missing_ok=True)

    def testHotReloadShowsTheAppAgain(self):
        for address in (None, str(free_port())):
            with self.subTest(address=address):
                run = self.start('wait text="first" 20s\nwait text="second" 30s\n'
                                 'expect no text="first"\nwait text="third" 30s\n', address)
                self.reload(run, "second", "ui first frame")
                self.reload(run, "third", "(?s)ui first frame.*ui first frame")
                self.done(run)
                run.wait_line("VIEW 0")
                self.assertEqual(json.loads(self.report.read_text())["exit"]["code"], 0)

    def testHotReloadOfAnAppThatIsAwayForAWhile(self):
        """Its source was broken when it was saved: it comes back when that has been mended."""
        run = self.start('wait text="first" 20s\nwait text="second" 30s\n')
        run.wait_line("ui first frame")
        run.write(b"stop\n")
        run.wait_line("STOPPED")
        run.wait_line("app has gone; looking for it")
        self.reload(run, "second", "STOPPED")
        self.done(run)
        run.wait_line("VIEW 0")

    def testHotReloadSendsARelayedClientAway(self):
        """As the window's client, which then connects again."""
        address = f"unix:{self.box.name('ui')}"
        run = self.start("", ui=f"attach={address}")
        for word, after in (("first", "BEGUN"), ("second", "AGAIN")):
            run.wait_line(after)
            client = g3.Client.registered(address, 30, run.alive)
            self.addCleanup(client.close)
            client.expect_text(word)
            if word == "first":
                self.reload(run, "second", "BEGUN")
                client.wait_closed(20)
        (view,) = [pid for pid, line in self.box.processes().items() if line.startswith(f"{BIN}/flet ")]
        os.kill(view, signal.SIGTERM)
        self.done(run)

    def testTheClientEndsWithItsParent(self):
        """However often the app has come and gone."""
        run = self.start('wait text="never" 60s\n')
        self.reload(run, "second", "ui first frame")
        run.wait_line("AGAIN")
        programs = self.box.processes()
        (view,) = [pid for pid, line in programs.items() if line.startswith(f"{BIN}/flet ")]
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone([view], 5 * PATIENCE), [], "an orphan client is left")
        self.assertIn("the app ended before step 1", run.text[1])
        for pid in programs:  # Flet's own, which nobody has told
            if pid not in (run.pid, view):
                os.kill(pid, signal.SIGKILL)
        wait_gone(programs, 5 * PATIENCE)
        for path in self.box.tmp.iterdir():
            path.unlink()


@unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
class AppOfGeneration2IsStartedAnew(AppIsStartedAnew):
    python = PYTHON_OF_2

    testHotReloadSendsARelayedClientAway = None  # the tests' client speaks generation 3


@unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
class PythonStartsFletOfGeneration2(PythonStartsFlet):
    """Nothing tells the client that it is one of Flet 0.82.2."""

    python, generation = PYTHON_OF_2, 2


if __name__ == "__main__":
    unittest.main()
