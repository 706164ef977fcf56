"""The app's own exit code, on every stage; and one clear line for everything that cannot start."""

import json
import subprocess
import unittest

from harness import BIN, PYTHON, E2E, every_variant

HEAD = "import sys, atexit\nimport flet as ft\n" \
    "atexit.register(lambda: print('ATEXIT', flush=True))\n"
PAGE = """
def main(page):
    def leave(e):
        print("CLICKED", flush=True)
        sys.exit(3)

    async def leave_async(e):
        sys.exit(4)

    page.add(ft.Text("here"), ft.Button("leave", on_click=leave),
             ft.Button("leave async", on_click=leave_async))
"""


@every_variant
class ExitCodes:
    def code(self, source, steps="# nothing to do\n", **more):
        run = self.box.headless(self.variant, self.box.write("app.py", source), steps=steps, **more)
        run.code = run.wait(20)
        return run

    def testUiClosesAndTheAppEndsAsPythonDoes(self):
        run = self.code(HEAD + PAGE + "ft.run(main)\nprint('AFTER', flush=True)\n",
                        'expect text="here"\n')
        self.assertEqual(run.code, 0, run.shown())
        self.assertEqual(run.out, b"AFTER\nATEXIT\n")

    def testExitCodeAfterTheUiHasClosed(self):
        run = self.code(HEAD + PAGE + "ft.run(main)\nprint('AFTER', flush=True)\nsys.exit(7)\n",
                        'wait text="here" 20s\n')
        self.assertEqual(run.code, 7, run.shown())
        self.assertEqual(run.out, b"AFTER\nATEXIT\n")
        self.assertEqual(run.report()["exit"]["code"], 7)

    def testSysExitAtImport(self):
        run = self.code(HEAD + "print('OUT', flush=True)\nsys.exit(3)\n")
        self.assertEqual(run.code, 3, run.shown())
        self.assertEqual(run.out, b"OUT\nATEXIT\n")
        self.assertNotIn(b"Traceback", run.err)

    def testSysExitInMain(self):
        run = self.code(HEAD + "def main(page):\n    sys.exit(3)\nft.run(main)\n",
                        'wait text="never" 20s\n')
        self.assertEqual(run.code, 3, run.shown())
        self.assertIn(b"ATEXIT", run.out)

    def testSysExitInAHandler(self):
        # As in Flet itself: SystemExit leaves the event loop and ends the program with its code.
        for button, code in (("leave", 3), ("leave async", 4)):
            with self.subTest(button):
                run = self.code(HEAD + PAGE + "ft.run(main)\nprint('AFTER', flush=True)\n",
                                f'click text="{button}"\nwait text="never" 20s\n')
                self.assertEqual(run.code, code, run.shown())
                self.assertIn(b"ATEXIT", run.out)
                self.assertNotIn(b"AFTER", run.out)

    def testSysExitWithText(self):
        run = self.code("import sys\nsys.exit('no such thing')\n")
        self.assertEqual(run.code, 1, run.shown())
        self.assertIn(b"no such thing\n", run.err)

    def testUncaughtExceptionAtImport(self):
        run = self.code(HEAD + "print('OUT', flush=True)\nraise KeyError('lost')\n")
        self.assertEqual(run.code, 1, run.shown())
        err = run.err.decode()
        self.assertIn("Traceback (most recent call last):", err)
        self.assertIn("KeyError: 'lost'", err)
        self.assertIn("app.py", err)
        self.assertEqual(run.out, b"OUT\nATEXIT\n")

    def testUncaughtExceptionAfterRun(self):
        run = self.code(HEAD + PAGE + "ft.run(main)\nraise KeyError('late')\n")
        self.assertEqual(run.code, 1, run.shown())
        self.assertIn("KeyError: 'late'", run.err.decode())

    def testSyntaxError(self):
        run = self.code("import flet as ft\ndef main(page:\n    pass\n")
        self.assertEqual(run.code, 1, run.shown())
        reference = subprocess.run([PYTHON, self.box.app / "app.py"], capture_output=True)
        for line in reference.stderr.splitlines():
            self.assertIn(line, run.err.splitlines())

    def testAppThatNeverCallsRun(self):
        run = self.code("print('done', flush=True)\n")
        self.assertEqual(run.code, 0, run.shown())
        self.assertEqual(run.out, b"done\n")

    def testEmptyStepsAreDoneAtOnce(self):
        run = self.code(HEAD + PAGE + "ft.run(main)\nprint('AFTER', flush=True)\n", "")
        self.assertEqual(run.code, 0, run.shown())
        self.assertEqual(run.out, b"AFTER\nATEXIT\n")

    def testFailedStepGivesOneAndShowsTheTree(self):
        run = self.code(HEAD + PAGE + "ft.run(main)\nprint('AFTER', flush=True)\n",
                        'expect text="not there"\n')
        self.assertEqual(run.code, 1, run.shown())
        self.assertIn("here", run.err.decode() + run.out.decode())
        self.assertIn("not there", run.err.decode())

    def testOsExitAndKillingItself(self):
        run = self.code("import os\nos._exit(5)\n")
        self.assertEqual(run.code, 5, run.shown())
        run = self.code("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
        self.assertEqual(run.code, 137, run.shown())
        # A segmentation fault is what a shell calls 139.
        run = self.code("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
        self.assertEqual(run.code, 139, run.shown())
        # A process that dies so cannot tidy up after itself: the next start does.
        self.assertEqual(self.code("pass\n").code, 0)


@every_variant
class CannotStart:
    """One clear line each: what, on what, what to do."""

    def start(self, *app, **more):
        run = self.box.headless(self.variant, *app, **more)
        run.code = run.wait(20)
        return run

    def testMissingScript(self):
        run = self.start(self.box.app / "nothing.py")
        self.assertEqual(run.code, 2, run.shown())
        self.one_line(run, "nothing.py")
        self.assertEqual(run.out, b"")

    def testBadPython(self):
        app = self.box.write("app.py", "import flet\n")
        for python in ("/no/such/python", self.box.home):
            with self.subTest(str(python)):
                run = self.start(app, python=python)
                self.assertIn(run.code, (2, 70), run.shown())
                self.one_line(run, str(python))
        script = self.box.home / "notpython"
        script.write_text("#!/bin/sh\necho this is no python\n")
        script.chmod(0o755)
        run = self.start(app, python=script)
        self.assertIn(run.code, (2, 70), run.shown())
        self.one_line(run, "notpython")

    def testNoFletInstalled(self):
        app = self.box.write("app.py", "import flet as ft\nft.run(lambda page: None)\n")
        bare = self.box.home / "bare"
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", bare], check=True)
        run = self.start(app, python=bare)
        self.assertIn(run.code, (1, 70), run.shown())
        self.one_line(run, "[Ff]let", "install")

    def testMissingSteps(self):
        app = self.box.write("app.py", "import flet\n")
        run = self.start(app, steps=None, options=["--steps", "/no/such/steps"])
        self.assertEqual(run.code, 2, run.shown())
        self.one_line(run, "/no/such/steps")

    def testBadStepIsNamedByLine(self):
        app = self.box.write("app.py", "import flet as ft\nft.run(lambda page: None)\n")
        run = self.start(app, steps='click text="x"\njuggle text="y"\n')
        self.assertEqual(run.code, 2, run.shown())
        self.one_line(run, "juggle", r"\b2\b")


class Usage(E2E):
    """Wrong command lines: 2, and one line."""

    def usage(self, *args, part="", cwd=None, code=2):
        run = self.box.launch([BIN / "fletbridge", *args])
        self.assertEqual(run.wait(10), code, run.shown())
        _, err = run.text
        self.assertRegex(err, part)
        self.assertLessEqual(len(err.strip().splitlines()), 2, run.shown())
        return run

    def testUsageErrors(self):
        app = str(self.box.write("app.py", "import flet\n"))
        for args, part in (
                (["run"], "(?i)script"),
                (["run", "--stage", "9", app], "9"),
                (["run", "--stage", "1", "--transport", "ffi", app], "ffi"),
                (["run", "--stage", "3", "--transport", "uds", app], "uds"),
                (["run", "--stage", "3", "--transport", "tcp", app], "tcp"),
                (["run", "--transport", "pigeon", app], "pigeon"),
                (["run", "--ui", "hologram", app], "hologram"),
                (["run", "--ui", "attach=pigeon:x", app], "pigeon"),
                (["run", "--no-such-option", app], "no-such-option"),
                (["no-such-command"], "no-such-command"),
                (["run", "--stage", "1", "--ui", "headless", "--python", str(PYTHON), "-m",
                  "no_such_module_anywhere"],
                 "no_such_module_anywhere")):
            with self.subTest(" ".join(args[:5])):
                self.usage(*args, part=part,
                           code=1 if "no_such_module_anywhere" in args else 2)

    def testHelpAndVersion(self):
        run = self.box.launch([BIN / "fletbridge", "--help"])
        self.assertEqual(run.wait(10), 0, run.shown())
        for word in ("run", "doctor"):
            self.assertIn(word, run.text[0])
        run = self.box.launch([BIN / "fletbridge", "run", "--help"])
        self.assertEqual(run.wait(10), 0, run.shown())
        for word in ("--stage", "--transport", "--ui", "--python", "--report", "--steps",
                     "--fallback", "--explain", "--log-level"):
            self.assertIn(word, run.text[0])
        run = self.box.launch([BIN / "fletbridge", "--version"])
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertRegex(run.text[0], r"\d+\.\d+")

    def testDoctorSaysWhatWorks(self):
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON])
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertIn("1.0.5", run.text[0])
        self.assertIn("3.11", run.text[0])
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON, "--json"])
        self.assertEqual(run.wait(20), 0, run.shown())
        found = json.loads(run.text[0])
        self.assertEqual([(s["stage"], s["ok"]) for s in found["stages"]],
                         [("1", True), ("2", True), ("3", True), ("legacy", True)])

    def testDoctorSaysWhatIsMissing(self):
        bare = self.box.home / "bare"
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", bare], check=True)
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", bare])
        run.wait(20)
        self.assertRegex(run.text[0] + run.text[1], "(?i)flet.*install|install.*flet")


if __name__ == "__main__":
    unittest.main()
