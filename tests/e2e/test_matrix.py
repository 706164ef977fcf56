"""Each Flet on each stage: the same apps and steps, and the same trees (tests/matrix)."""

import sys
import unittest
from pathlib import Path

from harness import BIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "matrix"))
from matrix import STAGES, VERSIONS, Cell  # noqa: E402

# All of them take minutes; the others run with tests/matrix/matrix.py.
APPS = ("counter", "counter_async", "form")


class CellCase:
    def test_runs_the_apps_with_the_same_trees(self):
        cell, model = Cell(self.version, self.stage), Cell(VERSIONS[-1], "1:uds")
        for app in APPS:
            cell.run(BIN.parent, app)
            model.run(BIN.parent, app)
        cell.compare(model.trees)
        self.assertEqual(cell.failures, [])
        self.assertEqual(list(cell.trees), list(APPS))


for version in VERSIONS:
    for stage in STAGES:
        name = "Flet%sStage%s" % (version.replace(".", ""), stage.title().replace(":", ""))
        globals()[name] = type(name, (CellCase, unittest.TestCase), {"version": version, "stage": stage})
del CellCase

if __name__ == "__main__":
    unittest.main()
