"""Tries a wheel as people have it: installed by pip, into an app's environment and into one of its own, read-only, run
by another user than it was installed by (where that is root), without PYTHONPATH.

    try_wheel.py WHEEL [Test.test_name ...]

Needs a network or pip's cache for Flet. FLETBRIDGE_TRY_PYTHONS=PYTHON:PYTHON... names more interpreters that apps run
in; without it those of ~/.pyenv are taken.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLET = "1.0.5"
GLIBC = (2, 34)
# What auditwheel's policy lets a manylinux wheel take from the system, less the C++ library.
SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
COUNTER = """
import flet as ft
def main(page):
    text = ft.Text("0")
    def add(event):
        text.value = str(int(text.value) + 1)
        page.update()
    page.add(text, ft.Button("+", on_click=add))
ft.run(main)
"""
STEPS = 'click text="+"\nexpect text="1"\nrepeat 5 click text="+"\nexpect text="6"\nclose\n'


def run(*words, timeout=300, **options):
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, **options)


def must(*words, **options):
    done = run(*words, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


class Environment:
    def __init__(self, folder, python, *packages, pip=None):
        """`pip`: another environment's, which is quicker than one of its own."""
        self.folder = folder
        must(python, "-m", "venv", *(["--without-pip"] if pip else []), folder)
        must(pip or folder / "bin/pip", *(["--python", folder / "bin/python"] if pip else []), "install", "-q",
             "--disable-pip-version-check", *packages)
        self.python, self.fletbridge = folder / "bin/python", folder / "bin/fletbridge"
        # As a system's package or a container has it: nobody who runs it may write there.
        must("chmod", "-R", "a-w,a+rX", folder)

    def package(self):
        return next(self.folder.glob("lib/python3.*/site-packages/fletbridge"))


