"""Prints `module.Class` for every test class of this folder, for ctest. Room: tests/e2e."""

import sys
import unittest
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here))
sys.dont_write_bytecode = True


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


found = set()
for case in cases(unittest.TestLoader().discover(str(here))):
    if isinstance(case, unittest.loader._FailedTest):  # a module that does not import
        sys.exit(str(case._exception))
    found.add(f"{type(case).__module__}.{type(case).__qualname__}")
print("\n".join(sorted(found)))
