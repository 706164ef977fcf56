"""Flet is reached by the shim, and looks as it does in Python alone, whatever way it is imported: from an
archive, before the shim, or through the import hooks of others."""

import functools
import importlib.util
import json
import re
import tempfile
import unittest
import zipfile
from pathlib import Path

from harness import BIN, HOSTINGS, PYTHON, VENV, E2E, Variant, every_variant
from test_hosting import built

VARIANTS = [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"),
            *[Variant("3", "ffi", hosting) for hosting in HOSTINGS]]

SITE = next(VENV.glob("lib/python3*/site-packages"))
APP = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = "1"

    page.add(text, ft.Button("plus", on_click=plus))

ft.run(main)
print("AFTER", ft.__file__, flush=True)
"""
STEPS = 'wait text="plus" 30s\nclick text="plus"\nwait text="1" 10s\n'

# What Python's own tools see of modules that the shim has changed.
LOOKS = """
import dataclasses, importlib, importlib.resources, inspect, json, pkgutil, sys
import flet as ft
import flet.app, flet.messaging.flet_socket_server as server

app = sys.modules["flet.app"]  # flet.app is a function in 0.82

def look(module):
    spec = importlib.util.find_spec(module.__name__)
    return [module.__name__, type(module.__loader__).__name__, module.__loader__ is module.__spec__.loader,
            spec is module.__spec__, inspect.getsource(module)[:20], spec.loader.is_package(module.__name__),
            spec.loader.get_filename(module.__name__), spec.origin, module.__file__]

before = [look(m) for m in (app, server, dataclasses)]
importlib.reload(app)
importlib.reload(server)
print(json.dumps([before, [look(m) for m in (app, server, dataclasses)],
                  len(pkgutil.get_data("flet", "app.py")), importlib.resources.files("flet").joinpath("app.py").is_file(),
                  sorted(m.name for m in pkgutil.iter_modules(ft.__path__))]), flush=True)
if "alone" not in sys.argv:
    ft.run(lambda page: page.add(ft.Text("shown")))
    function, depth = app.run_async, 0
    while hasattr(function, "__wrapped__"):
        function, depth = function.__wrapped__, depth + 1
    print("PATCHED", depth, flush=True)
"""

# What is left where an app could meet it.
SEES = """
import importlib.util, os, sys
parts = [name for folder, _, files in os.walk(SHIM) for file in files if (name := file.split(".")[0]) != "sitecustomize"]
print("SEES", sorted(name for name, module in sys.modules.items()
                     if name != "sitecustomize" and SHIM in repr(vars(module).get("__file__"))),
      [name for name in parts if name in sys.modules or importlib.util.find_spec(name)],
      [entry for entry in sys.path if SHIM in entry], flush=True)
""".replace("SHIM", repr(str(BIN.parent / "lib/fletbridge/shim")))

# Finders of others that come to stand before the shim's.
FRONTS = {
    "takes all": """
class Front:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return machinery.PathFinder.find_spec(name, path, target)
""",
    "asks the others": """
class Front:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        for finder in sys.meta_path:
            spec = None if finder is cls else finder.find_spec(name, path, target)
            if spec is not None:
                return spec
""",
    "is lazy": """
class Front:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and name.startswith("flet.") and spec.loader is not None:
            spec.loader = util.LazyLoader(spec.loader)
        return spec
""",
    "rewrites": """
class Rewriting(machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimize=-1):
        return super().source_to_code(data + b"\\nREWRITTEN = 1\\n", path)

class Front:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and name.startswith("flet.") and type(spec.loader) is machinery.SourceFileLoader:
            spec.loader = Rewriting(spec.loader.name, spec.loader.path)
        return spec
