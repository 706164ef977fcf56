"""What speeds up Flet's own Python: on where Flet's code is known, told in the report, and switchable."""

import json
import os
import py_compile
import re
import shutil
import signal
import zipapp

import g3
from harness import BIN, E2E, EXAMPLES, HOSTED, PYTHON, PYTHON_OF_2, ROOT, Variant, every_variant

COUNTER = EXAMPLES / "counter/main.py"
PACKAGE = BIN.parent / "lib/fletbridge/python"
PYTHON_OF_1 = ROOT / "build/venv/0.28.3/bin/python"
CHANGED = "        src_keys = set(src.keys())\n"
NATIVE = ["creation", "diff", "events", "encoding", "switching", "collecting", "scan"]
CLICK = 'click text="+"\nexpect text="1"\nclose\n'
LOOK = """
import os, sys
import flet as ft
import flet.messaging.session
from flet.controls.object_patch import DiffBuilder

def look(who):
    package = sys.modules.get("fletbridge.accelerate")
    print(who, type(DiffBuilder._compare_dataclasses).__name__, sorted(
        name for name, why in package.state().items() if why is None) if package else None, flush=True)

"""
APP = LOOK + """
look("app")
print([name for name in os.environ if name.startswith("FLETBRIDGE")], "fletbridge" in sys.modules,
      [entry for entry in sys.path if "fletbridge" in entry], flush=True)

def main(page):
    text = ft.Text("0")
    def plus(e):
        text.value = str(int(text.value) + 1)
    page.add(text, ft.Button("+", on_click=plus))

ft.run(main)
"""
VARIANTS = [Variant("1", "uds"), Variant("1", "tcp"), *HOSTED]


class GeneratedCode:
    python = PYTHON_OF_2

    def counted(self, *options, env=None):
        """A whole run; the accelerators of its report."""
        run = self.box.headless(self.variant, COUNTER, python=self.python, options=options, env=env,
                                steps=CLICK)
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertEqual(run.text[1], "")
        return "generated-code" in run.report()["used"]["accelerators"]

    def kept(self):
        """The files of generated code -> when they were written."""
        return {file: file.stat().st_mtime_ns
                for file in (self.box.user / ".cache/fletbridge").rglob("generated-code/*")}

    def testGeneratedCodeIsKeptAndTakenAgainUnlessSwitchedOff(self):
        self.assertFalse(self.counted("--accelerators", "none"))
        self.assertFalse(self.counted("--accelerators", "diff,scan", "--log-level", "error"))
        self.assertFalse(self.counted(env={"PYTHONDONTWRITEBYTECODE": "1"}))
        self.assertEqual(self.kept(), {})
        self.assertTrue(self.counted())
        first = self.kept()
        (file,) = first
        self.assertIn("flet-0.82.2-cpython-3", file.name)
        self.assertGreater(file.stat().st_size, 1_000_000)  # of more than three hundred controls
        self.assertTrue(self.counted())
        self.assertEqual(self.kept(), first, "nothing was compiled again")


every_variant(GeneratedCode, [Variant("1", "uds"), *HOSTED])


class Accelerated(E2E):
    def run_app(self, *options, source=APP, code=0, python=PYTHON, **more):
        """A whole run of the app; its report and what it has printed."""
        app = self.box.write("app.py", source)
        options = ("--accelerators", options[0], *options[1:]) if options else ()
        run = self.box.headless(self.variant, app, options=options, steps=CLICK, python=python, **more)
        self.assertEqual(run.wait(60), code, run.shown())
        return run.report(), run

    def state_of(self, report, name):
        return report["accelerators"]["state"][name]


