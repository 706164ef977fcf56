"""What the app sees is what `python app.py` gives it, on every stage."""

import json
import shutil
import subprocess
import unittest

from harness import APPS, PYTHON, every_variant

# What may differ in the environment: Flet's own variables, by which every host tells the app where
# to listen.
ALLOWED = ("FLET_PLATFORM", "FLET_SERVER_UDS_PATH", "FLET_SERVER_PORT", "FLET_DART_BRIDGE_PORT",
           "FLET_DART_BRIDGE_EXIT_PORT", "FLET_APP_STORAGE_DATA", "FLET_APP_STORAGE_TEMP",
           "FLET_APP_STORAGE_CACHE")
ARGUMENTS = ["plain", "two words", "zażółć 漢", "--stage", "9", "-m", "-x", "", "--",
             "*", "$HOME", "a\"b'c\\"]


# What Flet itself changes for good in a process where it has run.
FLETS_OWN = ("python_threads", "sigint", "sigterm")


@every_variant
class Sameness:
    def probe(self, argv, env=None):
        """Runs the probe under fletbridge; returns the run and its record."""
        out = self.box.name("probe")
        run = self.box.headless(self.variant, *argv, steps='wait text="shown" 30s\n',
                                stdin=subprocess.PIPE,
                                env={"E2E_PROBE": out, "DISPLAY": ":77", **(env or {})})
        run.write(b"first line\nsecond\n")
        run.popen.stdin.close()
        self.assertEqual(run.wait(40), 0, run.shown())
        return run, json.loads(out.read_text())

    def reference(self, argv, env=None):
        """What the interpreter alone makes of the same command, up to the client's leaving."""
        out = self.box.name("probe")
        # The same program without a host around it; it leaves ft.run() out, since Flet's embedded
        # server would never return.
        alone = self.box.launch([PYTHON, *argv], stdin=subprocess.PIPE, env={
            "E2E_PROBE": out, "DISPLAY": ":77", "E2E_ALONE": "1", **(env or {})})
        alone.write(b"first line\nsecond\n")
        alone.popen.stdin.close()
        self.assertEqual(alone.wait(40), 0, alone.shown())
        return alone, json.loads(out.read_text())

    def compare(self, mine, theirs):
        for part in ("before", "after"):
            for key in theirs[part]:
                if key == "environ" or (part == "after" and key in FLETS_OWN):
                    continue
                with self.subTest(f"{part} {key}"):
                    self.assertEqual(mine[part][key], theirs[part][key])
        for part in ("before", "during", "after"):
            with self.subTest(f"{part} environ"):
                a, b = dict(mine[part]["environ"]), dict(theirs["before"]["environ"])
                for env in (a, b):
                    for name in (*ALLOWED, "E2E_PROBE", "E2E_ALONE"):
                        env.pop(name, None)
                self.assertEqual(a, b)
        self.assertEqual(mine["line"], theirs["line"])
        self.assertEqual(mine["rest"], theirs["rest"])
        for key in theirs["workers"]:
            with self.subTest(f"workers {key}"):
                self.assertEqual(mine["workers"][key], theirs["workers"][key])
        self.assertEqual(mine["during"]["page"][:2], ["PagePlatform.LINUX", False])
        for key in ("main_thread", "argv", "executable", "cwd"):
            self.assertEqual(mine["during"][key], mine["before"][key])

    def testScriptWithArguments(self):
        shutil.copy(APPS / "probe.py", self.box.app / "probe.py")
        argv = ["probe.py", *ARGUMENTS]
        alone, theirs = self.reference(argv)
        run, mine = self.probe(argv)
        self.compare(mine, theirs)
        self.assertEqual(mine["before"]["argv"], argv)

        # Not a byte more, less or elsewhere on stdout; stderr has the app's lines whole.
        self.assertEqual(run.out, alone.out)
        self.assertIn(bytes(range(256)) + b"raw\0\xff\nin main\nafter run\natexit\n", run.out)
        for line in ("LOG to stderr", "err żółć"):
            self.assertIn(line, run.text[1].splitlines())

    def testModuleAndPackageForms(self):
        package = self.box.app / "kitchenware"
        package.mkdir()
        shutil.copy(APPS / "probe.py", package / "__main__.py")
        (package / "__init__.py").write_text("")
        shutil.copy(APPS / "probe.py", self.box.app / "single.py")
        shutil.copy(APPS / "probe.py", package / "main.py")
        for argv in (["-m", "kitchenware", "a b"], ["-m", "single"], ["kitchenware", "x"]):
            with self.subTest(" ".join(argv)):
                # A C locale too: the interpreter then chooses UTF-8 by itself.
                env = {"E2E_FEW": "1", "LANG": "C" if argv[1] == "single" else "C.UTF-8"}
                # A folder means its main.py, as for `flet run`.
                plain = ["kitchenware/main.py", "x"] if argv[0] == "kitchenware" else argv
                _, theirs = self.reference(plain, env=env)
                _, mine = self.probe(argv, env=env)
                self.compare(mine, theirs)

    def testScriptElsewhereAndNonAsciiPath(self):
        folder = self.box.home / "zażółć dir"
        folder.mkdir()
        shutil.copy(APPS / "probe.py", folder / "probe 漢.py")
        argv = [str(folder / "probe 漢.py"), "x"]
        _, theirs = self.reference(argv, env={"E2E_FEW": "1"})
        _, mine = self.probe(argv, env={"E2E_FEW": "1"})
        self.compare(mine, theirs)

    def testEnvironmentOfThePersonIsKept(self):
        # PYTHON* variables mean what they mean to the interpreter, a sitecustomize of the person's
        # own still runs, and no DISPLAY stays no DISPLAY to the app.
        site = self.box.home / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(
            "import sys\nsys.e2e_site = 'mine'\n"
            "print('SITE', __name__, file=sys.stderr, flush=True)\n")
        (site / "helper_module.py").write_text("VALUE = 5\n")
        app = self.box.write("app.py", "\n".join([
            "import os, sys, json, helper_module, sitecustomize",
            "print(json.dumps([sys.e2e_site, helper_module.VALUE, os.environ.get('PYTHONPATH'),"
            " os.environ.get('DISPLAY'), os.environ.get('PYTHONUNBUFFERED'), sys.flags.optimize,"
            " sitecustomize.__file__, sys.path[:3], sys.dont_write_bytecode]))"]))
        env = {"PYTHONPATH": site, "PYTHONUNBUFFERED": "1", "PYTHONOPTIMIZE": "1"}
        alone = self.box.launch([PYTHON, app], env=env)
        self.assertEqual(alone.wait(20), 0, alone.shown())
        run = self.box.headless(self.variant, app, env=env)
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual(run.out, alone.out)
        self.assertEqual(run.text[1].count("SITE"), 1, run.shown())

    def testForkedChildrenAreOrdinaryProcesses(self):
        # Signals end them, by the default action as well as by a handler; their exit is their own.
        app = self.box.write("app.py", """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.write(told, b"x")
        time.sleep(30)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, number)
    print("signal", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
for leave in (os._exit, sys.exit):
    child = os.fork()
    if child == 0:
        leave(9)
    print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print("parent", flush=True)
""")
        run = self.box.headless(self.variant, app)
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual(run.text[0].split("\n"),
                         ["signal -15", "signal -2", "signal -1", "signal -9", "exit 9", "exit 9",
                          "parent", ""])

    def testWorksWithoutADisplay(self):
        app = self.box.write("app.py", "import os\nimport flet as ft\n"
                             "print('DISPLAY' in os.environ, flush=True)\n"
                             "ft.run(lambda page: page.add(ft.Text('shown')))\n")
        run = self.box.headless(self.variant, app, steps='wait text="shown" 20s\n')
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.out, b"False\n")

    def testOtherSpellingsOfRun(self):
        for body in ("import asyncio\nasyncio.run(ft.run_async(main))",
                     "ft.run(main, view=ft.AppView.FLET_APP_HIDDEN)"):
            with self.subTest(body):
                app = self.box.write("app.py", "import flet as ft\ndef main(page):\n"
                                     "    page.add(ft.Text('shown'))\n" + body +
                                     "\nprint('after', flush=True)\n")
                run = self.box.headless(self.variant, app, steps='wait text="shown" 20s\n')
                self.assertEqual(run.wait(30), 0, run.shown())
                self.assertEqual(run.out, b"after\n")

    def testAssetsFolderBesideTheScript(self):
        (self.box.app / "assets").mkdir()
        app = self.box.write("app.py", "import logging, sys\n"
                             "logging.basicConfig(level=logging.INFO, stream=sys.stdout,"
                             " format='%(message)s')\nimport flet as ft\n"
                             "ft.run(lambda page: page.add(ft.Text('shown')))\n")
        run = self.box.headless(self.variant, app, steps='wait text="shown" 20s\n', cwd="/")
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn(f"Assets path configured: {self.box.app / 'assets'}", run.text[0])

    def testTracebackOfAHandlerIsFlets(self):
        app = self.box.write("app.py", "import flet as ft\ndef main(page):\n    def bad(e):\n"
                             "        raise ValueError('from handler')\n"
                             "    page.add(ft.Button('bad', on_click=bad))\nft.run(main)\n")
        steps = 'wait text="bad" 20s\nclick text="bad"\n'
        run = self.box.headless(self.variant, app, steps=steps)
        self.assertIn(run.wait(30), (0, 1), run.shown())
        self.assertIn("from handler", run.text[1])

    def testOnCloseRunsWhenTheUiCloses(self):
        app = self.box.write("app.py", "import flet as ft\ndef main(page):\n"
                             "    page.on_close = lambda e: print('CLOSED', flush=True)\n"
                             "    page.add(ft.Text('shown'))\nft.run(main)\nprint('after')\n")
        run = self.box.headless(self.variant, app, steps='wait text="shown" 20s\n')
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.out, b"CLOSED\nafter\n")


if __name__ == "__main__":
    unittest.main()
