"""Each Flet on each stage: the same apps and steps, and the same trees; and what MIGRATION.md says of their differences
(tests/matrix)."""

import json
import sys
import unittest
from pathlib import Path

from harness import BIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "matrix"))
from matrix import DIFFERENCES, DIFFERENCES_MARK, OLDEST, ROOT, STAGES, VERSIONS, Cell, differences_table  # noqa: E402

# All of them take minutes; the others run with tests/matrix/matrix.py.
APPS = ("counter", "counter_async", "form")


KNOWN = json.loads(DIFFERENCES.read_text())
NOT_ASKED = ("an exception of a handler is",)  # which takes a second run


class Facts:
    def test_an_app_sees_what_the_document_says(self):
        cell = Cell(self.version, self.stage)
        facts = cell.facts(BIN.parent, tells_of_handlers=False)
        self.assertEqual(cell.failures, [])
        known = KNOWN[self.version][self.stage]
        self.assertEqual(*({name: value for name, value in those.items() if name not in NOT_ASKED}
                           for those in (facts, known)))


class CellCase(Facts):
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
Flet0165StageLegacy = type("Flet0165StageLegacy", (Facts, unittest.TestCase), {"version": OLDEST, "stage": "legacy"})
del CellCase, Facts


class TheDocument(unittest.TestCase):
    def test_has_the_table_that_the_matrix_has_found(self):
        text = (ROOT / "MIGRATION.md").read_text()
        self.assertEqual(text.split(DIFFERENCES_MARK)[1].strip().splitlines(), differences_table(KNOWN))

    def test_knows_each_flet_and_stage(self):
        self.assertEqual({version: list(stages) for version, stages in KNOWN.items()},
                         {OLDEST: ["legacy"], **dict.fromkeys(VERSIONS, list(STAGES))})

if __name__ == "__main__":
    unittest.main()
