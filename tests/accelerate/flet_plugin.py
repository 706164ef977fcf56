"""For pytest, by flet_own_tests.py: has the accelerators on before Flet is imported, and says at the end what came of it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = os.environ["ACCELERATORS"]

if NAMES != "none":
    sys.path.insert(0, os.environ.get("FLETBRIDGE_PYTHON", str(HERE.parents[1] / "build/release/lib/fletbridge/python")))
    import importlib.util

    place = sys.path[0] + "/fletbridge/accelerate"
    spec = importlib.util.spec_from_file_location(
        "fletbridge.accelerate", place + "/__init__.py", submodule_search_locations=[place])
    package = importlib.util.module_from_spec(spec)
    package.hosted = True
    sys.modules["fletbridge.accelerate"] = package
    spec.loader.exec_module(package)
    package.switch_on(**({"verify": True} if NAMES == "verify" else {}))


def pytest_sessionfinish(session, exitstatus):
    if NAMES == "none":
        return
    print("\n%s\n%s" % (package.state(), package.counters()))
    for line in package.differences():
        print("difference: " + line)
    if package.state()["diff"] is not None or package.differences() or not package.counters()["nodes"]:
        session.exitstatus = 1
