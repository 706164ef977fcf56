"""Stage 1 the other way round: `python app.py` starts our `flet` as Flet's desktop client."""

import json
import os
import signal
import subprocess
import unittest

from harness import BIN, PATIENCE, PYTHON, PYTHON_OF_2, E2E, command_of, wait_gone

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


@unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
class PythonStartsFletOfGeneration2(PythonStartsFlet):
    """Nothing tells the client that it is one of Flet 0.82.2."""

    python, generation = PYTHON_OF_2, 2


if __name__ == "__main__":
    unittest.main()
