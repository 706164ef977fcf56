"""What the doctor says of windows, and whether a run does as it says."""

import json
import re
import signal
import unittest

from display import Display, why_no_display
from harness import BIN, E2E, EXAMPLES, PYTHON, ROOT, Variant

CLIENT = ROOT / "build/clients/0.82.2/flet"


def why_no_window():
    if not (CLIENT / "lib/libflutter_linux_gtk.so").exists():
        return f"no client in {CLIENT.relative_to(ROOT)}; run tools/setup.sh"
    return why_no_display()


class DoctorOfWindows(E2E):
    def doctor(self, *options, **env):
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON, "--json", *options], env=env)
        self.assertEqual(run.wait(60), 0, run.shown())
        return json.loads(run.text[0])["window"]

    def testWithoutADisplayARunIsHeadlessAsTheDoctorSays(self):
        window = self.doctor()
        self.assertEqual((window["ok"], window["headless_instead"]), (False, True))
        run = self.box.run(Variant("1", "uds"), EXAMPLES / "counter/main.py", ui="desktop", report=False)
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, re.escape(window["display"]["reason"]))

    def testADisplayThatDoesNotAnswerIsFound(self):
        window = self.doctor(DISPLAY=":4999")
        self.assertFalse(window["display"]["ok"])
        self.assertIn(":4999", window["display"]["reason"])

    def testAClientThatIsNoneIsRefusedInTheSameWords(self):
        window = self.doctor("--flet-client", self.box.app, DISPLAY=":4999")
        self.assertEqual((window["ok"], window["headless_instead"]), (False, False))
        run = self.box.run(Variant("1", "uds"), EXAMPLES / "counter/main.py", ui="auto", report=False,
                           options=["--flet-client", self.box.app], env={"DISPLAY": ":4999"})
        self.assertEqual(run.wait(30), 2, run.shown())
        self.one_line(run, re.escape(window["client"]["reason"]))

    @unittest.skipIf(why_no_window(), why_no_window())
    def testARunOpensTheWindowThatTheDoctorPromises(self):
        with Display() as display:
            window = self.doctor("--flet-client", CLIENT, **display.environment)
            self.assertTrue(window["ok"], window)
            self.assertEqual(window["client"]["path"], str(CLIENT))
            run = self.box.run(Variant("3", "ffi"), EXAMPLES / "counter/main.py", ui="auto",
                               options=["--flet-client", CLIENT, "--log-level", "debug"], env=display.environment)
            run.wait_line("ui first frame", 60)
            run.signal(signal.SIGTERM)
            self.assertEqual(run.wait(15), 128 + signal.SIGTERM, run.shown())
            self.assertEqual(run.report()["used"]["ui"], "desktop")


if __name__ == "__main__":
    unittest.main()
