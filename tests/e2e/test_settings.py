"""Where a setting comes from and which wins; which stage is taken, and why."""

import re
import shutil
import subprocess
import unittest

from harness import BIN, PYTHON, VENV, E2E

APP = "import flet as ft\nft.run(lambda page: page.add(ft.Text('shown')))\n"
SHOWN = 'wait text="shown" 20s\n'


class Settings(E2E):
    def setUp(self):
        super().setUp()
        self.app_file = self.box.write("app.py", APP)

    def explain(self, *options, env=None, app="app.py"):
        """Setting -> (value, where it came from)."""
        run = self.box.launch([BIN / "fletbridge", "run", "--explain", *options, app], env=env)
        self.assertEqual(run.wait(10), 0, run.shown())
        rows = {}
        for line in run.text[0].splitlines():
            parts = re.split(r" {2,}", line.strip())
            if len(parts) >= 3:
                rows[parts[0]] = (parts[1], parts[2])
        return rows

    def testPrecedenceFromTheLowestUp(self):
        self.assertEqual(self.explain()["stage"], ("auto", "default"))

        user = self.box.user / ".config/fletbridge/config.toml"
        user.parent.mkdir(parents=True)
        user.write_text('stage = "1"\ntransport = "tcp"\nfallback = true\n')
        rows = self.explain()
        self.assertEqual(rows["stage"][0], "1")
        self.assertIn(str(user), rows["stage"][1])
        self.assertEqual(rows["fallback"][0], "true")

        (self.box.app / "fletbridge.json").write_text('{"stage": "2"}')
        rows = self.explain()
        self.assertEqual(rows["stage"][0], "2")
        self.assertIn("fletbridge.json", rows["stage"][1])
        self.assertEqual(rows["transport"][0], "tcp", "what a higher source does not say stays")

        (self.box.app / "pyproject.toml").write_text('[tool.fletbridge]\nstage = "1"\n')
        rows = self.explain()
        self.assertEqual(rows["stage"][0], "1")
        self.assertIn("pyproject.toml", rows["stage"][1])

        env = {"FLETBRIDGE_STAGE": "2"}
        rows = self.explain(env=env)
        self.assertEqual(rows["stage"][0], "2")
        self.assertIn("FLETBRIDGE_STAGE", rows["stage"][1])

        rows = self.explain("--stage", "1", env=env)
        self.assertEqual(rows["stage"][0], "1")
        self.assertIn("--stage", rows["stage"][1])
        self.assertEqual(rows["transport"][0], "tcp")
        self.assertIn(str(user), rows["transport"][1])

    def testFilesOfTheAppAreFoundFromElsewhere(self):
        (self.box.app / "fletbridge.json").write_text('{"stage": "2"}')
        run = self.box.launch([BIN / "fletbridge", "run", "--explain", self.app_file], cwd="/")
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertRegex(run.text[0], r"stage +2 +.*fletbridge\.json")

    def testRunObeysTheFiles(self):
        (self.box.app / "fletbridge.json").write_text('{"stage": "1", "transport": "tcp"}')
        run = self.box.headless(None, "app.py", steps=SHOWN)
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual((used["stage"], used["transport"]), ("1", "tcp"))

    def testBrokenFilesAreNamedWithTheirLine(self):
        (self.box.app / "pyproject.toml").write_text('[tool.fletbridge]\nstagee = "1"\n')
        run = self.box.headless(None, "app.py", steps=SHOWN, report=False)
        self.assertEqual(run.wait(10), 2, run.shown())
        self.one_line(run, "pyproject.toml:2", "stagee")
        (self.box.app / "pyproject.toml").write_text("[tool.fletbridge\n")
        run = self.box.headless(None, "app.py", steps=SHOWN, report=False)
        self.assertEqual(run.wait(10), 2, run.shown())
        self.one_line(run, "pyproject.toml")
        (self.box.app / "pyproject.toml").unlink()
        (self.box.app / "fletbridge.json").write_text("{")
        run = self.box.headless(None, "app.py", steps=SHOWN, report=False)
        self.assertEqual(run.wait(10), 2, run.shown())
        self.one_line(run, "fletbridge.json")


class Interpreters(E2E):
    """Which interpreter is found: --python, the active venv, .venv beside the app, python3."""

    APP = "import sys\nprint(sys.prefix, flush=True)\n"

    def prefix(self, python=None, env=None, cwd=None):
        app = self.box.write("app.py", self.APP)
        run = self.box.headless(None, app, options=["--stage", "1"], python=python, env=env,
                                cwd=cwd)
        run.code = run.wait(20)
        return run

    def testOrder(self):
        # Environments with Flet: this project's, seen from new ones by a .pth file.
        made = {}
        for name in ("active", "app/.venv"):
            folder = self.box.home / name
            subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
            site = next(folder.glob("lib/python3*/site-packages"))
            (site / "flet.pth").write_text(str(next(VENV.glob("lib/python3*/site-packages"))))
            made[name] = str(folder)
        run = self.prefix(env={"VIRTUAL_ENV": made["active"]})
        self.assertEqual((run.code, run.text[0].strip()), (0, made["active"]), run.shown())
        run = self.prefix()
        self.assertEqual((run.code, run.text[0].strip()), (0, made["app/.venv"]), run.shown())
        run = self.prefix(cwd="/")
        self.assertEqual((run.code, run.text[0].strip()), (0, made["app/.venv"]), run.shown())
        for python in (VENV, PYTHON):
            run = self.prefix(python=python, env={"VIRTUAL_ENV": made["active"]})
            self.assertEqual((run.code, run.text[0].strip()), (0, str(VENV)), run.shown())
        shutil.rmtree(made["app/.venv"])
        run = self.prefix(env={"PATH": f"{VENV / 'bin'}:/usr/bin:/bin"})
        self.assertEqual((run.code, run.text[0].strip()), (0, str(VENV)), run.shown())


class StageChoice(E2E):
    def setUp(self):
        super().setUp()
        self.app_file = self.box.write("app.py", APP)

    def testAutoTakesTheHighestAndSaysSo(self):
        run = self.box.headless(None, "app.py", steps=SHOWN, options=["--stage", "auto"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertRegex(run.text[1], r"(?i)stage 3")
        report = run.report()
        self.assertEqual(report["used"]["stage"], "3")
        self.assertEqual(report["used"]["transport"], "ffi")
        self.assertEqual(report["requested"]["stage"], "auto")
        self.assertIsNone(report["requested"]["transport"])

    def testDefaultTransports(self):
        for stage, transport in (("1", "uds"), ("2", "uds"), ("3", "ffi")):
            run = self.box.headless(None, "app.py", steps=SHOWN, options=["--stage", stage])
            self.assertEqual(run.wait(30), 0, run.shown())
            self.assertEqual(run.report()["used"]["transport"], transport)

    def testQuietSaysNothingAndDebugSaysMuch(self):
        run = self.box.headless(None, "app.py", steps=SHOWN, options=["--stage", "3", "--quiet"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.text, ("", ""))
        run = self.box.headless(None, "app.py", steps=SHOWN,
                                options=["--stage", "3", "--log-level", "debug"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.text[0], "", "messages belong on stderr")
        for word in ("starting", "listening", "connected", "closed", "exited"):
            self.assertRegex(run.text[1], f"(?i){word}")


if __name__ == "__main__":
    unittest.main()
