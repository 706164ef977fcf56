"""Every example with its steps, on every stage and transport: exit code, report, control tree."""

import json
import unittest

import g3
from harness import EXAMPLES, VARIANTS, E2E, Sandbox

NAMES = ("counter", "chat", "long_list", "drawing", "background")


class Example(E2E):
    """One example; its five runs are made once and looked at by all tests."""

    name = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = Sandbox()
        cls.addClassCleanup(cls.shared.close)
        cls.runs, cls.trees = {}, {}
        folder = EXAMPLES / cls.name
        for variant in VARIANTS:
            tree = cls.shared.name("tree")
            steps = (folder / "steps.txt").read_text().rstrip("\n")
            lines = steps.split("\n")
            at = len(lines) - 1 if lines[-1].split("#")[0].strip() == "close" else len(lines)
            lines.insert(at, f"tree {tree}")
            run = cls.shared.headless(variant, folder / "main.py", steps="\n".join(lines) + "\n")
            run.code = run.wait(60)
            cls.runs[variant] = run
            if tree.exists():
                cls.trees[variant] = json.loads(tree.read_text())

    def each(self, check):
        for variant in VARIANTS:
            with self.subTest(variant.name):
                check(variant, self.runs[variant])

    def testExitsZero(self):
        def check(_, run):
            self.assertEqual(run.code, 0, run.shown())

        self.each(check)

    def testReportTellsTheTruth(self):
        def check(variant, run):
            report = run.report()
            used = report["used"]
            self.assertEqual((used["stage"], used["transport"], used["ui"]),
                             (variant.stage, variant.transport, "headless"))
            self.assertEqual(used["fallbacks"], [])
            self.assertIn(used["mode"], ("relayed", "direct"))
            self.assertEqual(report["requested"]["stage"], variant.stage)
            self.assertEqual(report["requested"]["transport"], variant.transport)
            self.assertEqual(report["requested"]["ui"], "headless")
            self.assertEqual(report["flet"], "1.0.5")
            self.assertEqual(report["generation"], 3)
            self.assertRegex(report["python"], r"^3\.\d+\.\d+")
            self.assertIn("main.py", report["app"])
            self.assertTrue(report["version"])
            self.assertEqual(report["exit"]["code"], 0)
            self.assertTrue(report["exit"]["reason"])

        self.each(check)

    def testReportListsTheProcesses(self):
        def check(variant, run):
            processes = run.report()["processes"]
            roles = sorted(p["role"] for p in processes)
            pids = {p["pid"] for p in processes}
            if variant.in_process:
                self.assertEqual(pids, {run.pid})
                self.assertEqual(len(processes), 1)
            else:
                self.assertEqual(roles, ["app", "host"])
                self.assertEqual(len(pids), 2)
                self.assertIn(run.pid, pids)

        self.each(check)

    def testReportCountsPacketsAndTimes(self):
        def check(_, run):
            report = run.report()
            for direction in ("to_app", "to_ui"):
                self.assertGreater(report["packets"][direction]["count"], 0)
                self.assertGreater(report["packets"][direction]["bytes"],
                                   report["packets"][direction]["count"])
            times = report["timeline_ms"]
            order = [times[name] for name in ("python_ready", "app_imported", "app_listening", "registered",
                                              "first_frame")]
            self.assertNotIn(None, order)
            self.assertEqual(order, sorted(order))
            self.assertGreater(order[0], 0)
            latency = report["latency_us"]
            if latency["count"]:
                self.assertLessEqual(latency["p50"], latency["p90"])
                self.assertLessEqual(latency["p90"], latency["p99"])
                self.assertLessEqual(latency["p99"], latency["max"])
                self.assertGreater(latency["p50"], 50, "faster than Flet's own Python can be")

        self.each(check)

    def testTreesAreIdentical(self):
        first = g3.without_ids(self.trees[VARIANTS[0]])
        self.assertIn("Page", json.dumps(first))

        def check(variant, _):
            self.assertEqual(g3.without_ids(self.trees[variant]), first)

        self.each(check)

    def testNothingIsLeft(self):
        self.shared.assert_nothing_left()


for _name in NAMES:
    _class = _name.title().replace("_", "") + "Example"
    globals()[_class] = type(_class, (Example,), {"name": _name, "__module__": __name__,
                                                  "__qualname__": _class})
del Example  # only its children are tests

if __name__ == "__main__":
    unittest.main()