class EachStage:
    __test_base__ = Accelerated

    def testTheyAreOnWhereFletIsKnownAndTheReportTells(self):
        report, run = self.run_app()
        self.assertEqual(run.text[1], "")
        self.assertEqual(report["requested"]["accelerators"], "all")
        told = report["accelerators"]
        self.assertEqual(list(told["state"]), ["generated-code", *NATIVE])
        self.assertEqual(told["state"]["diff"], {"on": True, "why": None})
        self.assertEqual(report["used"]["accelerators"],
                         [name for name, one in told["state"].items() if one["on"]])
        for one in told["state"].values():
            self.assertEqual(one["why"] is None, one["on"])
        self.assertFalse(told["verify"])
        self.assertEqual(told["counters"]["failures"], 0)
        on = sorted(set(report["used"]["accelerators"]) - {"generated-code"})
        self.assertIn(f"app Replacement {on}\n", run.text[0])
        self.assertIn("[] False []\n", run.text[0])  # nothing else of ours shows

    def testNoneLeavesFletAlone(self):
        report, run = self.run_app("none")
        self.assertEqual(report["used"]["accelerators"], [])
        self.assertEqual(report["accelerators"],
                         {"verify": False, "state": {}, "counters": None, "differences": []})
        self.assertIn("app function None\n", run.text[0])

    def testOneByNameIsOnAlone(self):
        report, run = self.run_app("diff")
        self.assertEqual(report["accelerators"]["state"], {"diff": {"on": True, "why": None}})
        self.assertEqual(report["used"]["accelerators"], ["diff"])
        self.assertIn("app Replacement ['diff']\n", run.text[0])
        self.assertEqual(run.text[1], "")

    def testVerifyComparesEachUpdateAndSaysSo(self):
        report, run = self.run_app("verify")
        told = report["accelerators"]
        self.assertTrue(told["verify"])
        self.assertEqual(list(told["state"]), ["generated-code", *NATIVE])
        self.assertTrue(told["state"]["diff"]["on"])
        self.assertGreaterEqual(told["counters"]["compared"], 2)
        self.assertEqual((told["counters"]["differences"], told["differences"]), (0, []))
        self.one_line(run, r"^fletbridge: verify: \d+ updates compared, no difference$")


every_variant(EachStage, VARIANTS)


