"""Where the interpreter runs on stages 2 and 3 (--hosting): each way does all that a stage must, the
genuine interpreter is really that, and what is not there is said."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import (BIN, EXAMPLES, PATIENCE, PYTHON, VENV, E2E, every_hosting,
                     wait_gone)

APP = "import flet as ft\nft.run(lambda page: page.add(ft.Text('shown')))\n"
SHOWN = 'wait text="shown" 20s\n'
HOLD = 'wait text="never" 60s\n'
PARTS = BIN.parent / "lib/fletbridge"
# By which a host tells the app where to listen.
FLETS_OWN = ("FLET_PLATFORM", "FLET_SERVER_UDS_PATH", "FLET_SERVER_PORT", "FLET_DART_BRIDGE_PORT")

TELLS = """
import json, os, sys, threading
import flet as ft

def tell():
    import sitecustomize
    main = sys.modules["__main__"]
    flags = [(n, getattr(sys.flags, n)) for n in dir(sys.flags) if not n.startswith(("_", "n_"))
             and not callable(getattr(sys.flags, n))]
    print(json.dumps({
        "argv": sys.argv, "orig_argv": sys.orig_argv, "executable": sys.executable,
        "prefix": [sys.prefix, sys.base_prefix, sys.exec_prefix], "path": sys.path, "flags": flags,
        "main": [main.__name__, getattr(main, "__file__", None), 
                 getattr(main.__spec__, "name", None), getattr(main.__spec__, "origin", None)],
        "environment": {k: v for k, v in os.environ.items() if k not in OWN},
        "thread": threading.current_thread() is threading.main_thread(),
        "site": str(getattr(sitecustomize, "__file__", None)), "xoptions": sys._xoptions,
        "path_hooks": len(sys.path_hooks)}), flush=True)

tell()
if "alone" not in sys.argv:
    ft.run(lambda page: page.add(ft.Text("shown")))
""".replace("OWN", repr(FLETS_OWN))

WORKERS = """
import json, multiprocessing as mp, os, sys

def facts(_=None):
    return [sys.executable, "_fletbridge" in sys.modules, "dart_bridge" in sys.modules,
            sorted(k for k in os.environ if k.startswith("FLETBRIDGE_")),
            open("/proc/self/comm").read().strip()]

def tell(queue):
    queue.put(facts())

if __name__ == "__main__":
    import flet as ft
    result = {}
    for method in ("fork", "spawn", "forkserver"):
        context = mp.get_context(method)
        queue = context.Queue()
        worker = context.Process(target=tell, args=(queue,))
        worker.start()
        result[method] = [queue.get(timeout=30)]
        worker.join(30)
        result[method].append(worker.exitcode)
        with context.Pool(2) as pool:
            result[method].append(pool.map(abs, range(-4, 0)))
    slow = mp.get_context("spawn").Process(target=__import__("time").sleep, args=(60,))
    slow.start()
    slow.terminate()
    slow.join(30)
    result["terminated"] = slow.exitcode
    print("RESULT", json.dumps(result), flush=True)
    ft.run(lambda page: page.add(ft.Text("shown")))