class Wheel(unittest.TestCase):
    wheel = None

    @classmethod
    def setUpClass(cls):
        cls.top = Path(tempfile.mkdtemp(prefix="fletbridge-wheel-"))
        cls.addClassCleanup(shutil.rmtree, cls.top, ignore_errors=True)
        cls.top.chmod(0o755)
        cls.user = {}
        cls.home = cls.top / "home"
        cls.home.mkdir()
        (cls.home / "app.py").write_text(COUNTER)
        (cls.home / "steps.txt").write_text(STEPS)
        if os.getuid() == 0:
            cls.user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            must("chown", "-R", "nobody:nogroup", cls.home)
        cls.app = Environment(cls.top / "app", "/usr/bin/python3", f"flet=={FLET}", f"flet-desktop=={FLET}", cls.wheel)
        cls.pip = cls.app.folder / "bin/pip"
        cls.own = Environment(cls.top / "own", "/usr/bin/python3", cls.wheel, pip=cls.pip)  # as pipx and `uv tool` make it

    def launch(self, *words, expected=0, **variables):
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **variables}
        done = run(*words, cwd=self.home, env=environment, **self.user)
        self.assertEqual(done.returncode, expected, done.stdout)
        return done.stdout

    def click(self, *words, python=None, **variables):
        """Runs the counter; the report."""
        report = self.home / "report.json"
        self.launch(*words, "--ui", "headless", "--steps", "steps.txt", "--report", report, "app.py", **variables)
        told = json.loads(report.read_text())
        report.unlink()
        return told

    def testIsForEveryPythonAndAsksForNothingThatAnOlderSystemLacks(self):
        self.assertRegex(self.wheel.name, r"^fletbridge-[0-9.]+-py3-none-manylinux_2_34_\w+\.whl$")
        programs = 0
        for path in self.app.package().rglob("*"):
            if not path.is_file() or path.read_bytes()[:4] != b"\x7fELF":
                continue
            programs += 1
            with self.subTest(path.name):
                told = must("objdump", "-T", "-p", path)
                asked = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([0-9.]+)", told)}
                self.assertLessEqual(max(asked)[:2], GLIBC)
                self.assertLessEqual(set(re.findall(r"NEEDED +(\S+)", told)), SYSTEM)
        self.assertGreaterEqual(programs, 7)

    def testHasEverything(self):
        names = zipfile.ZipFile(self.wheel).namelist()
        for name in ("bin/fletbridge", "bin/flet", "lib/fletbridge/fletbridge_python.abi3.so", "lib/libdart_bridge.so",
                     "lib/libdart_bridge.a", "include/fletbridge/dart_bridge.h", "lib/fletbridge/fletbridge-fetch",
                     "lib/fletbridge/fletbridge-packaged-host", "lib/fletbridge/shim/sitecustomize.py",
                     "lib/fletbridge/compare/app.py", "lib/fletbridge/compare/plotly.min.js",
                     "lib/fletbridge/python/fletbridge/check/__main__.py"):
            self.assertIn(f"fletbridge/{name}", names)
        for name in ("LICENSE", "NOTICE"):
            self.assertTrue(any(re.fullmatch(rf"fletbridge-[^/]+\.dist-info/licenses/{name}", n) for n in names), name)
        self.assertTrue([name for name in names if "/accelerate/_native." in name], names)
        for folder in ("shim", "python/fletbridge/accelerate"):
            self.assertTrue([name for name in names if f"/{folder}/__pycache__/" in name], folder)
        metadata = must(self.app.folder / "bin/pip", "show", "fletbridge")
        version = re.search(r"^Version: (.*)$", metadata, re.M).group(1)
        self.assertEqual(re.search(r"^Requires: ?(.*)$", metadata, re.M).group(1), "")
        self.assertIn(version, self.launch(self.app.fletbridge, "--version"))
        self.assertEqual(self.launch(self.app.python, "-c", "import fletbridge; print(fletbridge.__version__)").strip(),
                         version)

    def testEachStageRunsAnAppOfTheEnvironmentThatItIsIn(self):
        for stage in "123":
            for way in ([self.app.fletbridge], [self.app.python, "-m", "fletbridge"]):
                with self.subTest(stage=stage, way=way):
                    told = self.click(*way, "run", "--stage", stage)
                    self.assertEqual((told["used"]["stage"], told["flet"]), (stage, FLET))
                    self.assertEqual(told["accelerators"]["state"]["events"]["on"], True, told["accelerators"])

    def testAnEnvironmentOfItsOwnRunsAppsOfOthers(self):
        told = self.click(self.own.fletbridge, "run", "--stage", "3", "--python", self.app.folder)
        self.assertEqual(told["used"]["hosting"], "interpreter")
        self.click(self.own.fletbridge, "run", "--stage", "3", VIRTUAL_ENV=str(self.app.folder))
        said = self.launch(self.own.fletbridge, "run", "--ui", "headless", "app.py", expected=70)
        self.assertIn("pip install flet", said)

    def testEachPythonIsServedWithAcceleratorsOrASentence(self):
        named = os.environ.get("FLETBRIDGE_TRY_PYTHONS")
        pythons = (named.split(":") if named else
                   sorted(map(str, Path.home().glob(".pyenv/versions/3.1[0-9].*/bin/python3"))))
        for number, python in enumerate(pythons):
            library = {}
            # Read by another user, who need not see that home.
            if self.user and Path(python).is_relative_to(Path.home()):
                prefix = self.top / f"python{number}"
                shutil.copytree(Path(python).parents[1], prefix, symlinks=True, ignore=shutil.ignore_patterns(
                    "test", "tests", "site-packages", "__pycache__", "*.a", "share", "include", "idlelib", "tkinter"))
                python = prefix / "bin/python3"
                library = {"LD_LIBRARY_PATH": str(prefix / "lib")}  # it is looked for where it was
            app = Environment(self.top / f"app{number}", python, f"flet=={FLET}")
            for stage in "123":
                with self.subTest(python=python, stage=stage):
                    told = self.click(self.own.fletbridge, "run", "--stage", stage, "--python", app.python,
                                      **library)
                    self.assertEqual(told["used"]["stage"], stage)
                    for name, state in told["accelerators"]["state"].items():
                        self.assertTrue(state["on"] or state["why"], name)

    def testTheOtherCommandsWorkToo(self):
        self.launch(self.app.fletbridge, "record", "--to", "new.rec", "--stage", "1", "--ui", "headless", "--steps",
                    "steps.txt", "app.py")
        self.launch(self.app.fletbridge, "replay", "--stage", "3", "new.rec")
        self.assertIn("text", self.launch(self.app.fletbridge, "inspect", "new.rec", "--steps"))
        self.launch(self.app.fletbridge, "check", "app.py")
        self.launch(self.app.fletbridge, "doctor", "app.py")
        self.launch(self.app.fletbridge, "compare", "--stages", "1:uds,3,bridge:ffi", "--workload", "clicks", "--time",
                    "20", "--html", "page.html", "app.py")
        self.assertIn("plotly.js", (self.home / "page.html").read_text())
        # Nobody answers there; what asks is found, with the system's libcurl or without.
        said = self.launch(self.app.fletbridge, "run", "--rollout", "https://localhost:1/flags.json", "--ui", "headless",
                           "--steps", "steps.txt", "app.py")
        self.assertIn("localhost", said)

    def testFletsOwnCommandIsLeftAloneAndOursIsItsClient(self):
        self.assertIn("flet", (self.app.folder / "bin/flet").read_text())  # a script of Python's
        folder = self.launch(self.app.python, "-c", "import fletbridge; print(fletbridge.FLET_VIEW_PATH)").strip()
        said = self.launch(self.app.python, "app.py", FLET_VIEW_PATH=folder, FLETBRIDGE_UI="headless",
                           FLETBRIDGE_STEPS="steps.txt", DISPLAY=":77")
        self.assertNotIn("Traceback", said)

    def testTheAcceleratorsWorkWithoutTheProgram(self):
        told = self.launch(self.app.python, "-c", "import fletbridge.accelerate, flet; print(fletbridge.accelerate.state())")
        self.assertIn("'events': None", told)  # there is no reason why it would be off

    def testAProgramLinksTheBridgeOfThePackage(self):
        package = self.app.package()
        (self.home / "main.c").write_text('#include <fletbridge/dart_bridge.h>\n'
                                          'int main(void) { return dart_bridge_is_python_initialized(); }\n')
        compiler = shutil.which("cc")
        self.launch(compiler, "main.c", "-I", package / "include", "-L", package / "lib", "-ldart_bridge", "-o", "linked")
        self.launch("./linked", LD_LIBRARY_PATH=str(package / "lib"))

    def testItIsRemovedWhole(self):
        own = self.top / "removed"
        environment = Environment(own, "/usr/bin/python3", self.wheel, pip=self.pip)
        must("chmod", "-R", "u+w", own)
        package = environment.package()
        self.assertTrue(package.stat().st_mode & stat.S_IXUSR)
        must(self.pip, "--python", environment.python, "uninstall", "-q", "-y", "fletbridge")
        self.assertFalse(package.exists())
        self.assertFalse(environment.fletbridge.exists())


if __name__ == "__main__":
    Wheel.wheel = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
