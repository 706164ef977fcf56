"""Which code an accelerator knows: for anything else Flet's own runs, and the reason says what it is.
Runs in an interpreter with Flet; each test in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = os.environ.get("FLETBRIDGE_PYTHON", str(ROOT / "build/release/lib/fletbridge/python"))

# Before: what an app does to Flet before the accelerators come. After: what is asked then.
APP = """
import sys
sys.path.insert(0, {package!r})
import flet as ft
from flet.controls import object_patch
builder = object_patch.DiffBuilder
{before}
import fletbridge.accelerate as accelerate
state = accelerate.state()
{after}
"""


def copy_package(folder):
    """Without what was compiled: a test changes a source."""
    shutil.copytree(PACKAGE + "/fletbridge", Path(folder, "fletbridge"), ignore=shutil.ignore_patterns("__pycache__"))


class TestIdentity(unittest.TestCase):
    def run_app(self, before, after, package=PACKAGE):
        text = APP.format(package=str(package), before=textwrap.dedent(before), after=textwrap.dedent(after))
        run = subprocess.run([sys.executable, "-B", "-c", text], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run.stdout

    def test_the_code_of_the_flet_that_it_was_proved_with_is_replaced(self):
        self.run_app("", "assert state['diff'] is None, state")

    def test_a_function_that_an_app_has_replaced_is_named_with_the_version_that_was_known(self):
        self.run_app("""
            flet = builder._compare_lists
            def mine(self, *arguments, **named):
                return flet(self, *arguments, **named)
            builder._compare_lists = mine
        """, """
            assert state["diff"] == "DiffBuilder._compare_lists is not the code of Flet 1.0.5", state
            assert builder._compare_lists is mine
        """)

    def test_what_an_accelerator_only_relies_on_counts_as_well(self):
        self.run_app("""
            from flet.controls.base_control import BaseControl
            BaseControl._migrate_state = lambda self, other: None
        """, """
            assert "BaseControl._migrate_state is not the code of Flet " in state["diff"], state
        """)

    def test_a_tracer_that_shows_flets_code_as_its_own_is_not_flets_code(self):
        self.run_app("""
            class Tracer:
                def __init__(self, function):
                    self.__wrapped__, self.__code__, self.__defaults__ = function, function.__code__, None
                    self.__kwdefaults__, self.__func__ = None, self
                def __get__(self, instance, owner=None):
                    return lambda *arguments, **named: self.__wrapped__(instance, *arguments, **named)
            tracer = builder._compare_lists = Tracer(builder._compare_lists)
        """, """
            assert state["diff"] == "DiffBuilder._compare_lists is not the code of Flet 1.0.5", state
            assert vars(builder)["_compare_lists"] is tracer
        """)

    def test_other_defaults_are_another_function(self):
        self.run_app("builder._item_added.__defaults__ = (1, False)",
                     "assert state['diff'] == 'DiffBuilder._item_added is not the code of Flet 1.0.5', state")

    def test_a_function_that_is_not_there_is_named(self):
        self.run_app("del builder._holds_control",
                     "assert state['diff'] == 'DiffBuilder._holds_control of Flet 1.0.5 is not there', state")

    def test_parts_of_two_versions_are_no_version(self):
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "fletbridge"
            copy_package(folder)
            [table] = (package / "accelerate/known").glob("cpython_*%d%d.py" % sys.version_info[:2])
            text = table.read_text()
            line = next(line for line in text.splitlines() if "DiffBuilder._compare_dicts" in line)
            table.write_text(text.replace(line, line.replace("0.82.2 1.0.5", "1.0.6").replace("1.0.5", "1.0.6")))
            self.run_app("", "assert 'DiffBuilder._compare_dicts is not of the same Flet as the rest' "
                             "== state['diff'], state", folder)

    def test_a_python_without_a_table_has_flets_own_code(self):
        with tempfile.TemporaryDirectory() as folder:
            copy_package(folder)
            for table in (Path(folder) / "fletbridge/accelerate/known").glob("cpython_*"):
                table.unlink()
            self.run_app("flet = builder._compare_lists", """
                tag = sys.implementation.cache_tag
                assert state["diff"] == "this Python (%s) is not one that it was proved with" % tag, state
                assert builder._compare_lists is flet
            """, folder)

    def test_a_python_without_a_native_part_has_flets_own_code(self):
        with tempfile.TemporaryDirectory() as folder:
            copy_package(folder)
            for native in (Path(folder) / "fletbridge/accelerate").glob("_native*"):
                native.unlink()
            self.run_app("flet = builder._compare_lists", """
                assert "there is no native part for this Python" in state["diff"], state
                assert builder._compare_lists is flet
            """, folder)

    def test_a_subclass_of_the_builder_has_flets_own_code_at_each_call(self):
        self.run_app("", """
            from flet.controls.base_control import BaseControl
            class Mine(builder):
                seen = []
                def _item_replaced(self, path, key, item):
                    self.seen.append(key)
                    super()._item_replaced(path, key, item)
            text = ft.Text("a")
            text.value = "b"
            before = accelerate.counters()
            mine = Mine(text, text, control_cls=BaseControl)
            mine._compare_values(None, [], None, text, text, frozen=False)
            assert mine.seen == ["value"], mine.seen
            after = accelerate.counters()
            assert after["nodes"] == before["nodes"] and after["fallbacks"] > before["fallbacks"], (before, after)
        """)


class TestTable(unittest.TestCase):
    def test_an_interpreter_is_not_added_when_the_proof_finds_a_difference(self):
        """With a native part that makes another operation."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("tools", "python", "tests/accelerate"):
                shutil.copytree(ROOT / name, Path(folder, name))
            shutil.copytree(PACKAGE, Path(folder, "build/lib/fletbridge/python"))
            part = Path(folder, "python/fletbridge/accelerate/diff.py")
            part.write_text(part.read_text() + textwrap.dedent("""
                _apply = apply

                def apply(native):
                    from flet.controls.object_patch import DiffBuilder

                    _apply(native)
                    found = DiffBuilder.get_added_controls
                    DiffBuilder.get_added_controls = lambda self: list(found(self))[::-1]
            """))
            [table] = Path(folder, "python/fletbridge/accelerate/known").glob("cpython_*%d%d.py" % sys.version_info[:2])
            table.unlink()
            run = subprocess.run([sys.executable, folder + "/tools/fingerprints.py", "--build", folder + "/build",
                                  sys.executable], capture_output=True, text=True, timeout=300)
            self.assertNotEqual(run.returncode, 0, run.stdout)
            self.assertIn("A DIFFERENCE: --seeds", run.stderr)
            self.assertIn("was not added", run.stderr)
            self.assertFalse(table.exists())

    def test_the_table_is_what_the_tool_gives_for_the_flets_that_are_tested(self):
        pythons = [str(ROOT / "build/venv" / version / "bin/python") for version in ("1.0.5", "0.82.2")]
        run = subprocess.run([sys.executable, str(ROOT / "tools/fingerprints.py"), "--check", *pythons],
                             capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