class Unknown:
    """A Flet beside the app, which comes before the installed one, and in which one function is another."""

    __test_base__ = Accelerated

    def setUp(self):
        super().setUp()
        (packages,) = PYTHON.parents[1].glob("lib/python*/site-packages")
        for name in ("flet", "flet-1.0.5.dist-info"):
            shutil.copytree(packages / name, self.box.app / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.file = self.box.app / "flet/controls/object_patch.py"
        text = self.file.read_text()
        self.assertEqual(text.count(CHANGED), 1)
        self.file.write_text(text.replace(CHANGED, CHANGED + "        src_keys = set(src_keys)\n"))
        self.why = "DiffBuilder._compare_dicts is not the code of Flet 1.0.5"

    def testFletsOwnCodeRunsAndTheReportSaysWhy(self):
        report, run = self.run_app()
        self.assertEqual(self.state_of(report, "diff"), {"on": False, "why": self.why})
        self.assertNotIn("diff", report["used"]["accelerators"])
        self.assertIn("app function ", run.text[0])
        self.assertEqual(run.text[1], "", "a run that did not ask for it by name is as quiet as before")

    def testWhoAskedForItByNameIsWarned(self):
        _, run = self.run_app("diff")
        self.one_line(run, r"accelerators: none; not diff: " + self.why)

    def testTheLogHasItAtDebug(self):
        _, run = self.run_app("all", "--log-level", "debug")
        self.assertRegex(run.text[1], "accelerators: .*not diff.*: " + self.why)


every_variant(Unknown, [Variant("1", "uds"), Variant("3", "ffi", "interpreter")])


class WhateverTheAppDoes:
    __test_base__ = Accelerated

    def testItsOwnImportIsTheSamePackageAndDoesNotSwitchAnythingElseOn(self):
        source = "import fletbridge.accelerate\n" + APP + """
look("end")
import fletbridge
print(fletbridge.accelerate is sys.modules["fletbridge.accelerate"], fletbridge.accelerate.hosted)
"""
        env = {"PYTHONPATH": PACKAGE}
        source = source.replace(', "fletbridge" in sys.modules', ', False').replace(
            '[entry for entry in sys.path if "fletbridge" in entry]', "[]")
        _, run = self.run_app("diff", source=source, env=env)
        self.assertIn("app Replacement ['diff']\n", run.text[0])
        self.assertIn("end Replacement ['diff']\nTrue True\n", run.text[0])
        _, run = self.run_app("none", source=source, env=env)
        self.assertIn("end function []\nTrue True\n", run.text[0])
        _, run = self.run_app("diff", source=APP + """
import fletbridge, fletbridge.accelerate
print(fletbridge.accelerate is sys.modules["fletbridge.accelerate"], fletbridge.accelerate.hosted)
""", env=env)
        self.assertIn("True True\n", run.text[0])

    def testForksAndOtherProcessesWorkAndTellNothing(self):
        report, run = self.run_app("diff", source=APP.replace("ft.run(main)", """
import multiprocessing

def child(way):
    look("child")
    notes = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            notes += "fletbridge-note" in os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass
    print("notes", notes, flush=True)

if __name__ == "__main__":
    for way in "fork", "spawn":
        process = multiprocessing.get_context(way).Process(target=child, args=(way,))
        process.start()
        process.join()
        print(way, process.exitcode, flush=True)
    ft.run(main)
"""))
        self.assertIn("child Replacement ['diff']\n", run.text[0])
        self.assertIn("child function None\n", run.text[0])
        # A fork has what the host holds for itself, where that is in the process.
        self.assertIn(f"notes {int(self.variant.in_process)}\nfork 0\n", run.text[0])
        self.assertIn("notes 0\nspawn 0\n", run.text[0])
        self.assertTrue(self.state_of(report, "diff")["on"])

    def testWhatItWritesIntoOurNoteIsNotBelieved(self):
        """It is the app's own process: it may write there, and gets no more than a report without the facts."""
        scribble = """
def scribble(e):
    for fd in os.listdir("/proc/self/fd"):
        try:
            if "fletbridge-note" not in os.readlink("/proc/self/fd/" + fd):
                continue
        except OSError:
            continue
        for what in (b"\\xff" * 70000, b"x"):
            try:
                os.pwrite(int(fd), what, 0)
            except OSError:
                pass
        try:
            os.ftruncate(int(fd), 1 << 40)
            print("it has grown", flush=True)
        except OSError:
            pass
"""
        source = APP.replace("def main", scribble + "\ndef main").replace("def plus(e):", "def plus(e):\n        scribble(e)")
        source = source.replace("ft.run(main)", "ft.run(main)\nos._exit(0)")
        report, run = self.run_app("diff", "--log-level", "error", source=source)
        self.assertNotIn("it has grown", run.text[0])
        self.assertEqual(set(report["accelerators"]), {"verify", "state", "counters", "differences"})


every_variant(WhateverTheAppDoes, [Variant("1", "uds"), Variant("3", "ffi", "interpreter"),
                                   Variant("2", "uds", "static")])


class Difference(Accelerated):
    """One that is noted as verify notes it, in an app that is as good as any."""

    variant = Variant("1", "uds")

    def testIsReportedAndChangesNeitherTheAppNorItsExitCode(self):
        source = APP.replace("def plus(e):", """def plus(e):
        verify = sys.modules["fletbridge.accelerate.verify"]
        for number in range(200):
            verify.note("update", "of control %d\\n is another" % number)""")
        report, run = self.run_app("verify", source=source)
        told = report["accelerators"]
        self.assertEqual(told["counters"]["differences"], 200)
        self.assertEqual(told["differences"][0], "update: of control 0  is another")
        self.assertEqual(len(told["differences"]), 30)
        self.assertRegex(run.text[1], r"verify: \d+ updates compared, 200 differences from Flet's own code, whose answers "
                                      r"were used; --report has them")
        self.assertIn("verify: update: of control 0  is another", run.text[1])


class AppThatIsKilled(Accelerated):
    variant = Variant("1", "uds")

    def testTheReportHasWhatWasWrittenLast(self):
        source = APP.replace("def plus(e):", "def plus(e):\n        os.kill(os.getpid(), 9)")
        app = self.box.write("app.py", source)
        run = self.box.headless(self.variant, app, options=("--accelerators", "diff"), steps=CLICK)
        self.assertNotEqual(run.wait(60), 0, run.shown())
        self.assertEqual(self.state_of(run.report(), "diff"), {"on": True, "why": None})


class Settings(E2E):
    def refused(self, value):
        run = self.box.headless(None, COUNTER, options=("--accelerators", value), report=False)
        self.assertEqual(run.wait(20), 2, run.shown())
        return self.one_line(run)

    def testAnUnknownNameIsRefusedWithTheListOfThem(self):
        for value in ("dif", "diff,", "all,diff", ""):
            line = self.refused(value)
            self.assertIn(f'--accelerators: "{value}" is not allowed; use one of all, none, verify, or any of '
                          f'generated-code, {", ".join(NATIVE)}, with commas between', line)

    def testNamesComeFromEachSourceAndExplainShowsThem(self):
        (self.box.app / "fletbridge.json").write_text('{"accelerators": "scan, diff"}')
        app = self.box.write("app.py", APP)
        run = self.box.launch([BIN / "fletbridge", "run", "--explain", app])
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertRegex(run.text[0], r"accelerators +diff,scan +.*fletbridge\.json")
        run = self.box.launch([BIN / "fletbridge", "run", "--explain", app],
                              env={"FLETBRIDGE_ACCELERATORS": "verify"})
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertRegex(run.text[0], r"accelerators +verify +environment FLETBRIDGE_ACCELERATORS")


class OtherDirection(E2E):
    def testOurFletHasNoPartInAnAppThatStartsIt(self):
        """No shim of ours is there: an app that wants them imports them."""
        steps, report = self.box.name("steps"), self.box.name("report")
        steps.write_text(CLICK)
        env = {"DISPLAY": ":77", "FLET_VIEW_PATH": BIN, "FLETBRIDGE_UI": "headless", "FLETBRIDGE_STEPS": steps,
               "FLETBRIDGE_REPORT": report, "PYTHONPATH": PACKAGE}
        for first, seen in (("", "end function None\n"),
                            ("import fletbridge.accelerate\n", "end Replacement [")):
            app = self.box.write("app.py", first + APP.replace("__main__", "") + "look('end')\n")
            run = self.box.launch([PYTHON, app], env=env)
            self.assertEqual(run.wait(60), 0, run.shown())
            self.assertIn(seen, run.text[0])
            self.assertEqual(json.loads(report.read_text())["used"]["accelerators"], [])


class Standalone(E2E):
    """The package in an interpreter of the person's own, without the program."""

    # Not the environment's one: it has no Flet.
    bare = os.path.realpath(PYTHON)

    def start(self, *words, python=PYTHON, env=None, **more):
        return self.box.launch([python, *words], env={"PYTHONPATH": PACKAGE, "DISPLAY": None, **(env or {})}, **more)

    def same(self, *words, python=PYTHON, options=()):
        """Runs python with and without the package: exit code and output are the same, but for addresses."""
        results = []
        for way in ((), ("-m", "fletbridge.accelerate")):
            run = self.start(*options, *way, *words, python=python)
            code = run.wait(30)
            results.append((code, *(re.sub("0x[0-9a-f]+", "0x", text) for text in run.text)))
        self.assertEqual(results[1], results[0], words)
        return results[0]

    def testRunsWhateverPythonRunsAsItDoes(self):
        script = self.box.write("app.py", """
import atexit, sys, threading
print(sys.argv, __name__, __file__, __spec__, type(__loader__), __package__, __doc__, sys.path[:2])
print(sorted(globals()), sys.modules["__main__"].__dict__ is globals())
atexit.register(lambda: print("exit", __name__, sys.modules["__main__"].__name__))
thread = threading.Thread(target=lambda: print("thread"))
thread.start()
thread.join()
def fail():
    1 / 0
what = sys.argv[-1]
if what == "error":
    fail()
if what == "code":
    sys.exit(3)
if what == "text":
    sys.exit("a text")
if what == "interrupt":
    raise KeyboardInterrupt
if what == "hook":
    sys.excepthook = lambda *error: print("hook", error[0].__name__, len(list(__import__("traceback").walk_tb(error[2]))))
    fail()
""")
        source = script.read_text()
        self.box.write("folder/__main__.py", source)
        self.box.write("package/__init__.py", "")
        self.box.write("package/__main__.py", source)
        self.box.write("syntax.py", "x = (\n")
        self.box.write("latin.py", "# -*- coding: latin-1 -*-\nprint('caf\\xe9')\n").write_bytes(
            b"# -*- coding: latin-1 -*-\nprint(len('caf\xe9'))\n")
        (self.box.app / "folder/link.py").symlink_to(script)
        (self.box.app / "empty").mkdir()
        zipapp.create_archive(self.box.app / "folder", self.box.app / "app.pyz")
        py_compile.compile(str(script), cfile=str(self.box.app / "compiled.pyc"))
        for what in ("", "error", "code", "text", "interrupt", "hook"):
            for words in (["app.py"], ["-m", "package"], ["folder"]):
                code, out, err = self.same(*words, "one two", what)
                self.assertEqual(code, {"": 0, "code": 3, "interrupt": 130}.get(what, 1), err)
        for words in (["./app.py"], [script], ["folder/link.py"], ["folder/../app.py"], ["app.pyz", "error"],
                      ["compiled.pyc"], ["latin.py"], ["package"], ["-c", "import sys; print(sys.argv, sys.path[0])", "x"]):
            self.same(*words)
        self.assertEqual(self.same("syntax.py")[0], 1)
        self.assertEqual(self.same("missing.py")[0], 2)
        self.assertEqual(self.same("empty")[0], 1)
        self.assertEqual(self.same("-m", "no_such_module")[0], 1)
        self.assertEqual(self.same("-m", "package.no_such")[0], 1)
        self.assertEqual(self.same("app.py", options=["-P"])[0], 0)

    def testSaysHowToCallItAndNothingElseWhereNothingIsNamed(self):
        for words, code in (([], 2), (["-m"], 2), (["-c"], 2), (["--help"], 0)):
            run = self.start("-m", "fletbridge.accelerate", *words)
            self.assertEqual(run.wait(20), code)
            self.one_line(run, "usage: python -m fletbridge.accelerate SCRIPT ")

    def testTheScriptRunsAllTheSameWithoutFlet(self):
        self.box.write("app.py", "import fletbridge.accelerate\nprint('runs', fletbridge.accelerate.state())\n")
        run = self.start("-m", "fletbridge.accelerate", "app.py", python=self.bare)
        self.assertEqual((run.wait(20), run.text), (0, ("runs {}\n", "")))
        run = self.start("app.py", python=self.bare)
        self.assertEqual((run.wait(20), run.text[1]), (0, ""), run.shown())
        self.assertIn("there is no Flet that it knows: No module named 'flet'", run.text[0])

    def testItIsOnOnceTheScriptItselfHasImportedFlet(self):
        """Not before: a Flet that lies beside the script, and variables that it sets, still count."""
        self.box.write("app.py", "import sys\nprint('flet' in sys.modules)\n" + LOOK + "look('app')\n")
        run = self.start("-m", "fletbridge.accelerate", "app.py")
        self.assertEqual((run.wait(30), run.text[1]), (0, ""), run.shown())
        self.assertRegex(run.text[0], r"^False\napp Replacement \[.*'diff'")
        import_first = self.box.write("first.py", "import fletbridge.accelerate\n" + LOOK + "look('app')\n")
        run = self.start(import_first)
        self.assertEqual((run.wait(30), run.text[1]), (0, ""), run.shown())
        self.assertRegex(run.text[0], r"^app Replacement \[.*'diff'")

    def testALoaderAndAModuleOfTheScriptShowNothingOfIt(self):
        self.box.write("app.py", """
import sys, flet.messaging.session as session
print(type(session.__loader__), type(session.__spec__.loader), [type(finder).__name__ for finder in sys.meta_path])
""")
        self.same("app.py")

    def testAFinderThatComesFirstAndLoadsFletByItselfDoesNotKeepItAway(self):
        """As pytest's does."""
        self.box.write("app.py", """
import sys
from importlib.machinery import PathFinder

class First:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, path) if name.startswith("flet") else None

sys.meta_path.insert(0, First)
""" + LOOK + "look('app')\nprint(First in sys.meta_path)\n")
        run = self.start("-m", "fletbridge.accelerate", "app.py")
        self.assertEqual((run.wait(30), run.text[1]), (0, ""), run.shown())
        self.assertRegex(run.text[0], r"^app Replacement \[.*'diff'.*\nTrue\n")

    def testAnswersInABrowsersSessionUnderUvicorn(self):
        from websockets.sync.client import unix_connect

        class Browser(g3.Client):
            def send_raw(self, data, timeout=30.0):
                self.sock.send(bytes(data[4:]))

            def _pump(self, until, timeout, what):
                while not until():
                    self._take(self.sock.recv(timeout))

        web = LOOK + """
import flet_web.fastapi as web

def main(page):
    text = ft.Text("0")
    def plus(e):
        text.value = str(int(text.value) + 1)
        look("click")
    page.add(text, ft.Button("+", on_click=plus))

app = web.app(main)
"""
        for name, first, way in (("first", "import fletbridge.accelerate\n", ["-m", "uvicorn"]),
                                 ("module", "", ["-m", "fletbridge.accelerate", "-m", "uvicorn"])):
            self.box.write(f"{name}.py", first + web)
            path = self.box.name("web")
            run = self.start(*way, "--log-level", "info", "--uds", path, f"{name}:app")
            run.wait_line("Uvicorn running on")
            with unix_connect(str(path), "ws://localhost/ws") as sock:
                client = Browser(sock)
                client.register(web=True)
                client.pump(lambda: "0" in client.texts())
                client.click("+")
                client.pump(lambda: "1" in client.texts())
            run.wait_line(r"^click Replacement \[.*'diff'")
            run.signal(signal.SIGINT)
            run.wait(20)
            path.unlink(missing_ok=True)


class Doctor(E2E):
    def asked(self, python, *options, code=0):
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", python, *options])
        self.assertEqual(run.wait(60), code, run.shown())
        return run.text[0]

    def testAsksTheAppsInterpreterWhichOnesWouldBeOn(self):
        (asked,) = json.loads(self.asked(PYTHON, "--json"))["interpreters"]
        self.assertEqual(list(asked["accelerators"]), ["generated-code", *NATIVE])
        self.assertEqual(asked["accelerators"]["diff"], {"on": True, "why": None})
        self.assertRegex(self.asked(PYTHON), rf"Accelerators: {PYTHON}\n  ok generated-code +is on\n  ok creation +is on\n  ok diff +is on\n")

    def testSaysWhyNotForAFletThatHasNoSuchCode(self):
        (asked,) = json.loads(self.asked(PYTHON_OF_1, "--json"))["interpreters"]
        self.assertFalse(asked["accelerators"]["diff"]["on"])
        self.assertIn("there is no Flet that it knows: ", asked["accelerators"]["diff"]["why"])
        self.assertTrue(asked["accelerators"]["generated-code"]["on"])
