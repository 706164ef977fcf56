"""What `fletbridge compare` says of apps as people write them, whose truth is known: some of tests/compare/corpus, which
tests/compare/truth.py goes through as a whole."""

import sys
import unittest

from harness import BIN, PATIENCE, PYTHON, ROOT

sys.path.insert(0, str(ROOT / "tests/compare"))
import truth  # noqa: E402

truth.BIN, truth.PYTHON, truth.DEADLINE = BIN, PYTHON, 60 * PATIENCE


def measured(name, **more):
    [app] = truth.apps([name])
    return truth.compare(app, "1:uds", **more)


class CompareTruth(unittest.TestCase):
    def testFindsAPlantedDelayAndItsSize(self):
        [app] = truth.apps(["counter"])
        run, verdict = truth.find_planted(app, "1:uds", 0.005, 1, rounds=(truth.ROUNDS,))
        # On a busy machine an interval may be too wide for a size.
        self.assertIn(verdict, ("sized", "open"), run.text)
        self.assertEqual(run.row[1]["verdict"], "slower", run.text)


class CompareUnmeasurable(unittest.TestCase):
    """What cannot be measured is said, with the reason, in seconds."""

    def says(self, name):
        run = measured(name, rounds=1)
        word, wrong = truth.judge_equal(run)
        self.assertFalse(wrong, f"{word}\n{run.text}")
        self.assertEqual(word, "says why not", run.text)
        self.assertLess(run.seconds, 30 * PATIENCE)
        self.assertNotEqual(run.code, 0, run.text)

    def testAPageThatIsNeverQuiet(self):
        self.says("progress_without_end")

    def testAPageThatChangesByItselfWhileItsHandlerAwaits(self):
        self.says("awaits_beside_a_clock")

    def testAnInputThatFromSomeClickOnChangesNothing(self):
        self.says("stops_at_its_limit")

    def testAnAppThatRaisesAtAClick(self):
        self.says("raises_at_a_click")

    def testAnAppThatEndsByItself(self):
        self.says("closes_itself")


class CompareKnowsTheVariant(unittest.TestCase):
    def testTheAppIsToldWhichVariantItIs(self):
        # By which the corpus plants its delays: here at the start.
        [app] = truth.apps(["slow_start"])
        run = truth.compare(app, "1:uds", "1:uds again=start+1500ms", rounds=1)
        first, again = (series["p50"] for series in run.row)
        self.assertGreater(again - first, 1e9, run.text)


if __name__ == "__main__":
    unittest.main()
