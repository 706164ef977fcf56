"""tools/demo.py: what a newcomer sees first, made small. Its program is the one under test."""

import contextlib
import io
import sys
import unittest
from unittest import mock

from harness import BIN, ROOT, E2E

sys.path.insert(0, str(ROOT / "tools"))
import demo  # noqa: E402


class Demo(E2E):
    def testBeginsWithRealRowsAndGivesEachRatioAnInterval(self):
        out = io.StringIO()
        argv = ["demo", "--rows", "6", "--rounds", "6", "--clicks", "12", "--window", "0"]
        with mock.patch.object(demo, "HOST", BIN / "fletbridge"), mock.patch.object(sys, "argv", argv), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            demo.main()
        text = out.getvalue()
        self.assertLess(text.index("A page of 1,000 rows"), text.index("The counter of Flet"))
        self.assertRegex(text, r"Flet alone: python app.py +\d+ +[\d.]+ ms")
        self.assertRegex(text, r"(?m)^3 +ffi +1 +\d+ +[\d.]+ \[[\d.]+, [\d.]+\] +\d+ +\d+ +[\d.]+ \[[\d.]+, [\d.]+\]$")
        self.assertRegex(text, r"Noise: the 6 rounds of stage 1 over uds, .* from \d+ to \d+ µs")
        self.assertIn("Look at the brackets", text)

    def testItsIntervalsAreTheExactOnesOfAMedian(self):
        self.assertIsNone(demo.interval([1, 2, 3, 4, 5]))
        self.assertEqual(demo.interval([3, 1, 2, 6, 5, 4]), (1, 6))
        self.assertEqual(demo.interval(list(range(1, 11))), (2, 9))


if __name__ == "__main__":
    unittest.main()
