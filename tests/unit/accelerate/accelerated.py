"""Has the accelerators of the build under test in this interpreter, some of them on. Room: tests.
FLETBRIDGE_ACCELERATE names the folder that has the package; without it that of the release build is taken."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def switch_on(*names):
    """The package, with these accelerators in their places; fails where one of them is not."""
    package = sys.modules.get("fletbridge.accelerate")
    if package is None:
        python = os.environ.get("FLETBRIDGE_ACCELERATE", ROOT / "build/release/lib/fletbridge/python")
        sys.path.append(str(python))
        folder = Path(python) / "fletbridge/accelerate"
        spec = importlib.util.spec_from_file_location("fletbridge.accelerate", folder / "__init__.py",
                                                      submodule_search_locations=[str(folder)])
        package = importlib.util.module_from_spec(spec)
        package.hosted = True
        sys.modules["fletbridge.accelerate"] = package
        spec.loader.exec_module(package)
    package.switch_on(names)
    wrong = {name: package.state().get(name, "is not there") for name in names if package.state().get(name, "")}
    if wrong:
        raise AssertionError(f"these accelerators are off: {wrong}")
    return package