""",
}


def setUpModule():
    """Flet and what it needs, as a zipapp has it."""
    global ARCHIVE, folder
    folder = tempfile.TemporaryDirectory()
    ARCHIVE = Path(folder.name) / "app.pyz"
    with zipfile.ZipFile(ARCHIVE, "w") as archive:
        archive.writestr("__main__.py", APP)
        for path in sorted(SITE.rglob("*")):
            name = path.relative_to(SITE)
            if path.suffix not in (".so", ".pyc") and path.name != "__pycache__" and not name.parts[
                    0].startswith(("pip", "setuptools", "pkg_resources", "_distutils", "distutils")):
                archive.write(path, name)  # folders as well: packages without an __init__.py
                compiled = Path(importlib.util.cache_from_source(str(path)))
                if path.suffix == ".py" and compiled.exists():  # or each start compiles it anew
                    archive.write(compiled, name.with_suffix(".pyc"))


def tearDownModule():
    folder.cleanup()


@functools.partial(every_variant, variants=VARIANTS)
class ImportsOfFlet:
    def setUp(self):
        super().setUp()
        if not built(self.variant.hosting):
            self.skipTest("no static libpython was there when this was built")

    def go(self, *app, steps=STEPS, **more):
        return self.box.headless(self.variant, *app, steps=steps, **more)

    def ends_well(self, run, said="AFTER"):
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertIn(said, run.text[0])
        self.assertEqual(run.text[1], "")

    def bare_python(self):
        """An environment of its own, without Flet: bin/python, and its site-packages."""
        root = self.box.home / "bare"
        (root / "bin").mkdir(parents=True)
        real = Path(PYTHON).resolve()
        (root / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
        (root / "bin/python").symlink_to(real)
        site = root / "lib" / SITE.parent.name / "site-packages"
        site.mkdir(parents=True)
        return root / "bin/python", site

    def testFletInsideAnArchive(self):
        run = self.go(ARCHIVE)
        self.ends_well(run, f"AFTER {ARCHIVE}/flet/")
        run = self.go(self.box.write("app.py", APP), env={"PYTHONPATH": ARCHIVE})
        self.ends_well(run, f"AFTER {ARCHIVE}/flet/")

    def testFletInsideTheAppsArchiveOrFolderAlone(self):
        python, _ = self.bare_python()
        self.ends_well(self.go(ARCHIVE, python=python), f"AFTER {ARCHIVE}/flet/")
        self.ends_well(self.go(self.box.write("app.py", APP), python=python,
                               env={"PYTHONPATH": ARCHIVE}), f"AFTER {ARCHIVE}/flet/")
        with zipfile.ZipFile(ARCHIVE) as archive:
            archive.extractall(self.box.app)
        self.ends_well(self.go(self.box.app / "__main__.py", python=python),
                       f"AFTER {self.box.app}/flet/")

    def testFletThatWasImportedBeforeTheShimWasThere(self):
        python, site = self.bare_python()
        (site / "early.pth").write_text(
            f"{SITE}\nimport sys; sys.path.append({str(SITE)!r}); import flet, flet.app; flet.run; "
            "flet.run_async; import flet.messaging.flet_socket_server\n")
        self.ends_well(self.go(self.box.write("app.py", APP), python=python))
        for name in ("sitecustomize", "usercustomize"):
            own = self.box.home / name
            own.mkdir()
            (own / f"{name}.py").write_text("import flet; flet.run; flet.run_async\n")
            self.ends_well(self.go(self.box.app / "app.py", env={"PYTHONPATH": own}))

    def testFindersOfOthers(self):
        for name, source in FRONTS.items():
            for place in ("app.py", "sitecustomize.py")[:1 + (name == "takes all")]:
                with self.subTest(finder=name, place=place):
                    own = self.box.home / "own"
                    own.mkdir(exist_ok=True)
                    text = ("import sys\nfrom importlib import machinery, util\n" + source +
                            "\nsys.meta_path.insert(0, Front)\n")
                    (own / "sitecustomize.py").write_text(text if place.startswith("site") else "")
                    app = self.box.write("app.py", (text if place == "app.py" else "") + APP)
                    self.ends_well(self.go(app, env={"PYTHONPATH": own}))

    def testAPathFileThatTakesFindersAway(self):
        python, site = self.bare_python()
        (site / "less.pth").write_text(
            f"{SITE}\nimport sys; sys.meta_path[:] = [f for f in sys.meta_path if 'Path' in repr(f) "
            "or 'Builtin' in repr(f) or 'Frozen' in repr(f)][::-1]\n")
        self.ends_well(self.go(self.box.write("app.py", APP), python=python))

    def testModulesLookAsInPythonAlone(self):
        app = self.box.write("app.py", LOOKS)
        for environment in ({}, {"PYTHONPATH": str(ARCHIVE)}):
            with self.subTest(environment):
                alone = self.box.launch([PYTHON, app, "alone"], env=environment)
                self.assertEqual(alone.wait(30), 0, alone.shown())
                run = self.go(app, steps='wait text="shown" 30s\n', env=environment)
                self.ends_well(run, "PATCHED 1")
                self.assertEqual(json.loads(run.text[0].splitlines()[0]), json.loads(alone.text[0]))

    def testTheShimComesFromReadyBytecode(self):
        """As much of it as this stage needs; the Python that runs these is the one that the build found."""
        app = self.box.write("app.py", APP)
        parts = {"1": ["flet_socket_server"], "2": ["hosted", "flet_socket_server"],
                 "3": ["hosted", "flet_dart_bridge_server"]}[self.variant.stage]
        for no_bytecode in ("", "1"):
            run = self.go(app, env={"PYTHONVERBOSE": "1", "PYTHONDONTWRITEBYTECODE": no_bytecode})
            self.assertEqual(run.wait(60), 0, run.shown())
            files = re.findall("# code object from '?(/.*/lib/fletbridge/shim/[^'\n]*)", run.text[1])
            self.assertEqual(sorted(Path(file).name.split(".")[0] for file in files), sorted(
                ["sitecustomize", "flet_app", "conversation", "package", *parts, *["generated_code"][len(no_bytecode):]]))
            for file in files:
                self.assertEqual(Path(file).suffix, ".pyc", file)

    def testNoModuleOfTheShimIsSeen(self):
        run = self.go(self.box.write("app.py", APP + SEES), env={"PYTHONPATH": self.box.home / "own"})
        self.ends_well(run, "SEES [] [] []")


if __name__ == "__main__":
    unittest.main()