"""


def built(hosting):
    return hosting != "static" or list(PARTS.glob("fletbridge-static-*"))


@every_hosting
class Hosted:
    def setUp(self):
        super().setUp()
        if not built(self.variant.hosting):
            self.skipTest("no static libpython was there when this was built")

    def go(self, *app, steps=SHOWN, **more):
        return self.box.headless(self.variant, *app, steps=steps, **more)

    def testCounter(self):
        steps = (EXAMPLES / "counter/steps.txt").read_text()
        run = self.go(EXAMPLES / "counter/main.py", steps=steps)
        self.assertEqual(run.wait(30), 0, run.shown())
        report = run.report()
        self.assertEqual(report["requested"]["hosting"], self.variant.hosting)
        self.assertEqual(report["used"]["hosting"], self.variant.hosting)
        self.assertEqual(report["used"]["hosting_why"], "asked for")
        self.assertEqual(report["used"]["stage"], self.variant.stage)
        self.assertEqual(report["processes"], [{"role": "host", "pid": run.pid}])
        times = [report["timeline_ms"][k] for k in ("python_ready", "app_imported", "app_listening", "registered",
                                                    "first_frame")]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 1, "from the first program's start: it has asked Python")

    def testTheAppSeesWhatPythonAloneGivesIt(self):
        package = self.box.app / "shop"
        package.mkdir()
        for file in (self.box.app / "app.py", package / "__main__.py"):
            file.write_text(TELLS)
        site = self.box.home / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text("MINE = 1\n")
        environment = {"PYTHONPATH": site, "PYTHONOPTIMIZE": "1", "DISPLAY": ":7"}
        for argv in (["app.py", "a b", "--stage", "-x", "", "zażółć"], ["-m", "shop", "-m", "x"]):
            with self.subTest(argv=argv):
                alone = self.box.launch([PYTHON, *argv, "alone"], env=environment)
                self.assertEqual(alone.wait(20), 0, alone.shown())
                run = self.go(*argv, env=environment)
                self.assertEqual(run.wait(30), 0, run.shown())
                theirs, mine = json.loads(alone.out), json.loads(run.out)
                for record in (theirs, mine):
                    for key in ("argv", "orig_argv"):
                        record[key] = [word for word in record[key] if word != "alone"]
                self.assertEqual(mine, theirs)

    def testVirtualEnvironment(self):
        app = self.box.write("app.py", "import sys, flet\n"
                             "print(sys.prefix, sys.prefix != sys.base_prefix, flet.__file__)\n")
        run = self.go(app, steps="# nothing\n")
        self.assertEqual(run.wait(20), 0, run.shown())
        prefix, is_one, package = run.text[0].split()
        self.assertEqual((Path(prefix).resolve(), is_one), (VENV.resolve(), "True"))
        self.assertTrue(Path(package).resolve().is_relative_to(VENV.resolve()))

    def testWorkersAreOrdinaryPython(self):
        run = self.go(self.box.write("app.py", WORKERS))
        self.assertEqual(run.wait(60), 0, run.shown())
        result = json.loads(run.wait_line("RESULT (.*)").group(1))
        self.assertEqual(result.pop("terminated"), -signal.SIGTERM)
        for method, (facts, code, numbers) in result.items():
            with self.subTest(method):
                self.assertEqual((code, numbers), (0, [4, 3, 2, 1]))
                executable, has_host, has_bridge, variables, program = facts
                self.assertEqual((executable, variables), (str(PYTHON), []))
                if method != "fork":
                    self.assertFalse(has_host or has_bridge, "a session of its own")
                    self.assertIn("python", program)

    def testEndsAsPythonDoes(self):
        for body, code, said in (("sys.exit(3)", 3, ""),
                                 ("os._exit(5)", 5, ""),
                                 ("sys.exit('gone')", 1, "gone"),
                                 ("raise ValueError('bad')", 1, "ValueError: bad"),
                                 ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
                                 ("threading.Thread(target=os._exit, args=(6,)).start()\n"
                                  "time.sleep(30)", 6, "")):
            with self.subTest(body):
                app = self.box.write("app.py", "import os, sys, threading, time\n"
                                     "print('begun', flush=True)\n" + body + "\n")
                run = self.go(app)
                self.assertEqual(run.wait(20), code, run.shown())
                self.assertEqual(run.out, b"begun\n")
                self.assertIn(said, run.text[1])
                self.assertEqual(run.report()["exit"]["code"], code)

    def testControlC(self):
        up = APP.replace("page.add(ft.Text('shown'))",
                         "(page.add(ft.Text('shown')), print('UP', flush=True))")
        run = self.go(self.box.write("app.py", up + "print('AFTER', flush=True)\n"), steps=HOLD,
                      tty=True)
        run.wait_line("UP")
        run.type(b"\x03")
        self.assertEqual(run.wait(5), 130, run.shown())
        self.assertIn("AFTER", run.text[0])
        self.assertNotIn("Traceback", run.text[0])
        app = self.box.write("wait.py", "import time\nprint('BEGUN', flush=True)\ntime.sleep(60)\n")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            run = self.go(app, steps=HOLD)
            run.wait_line("BEGUN")
            begin = time.monotonic()
            run.signal(number)
            self.assertEqual(run.wait(7), code, run.shown())
            self.assertLess(time.monotonic() - begin, 2 * PATIENCE, run.shown())
            self.assertEqual(run.report()["exit"]["code"], code)

    def testKilledLeavesNothing(self):
        run = self.go(self.box.write("app.py", APP.replace("ft.run", "print('UP', flush=True)\nft.run")),
                      steps=HOLD)
        run.wait_line("UP")
        pids = self.box.processes()
        self.assertEqual(list(pids), [run.pid])
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(5), 137)
        self.assertEqual(wait_gone(pids, 5 * PATIENCE), [])
        after = self.go(self.box.write("ok.py", "print('ok')\n"), steps="# nothing\n")
        self.assertEqual(after.wait(20), 0, after.shown())
        self.box.assert_nothing_left(0)

    def testFailedStepAndBusyAddress(self):
        run = self.go(self.box.write("app.py", APP), steps='expect text="none" 1s\n')
        self.assertEqual(run.wait(20), 1, run.shown())
        taken = self.box.write("taken", "a file")
        run = self.box.run(self.variant, self.box.app / "app.py", ui=f"attach=unix:{taken}")
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "a file of that name")

    def testWhatTheSystemShows(self):
        run = self.go(self.box.write("app.py", "print('UP', flush=True)\n" + APP), "x", steps=HOLD)
        run.wait_line("UP")
        program = os.readlink(f"/proc/{run.pid}/exe")
        words = Path(f"/proc/{run.pid}/cmdline").read_text().split("\0")[:-1]
        if self.variant.hosting == "library":
            self.assertEqual(program, str((BIN / "fletbridge").resolve()))
        else:
            self.assertEqual(words, [str(PYTHON), str(self.box.app / "app.py"), "x"])
            genuine = self.variant.hosting == "interpreter"
            self.assertEqual(program == str(Path(PYTHON).resolve()), genuine, program)
        maps = Path(f"/proc/{run.pid}/maps").read_text()
        with_library = self.variant.hosting == "library"
        if self.variant.hosting == "interpreter":  # one that was built with it has it by itself
            alone = "print('libpython3' in open('/proc/self/maps').read())"
            with_library = subprocess.check_output([PYTHON, "-c", alone]) == b"True\n"
        self.assertEqual("libpython3" in maps, with_library)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(5), 143)


class HostingChoice(E2E):
    def setUp(self):
        super().setUp()
        self.app_file = self.box.write("app.py", APP)

    def go(self, *options, program=BIN / "fletbridge", python=PYTHON, env=None):
        """A run of any program of ours, and its report."""
        steps, report = self.box.name("steps"), self.box.name("report")
        steps.write_text(SHOWN)
        return self.box.launch([program, "run", "--python", python, "--ui", "headless", "--steps",
                                steps, "--report", report, *options, "app.py"], env=env,
                               report=report)

    def alone(self, *parts):
        """A copy of the program with these of its parts alone."""
        root = self.box.home / f"alone{len(parts)}"
        (root / "bin").mkdir(parents=True)
        (root / "lib/fletbridge").mkdir(parents=True)
        shutil.copy(BIN / "fletbridge", root / "bin/fletbridge")
        for part in parts:
            (root / "lib/fletbridge" / part.name).symlink_to(part)
        return root / "bin/fletbridge"

    def without_library(self):
        """An interpreter that was built without a shared library, as many are: this machine's own
        executable and modules, whose configuration says so."""
        root = self.box.home / "static"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        library = root / "lib" / version
        library.mkdir(parents=True)
        (root / "bin").mkdir()
        shutil.copy(Path(PYTHON).resolve(), root / "bin" / version)
        genuine = Path(os.__file__).parent
        for entry in genuine.iterdir():
            if not entry.name.startswith(("_sysconfigdata", "__pycache__", "config-",
                                          "sitecustomize")):
                (library / entry.name).symlink_to(entry)
        for data in genuine.glob("_sysconfigdata*.py"):
            text = data.read_text()
            for name, value in (("Py_ENABLE_SHARED", 0), ("LDLIBRARY", f"lib{version}.a"),
                                ("INSTSONAME", f"lib{version}.a"), ("LIBDIR", str(root / "lib")),
                                ("LIBPL", str(library / "config"))):
                text += f"\nbuild_time_vars[{name!r}] = {value!r}\n"
            (library / data.name).write_text(text)
        (root / "bin/python3").symlink_to(version)
        environment = self.box.home / "without"
        subprocess.run([root / "bin/python3", "-m", "venv", "--without-pip", environment],
                       check=True)
        site = next(environment.glob("lib/python3*/site-packages"))
        (site / "flet.pth").write_text(str(next(VENV.glob("lib/python3*/site-packages"))))
        return environment / "bin/python"

    def testTheGenuineInterpreterNeedsNoLibpython(self):
        python = self.without_library()
        for stage in ("3", "2"):
            run = self.go("--stage", stage, python=python)
            self.assertEqual(run.wait(30), 0, run.shown())
            self.assertEqual(run.report()["used"]["hosting"], "interpreter")
            # One that was asked for by name is replaced only where that was allowed.
            run = self.go("--stage", stage, "--hosting", "library", python=python)
            self.assertEqual(run.wait(20), 70, run.shown())
            self.one_line(run, "not library: .*libpython")
        run = self.go("--hosting", "library", python=python)
        self.assertEqual(run.wait(20), 70, run.shown())
        run = self.go("--stage", "3", "--hosting", "library", "--fallback", python=python)
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual((used["stage"], used["hosting"]), ("3", "interpreter"))
        self.assertIn("libpython", used["hosting_why"])

    def testWithoutAnyHosting(self):
        python, program = self.without_library(), self.alone(PARTS / "shim")
        for stage in ("3", "2"):
            run = self.go("--stage", stage, python=python, program=program)
            self.assertEqual(run.wait(20), 70, run.shown())
            self.one_line(run, "not interpreter: .*not static: .*not library: .*libpython")

        # A stage asked for by name is replaced only where that was allowed, and it is said.
        run = self.go("--stage", "3", "--fallback", python=python, program=program)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn("libpython", run.text[1])
        report = run.report()
        self.assertEqual(report["used"]["stage"], "1")
        self.assertIsNone(report["used"]["hosting"])
        self.assertEqual(report["requested"]["stage"], "3")
        fallbacks = report["used"]["fallbacks"]
        self.assertEqual((fallbacks[0]["from"], fallbacks[-1]["to"]), ("3", "1"))
        for step in fallbacks:
            self.assertIn("libpython", step["why"])

        run = self.go("--stage", "auto", python=python, program=program)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["stage"], "1")
        self.assertIn("libpython", run.text[1])
        self.assertRegex(run.text[1], "(?i)stage 1")

        run = self.box.launch([program, "doctor", "--python", python, "--json"])
        self.assertEqual(run.wait(20), 0, run.shown())
        stages = {s["stage"]: s for s in json.loads(run.text[0])["stages"]}
        self.assertTrue(stages["1"]["ok"])
        for stage in ("2", "3"):
            self.assertFalse(stages[stage]["ok"])
            self.assertIn("libpython", stages[stage]["reason"])

    def testAutoPassesOverWhatIsNotThere(self):
        program = self.alone(PARTS / "shim")
        run = self.go("--stage", "3", program=program)
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual(used["hosting"], "library")
        self.assertIn("fletbridge_python.abi3.so", used["hosting_why"])
        run = self.go("--stage", "3", "--hosting", "interpreter", program=program)
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "fletbridge_python.abi3.so", "install fletbridge as a whole")

    def testTheShimIsMissing(self):
        # The app would run, but without a host.
        run = self.go("--stage", "3", "--hosting", "interpreter",
                      program=self.alone(PARTS / "fletbridge_python.abi3.so"))
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "there is no .*sitecustomize.py; install fletbridge as a whole")
        for flags in (("--stage", "3", "--hosting", "library"), ("--stage", "1"), ("--stage", "auto")):
            run = self.go(*flags, program=self.alone())
            self.assertEqual(run.wait(20), 70, run.shown())
            self.one_line(run, "there is no .*sitecustomize.py; install fletbridge as a whole")
            shutil.rmtree(self.box.home / "alone0")

    def testAFolderWithAColon(self):
        # In PYTHONPATH it would be two entries.
        program = self.alone(*PARTS.iterdir())
        program.parent.parent.rename(self.box.home / "a:b")
        program = self.box.home / "a:b/bin/fletbridge"
        self.box.write("app.py", APP + "print('AFTER', flush=True)\n")
        for way, flags in self.ways("interpreter").items():
            with self.subTest(way=way):
                run = self.go(*flags, program=program)
                self.assertEqual(run.wait(30), 0, run.shown())
                self.assertEqual(run.out, b"AFTER\n")
        run = self.go("--stage", "3", "--hosting", "interpreter", program=program)
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "a:b/lib/fletbridge/shim cannot stand in PYTHONPATH, for it has a colon")

    def testAnExtensionThatDoesNotLoad(self):
        broken = self.box.write("fletbridge_python.abi3.so", "no library at all")
        program = self.alone(broken, PARTS / "shim")
        run = self.go("--stage", "2", program=program)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn("cannot load our extension", run.report()["used"]["hosting_why"])
        run = self.go("--stage", "2", "--hosting", "interpreter", program=program)
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "cannot load our extension")

    def testAProgramThatCannotBeStarted(self):
        static = self.box.write("static", "no program at all")  # not executable either
        name = next(iter(PARTS.glob("fletbridge-static-*")), None)
        if name is None:
            self.skipTest("no static libpython was there when this was built")
        program = self.alone(PARTS / "shim", PARTS / "fletbridge_python.abi3.so")
        (program.parent.parent / "lib/fletbridge" / name.name).symlink_to(static)
        run = self.go("--stage", "3", "--hosting", "static", program=program)
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "cannot start .*Permission denied; choose another with --hosting")
        run = self.go("--stage", "3", "--hosting", "static", "--fallback", program=program)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["hosting"], "interpreter")
        self.assertIn("cannot start", run.text[1])

    def testAnInterpreterThatIsStartedByAScript(self):
        # As pyenv does it; the script uses descriptors of its own.
        script = self.box.write("python", f'#!/bin/sh\nexec 3</dev/null 4</dev/null\nexec {PYTHON} '
                                '$FLAGS "$@"\n')
        script.chmod(0o755)
        run = self.go("--stage", "3", python=script)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["hosting"], "interpreter")
        run = self.go("--stage", "3", "--hosting", "interpreter", python=script, env={"FLAGS": "-I"})
        self.assertEqual(run.wait(20), 70, run.shown())
        self.one_line(run, "started with -E, -I or -S")

    # Every way to run an app; auto is the highest stage, in the first hosting that works.
    WAYS = {"1": ("--stage", "1"), "1:tcp": ("--stage", "1", "--transport", "tcp"),
            "interpreter": ("--stage", "3", "--hosting", "interpreter"),
            "static": ("--stage", "2", "--hosting", "static"),
            "library": ("--stage", "3", "--hosting", "library"), "auto": ("--stage", "auto")}

    def ways(self, *left_out):
        return {way: flags for way, flags in self.WAYS.items() if way not in left_out and built(way)}

    def script(self, *lines, folder="bin"):
        """A program that stands in for an interpreter."""
        path = self.box.home / folder / "python"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return path

    def testAScriptThatOnlyStartsTheInterpreter(self):
        self.box.write("app.py", "import sys\nprint(sys.executable, sys.prefix, flush=True)\n" + APP)
        for folder in ("bin", "a b", "zażółć gęślą"):
            script = self.script(f'exec {PYTHON} "$@"', folder=folder)
            link = self.box.home / "link"
            link.unlink(missing_ok=True)
            link.symlink_to(script)
            for python in (script, os.path.relpath(script, self.box.app), link):
                for way, flags in self.ways(*(() if python == script else ("1:tcp", "static"))).items():
                    with self.subTest(python=python, way=way):
                        run = self.go(*flags, python=python)
                        self.assertEqual(run.wait(30), 0, run.shown())
                        self.assertEqual(run.text[0].split(), [str(PYTHON), str(VENV)])

    def testAScriptThatSetsTheInterpreterUp(self):
        own = self.box.home / "own"
        own.mkdir()
        (own / "mine.py").write_text("VALUE = 'mine'\n")
        script = self.script(f'export PYTHONPATH="{own}${{PYTHONPATH:+:$PYTHONPATH}}" SET_UP=1',
                             f'exec {PYTHON} "$@"')
        self.box.write("app.py", "import mine, os, sys\nprint(mine.VALUE, os.environ['SET_UP'], "
                       "os.environ['PYTHONPATH'], sys.path[1:3], flush=True)\n"
                       "if 'alone' not in sys.argv:\n    " + APP.replace("\n", "\n    ") + "\n")
        for environment in ({}, {"PYTHONPATH": "/nowhere"}):
            alone = self.box.launch([script, "app.py", "alone"], env=environment)
            self.assertEqual(alone.wait(20), 0, alone.shown())
            for way, flags in self.ways("static", "library").items():
                with self.subTest(way=way, environment=environment):
                    run = self.go(*flags, python=script, env=environment)
                    self.assertEqual(run.wait(30), 0, run.shown())
                    self.assertEqual(run.out, alone.out)
        for way, flags in self.ways(*self.WAYS.keys() - {"static", "library"}).items():
            with self.subTest(way=way):
                run = self.go(*flags, python=script)
                self.assertEqual(run.wait(20), 70, run.shown())
                self.one_line(run, f"not {way}: .*python is no interpreter itself: it starts .* with "
                              "environment of its own")

    def testAScriptThatKeepsTheShimOutIsRefused(self):
        for line, why in ((f'exec {PYTHON} -I "$@"', "started with -E, -I or -S"),
                          (f'exec {PYTHON} -E "$@"', "started with -E, -I or -S"),
                          (f'exec {PYTHON} -S "$@"', "started with -E, -I or -S"),
                          (f'PYTHONPATH=/nowhere exec {PYTHON} "$@"', "drops PYTHONPATH"),
                          (f'exec env -i {PYTHON} "$@"', "drops PYTHONPATH")):
            script = self.script(line)
            for way, flags in self.ways().items():
                with self.subTest(line=line, way=way):
                    run = self.go(*flags, python=script)
                    self.assertEqual(run.wait(20), 70, run.shown())
                    self.one_line(run, "bin/python (cannot (load our|be used)|is no interpreter itself)", ".*"
                                  if way in ("static", "library") else why)
            run = self.box.launch([BIN / "fletbridge", "doctor", "--python", script])
            self.assertEqual(run.wait(20), 1, run.shown())
            self.assertIn(why, run.text[0])

    def testAScriptThatDoesNotBecomeTheInterpreter(self):
        """Static and library take the interpreter behind it; else its end would not be the app's."""
        script = self.script(f'{PYTHON} "$@"', "exit $?")
        for way, flags in self.ways().items():
            with self.subTest(way=way):
                run = self.go(*flags, python=script)
                if way in ("static", "library", "auto"):
                    self.assertEqual(run.wait(30), 0, run.shown())
                else:
                    self.assertEqual(run.wait(20), 70, run.shown())
                    self.one_line(run, "starts Python as a process of its own; let it do so with exec")

    def testAFreeThreadedInterpreterIsNotHosted(self):
        """As its configuration has it."""
        own = self.box.home / "own"
        own.mkdir()
        (own / "threaded.py").write_text("build_time_vars = {'Py_GIL_DISABLED': 1}\n")
        environment = {"_PYTHON_SYSCONFIGDATA_NAME": "threaded", "PYTHONPATH": own}
        for way, flags in self.ways("1", "1:tcp", "auto", "static").items():
            with self.subTest(way=way):
                run = self.go(*flags, env=environment)
                self.assertEqual(run.wait(20), 70, run.shown())
                self.one_line(run, "free-threaded")
        for way, flags in self.ways("interpreter", "static", "library").items():
            with self.subTest(way=way):
                run = self.go(*flags, "--hosting", "auto", env=environment)
                self.assertEqual(run.wait(30), 0, run.shown())

    def testStepsFromAPipeAreReadOnce(self):
        fifo = self.box.name("fifo")
        os.mkfifo(fifo)
        run = self.box.launch([BIN / "fletbridge", "run", "--python", PYTHON, "--stage", "3", "--ui",
                               "headless", "--steps", fifo, "app.py"])
        fifo.write_text('expect text="none" 1s\n')
        self.assertEqual(run.wait(20), 1, run.shown())
        fifo.unlink()

    def testSettingsAndDoctorName(self):
        run = self.go("--stage", "3", env={"FLETBRIDGE_HOSTING": "library"})
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["hosting"], "library")
        run = self.go("--stage", "3")
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual(used["hosting"], "interpreter")
        self.assertEqual(used["hosting_why"], "the fastest, and it works here")
        run = self.go("--hosting", "colour")
        self.assertEqual(run.wait(10), 2, run.shown())
        self.one_line(run, "hosting", "interpreter, static, library, auto")
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON])
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertRegex(run.text[0], "interpreter +works, and is taken: the fastest that does")

    def testVariablesOfOthersStartNothing(self):
        # As a program sees it that the interpreter starts before the shim has run.
        run = self.box.launch([PYTHON, "-c", "import os, sys\nprint('_fletbridge' in sys.modules,"
                               "[k for k in os.environ if k.startswith('FLETBRIDGE')])"],
                              env={"PYTHONPATH": PARTS / "shim", "FLETBRIDGE_SHIM": PARTS / "shim",
                                   "FLETBRIDGE_EXTENSION": PARTS / "fletbridge_python.abi3.so",
                                   "FLETBRIDGE_HANDOVER": "5:1"})
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertEqual(run.out, b"False []\n")

    def testModuleForm(self):
        package = PARTS / "python"
        environment = {"PYTHONPATH": package, "FLETBRIDGE_STAGE": "3"}
        app = self.box.write("tell.py", "import sys\nprint(sys.executable, sys.orig_argv)\n")
        run = self.box.launch([PYTHON, "-m", "fletbridge", "run", "--ui", "headless", "--quiet", app,
                               "x"], env=environment)
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual(run.text[0].strip(), f"{PYTHON} {[str(PYTHON), str(app), 'x']}")
        run = self.box.launch([PYTHON, "-m", "fletbridge", "--version"], env=environment)
        self.assertEqual(run.wait(10), 0, run.shown())
        shutil.copytree(package / "fletbridge", self.box.home / "astray/fletbridge")
        run = self.box.launch([PYTHON, "-m", "fletbridge", "run", app],
                              env={"PYTHONPATH": self.box.home / "astray"})
        self.assertEqual(run.wait(10), 70, run.shown())
        self.one_line(run, "cannot start .*bin/fletbridge: No such file")


if __name__ == "__main__":
    unittest.main()
