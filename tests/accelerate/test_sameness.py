"""The proof of sameness finds what an accelerator can get wrong, and takes no page for accelerated that is not."""

import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
NAMES = [line[4:line.index("(")] for line in (HERE / "faults.py").read_text().splitlines()
         if line.startswith("def ")]


def prove(names, seeds, *more):
    return subprocess.run(
        [sys.executable, "-B", str(HERE / "sameness.py"), "--python", sys.executable, "--names", names,
         "--seeds", seeds, *more], capture_output=True, text=True, timeout=300)


class TestSameness(unittest.TestCase):
    def test_two_runs_with_nothing_but_flets_own_code_are_equal(self):
        run = prove("none", "0-19")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("no difference", run.stdout)

    def test_each_planted_fault_is_found_with_its_seed_and_step(self):
        for name in NAMES:
            with self.subTest(name):
                run = prove("fault:" + name, "0-199")
                self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
                self.assertIn("A DIFFERENCE: --seeds ", run.stdout)

    def test_an_accelerator_that_is_not_on_is_no_proof(self):
        run = prove("nonsense", "0-0")
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn("ended with 1", run.stdout)


if __name__ == "__main__":
    unittest.main()
