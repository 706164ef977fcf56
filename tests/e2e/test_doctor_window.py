"""What the doctor says of windows, and whether a run does as it says."""

import json
import re
import signal
import unittest

from display import Display
from harness import BIN, E2E, EXAMPLES, PYTHON, ROOT, Variant
from windowed import CLIENT, why_no_window


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

    def testTheFileDialogsOfAClientNeedAPortalOnTheSessionBus(self):
        dialogs = self.doctor("--flet-client", CLIENT)["file_dialogs"]
        self.assertIn("there is no session bus", dialogs["reason"])
        dialogs = self.doctor("--flet-client", CLIENT, DBUS_SESSION_BUS_ADDRESS="unix:path=/no/such")["file_dialogs"]
        self.assertIn("the session bus at unix:path=/no/such does not answer", dialogs["reason"])
        runtime = self.box.home / "bus"  # where the bus leaves a folder
        runtime.mkdir(mode=0o700)
        run = self.box.launch(["dbus-run-session", "--", BIN / "fletbridge", "doctor", "--python", PYTHON, "--json",
                               "--flet-client", CLIENT], env={"XDG_RUNTIME_DIR": runtime})
        self.assertEqual(run.wait(60), 0, run.shown())
        dialogs = json.loads(run.text[0])["window"]["file_dialogs"]
        self.assertIn("the session bus has no portal that shows them", dialogs["reason"])

    def testAnAppOfFlet028TakesItsOwnClientAlone(self):
        old = ROOT / "build/venv/0.28.3/bin/python"

        def client(folder):
            run = self.box.launch([BIN / "fletbridge", "doctor", "--python", old, "--json", "--flet-client", folder])
            self.assertEqual(run.wait(60), 0, run.shown())
            return json.loads(run.text[0])["window"]["client"]

        self.assertTrue(client(ROOT / "build/clients/0.28.3/flet")["ok"])
        self.assertIn("cannot be translated to", client(CLIENT)["reason"])
        run = self.box.launch([BIN / "fletbridge", "client", "list", "--python", old, "--flet-client",
                               ROOT / "build/clients/0.28.3/flet"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertRegex(run.text[0], r"0\.28\.3 +1 .*\(--flet-client\)\n")

    def testWhatARunOfAnAppWouldBeIsWhatItIs(self):
        app = self.box.write("shop/main.py", (EXAMPLES / "counter/main.py").read_text())
        self.box.write("shop/pyproject.toml", '[tool.fletbridge]\nstage = "2"\ntransport = "tcp"\n')
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON, "--json", app])
        self.assertEqual(run.wait(60), 0, run.shown())
        said = json.loads(run.text[0])["app"]
        run = self.box.run(None, app, steps="close\n")
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        for key in ("stage", "transport", "hosting", "ui"):
            self.assertEqual(said[key] or "", used[key] or "", key)
        self.box.write("shop/pyproject.toml", '[tool.fletbridge]\nstage = "3"\ntransport = "tcp"\n')
        run = self.box.launch([BIN / "fletbridge", "doctor", "--python", PYTHON, app])
        self.assertEqual(run.wait(60), 1, run.shown())
        self.assertRegex(run.text[0], r"no a run +would be refused: stage 3 .* has no sockets")

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
