"""An app's way from two processes to one, and back when something breaks: the chat example of a person who has
activated a virtual environment and types these commands into a shell."""

import hashlib
import json
import os
import re
import shutil
import signal
import sysconfig

import test_hosting
from harness import BIN, E2E, EXAMPLES, VENV

FLAGS = """
{"flags": {
  "fletbridge.stage": {
    "state": "ENABLED",
    "variants": {"one": "1", "three": "3"},
    "defaultVariant": "one",
    "targeting": {"fractional": [["three", 10], ["one", 90]]}
  },
  "fletbridge.kill": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}
}}
"""
PROJECT = """
[project]
name = "chat"
version = "%s"
[tool.fletbridge]
rollout = "."
"""
# Stage 3 alone sets the variable: there it finds itself embedded, as on no other stage. A trap, since a sanitizer has its own way with SIGSEGV.
CRASHES = """
#include <Python.h>
#include <stdlib.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "fault", NULL, -1};
PyMODINIT_FUNC PyInit_fault(void) {
  if (getenv("FLET_DART_BRIDGE_PORT")) __builtin_trap();
  return PyModule_Create(&definition);
}
"""
# The host's threads are there wherever it shares the app's process: on stages 2 and 3.
IS_KILLED = """
import os, signal
if len(os.listdir("/proc/self/task")) > 1:
    os.kill(os.getpid(), signal.SIGKILL)
"""
CHOSEN = 16  # the first number whose installation's id has it at 10 %
RUN = "fletbridge run --ui headless --steps steps.txt --report report.json main.py"


class Story(E2E):
    def setUp(self):
        super().setUp()
        for name in ("main.py", "steps.txt"):
            shutil.copy(EXAMPLES / "chat" / name, self.box.app / name)
        self.path = f"{BIN}:{os.environ['PATH']}"
        self.venv = VENV

    def sh(self, command, code=0, env=None):
        """What a person sees of it."""
        run = self.box.launch(["/bin/sh", "-c", command],
                              env={"PATH": self.path, "VIRTUAL_ENV": self.venv, **(env or {})})
        self.assertEqual(run.wait(60), code, run.shown())
        return run.text[0] + run.text[1]

    def report(self):
        return json.loads((self.box.app / "report.json").read_text())["used"]

    def stage(self):
        """A start that works; the stage that it was on."""
        self.sh(RUN)
        return self.report()["stage"]

    def release(self, version, fault=""):
        (self.box.app / "pyproject.toml").write_text(PROJECT % version)
        source = (EXAMPLES / "chat" / "main.py").read_text()
        (self.box.app / "main.py").write_text(fault + source)

    def installation(self, number):
        """Its stage, by what is explained to the one that has this id."""
        folder = self.box.user / ".local/state/fletbridge"
        folder.mkdir(parents=True, exist_ok=True)
        one = hashlib.md5(str(number).encode()).hexdigest()
        (folder / "installation-id").write_text(one + "\n")
        said = self.sh("fletbridge rollout explain main.py")
        self.assertIn(one, said)
        return re.search(r"^stage +(\d)", said, re.M)[1]

    def roll_out(self):
        """At 10 %; this installation then is one of those that have it."""
        (self.box.app / "fletbridge.flagd.json").write_text(FLAGS)
        self.release("1.0.0")
        self.assertIn("no mistakes", self.sh("fletbridge rollout validate fletbridge.flagd.json"))
        self.assertEqual(self.installation(CHOSEN), "3")

    def way_back(self, death, to):
        """From this release on the stages above `to` die: what the person at the app sees of it."""
        self.assertEqual(self.stage(), "3")
        self.release("1.1.0", "import fault\n")
        self.sh(RUN, code=128 + death)  # the one failed start
        for why in ("cannot run: its process was killed", "has failed", "has failed"):
            said = self.sh(RUN)
            self.assertRegex(said, rf"stage 3 {why} .*before the first frame")
            self.assertIn(f"main.py on stage {to} ", said.splitlines()[-1])
            used = self.report()
            self.assertEqual((used["stage"], used["fallbacks"][0]["from"], used["fallbacks"][-1]["to"]), (to, "3", to))
        self.assertRegex(self.sh("fletbridge rollout status"), r"stage 3: .*; open")
        three = json.loads(self.sh("fletbridge rollout status --json"))["apps"][0]["stages"]["3"]
        self.assertEqual((three["starts"], three["failures"], three["breaker"]["state"]), (3, 2, "open"))

    def kill_switch_and_a_new_version(self):
        flags = self.box.app / "fletbridge.flagd.json"
        flags.write_text(FLAGS.replace('"defaultVariant": "off"', '"defaultVariant": "on"'))
        self.assertIn("fletbridge.kill is on", self.sh("fletbridge rollout explain main.py"))
        self.assertEqual(self.stage(), "1")
        flags.write_text(FLAGS)
        self.release("1.2.0")
        self.assertEqual(self.stage(), "3")
        self.assertEqual(self.report()["fallbacks"], [])
        three = json.loads(self.sh("fletbridge rollout status --json"))["apps"][0]["stages"]["3"]
        self.assertEqual(three["breaker"]["state"], "closed")

    def testFromTheCheckToTheFirstInstallationsAndBackAfterACrashAtImport(self):
        self.assertRegex(self.sh("fletbridge check main.py"), r"differs +0 +0 +0")
        self.sh("fletbridge record --to one.rec --stage 1 --ui headless --steps steps.txt main.py")
        self.assertIn("the same", self.sh("fletbridge replay --stage 3 --to three.rec one.rec"))
        self.assertIn("the same", self.sh("fletbridge diff one.rec three.rec"))
        self.roll_out()
        others = [self.installation(number) for number in range(50)]
        self.assertTrue(0 < others.count("3") < 12, "some of them have it, most keep theirs")
        self.installation(CHOSEN)
        (self.box.app / "fault.c").write_text(CRASHES)
        self.sh(f"cc -shared -fPIC -I{sysconfig.get_paths()['include']} -o fault.abi3.so fault.c")
        self.way_back(signal.SIGILL, to="2")
        self.kill_switch_and_a_new_version()

    def testBackAfterAKillBeforeTheFirstFrame(self):
        self.roll_out()
        (self.box.app / "fault.py").write_text(IS_KILLED)
        self.way_back(signal.SIGKILL, to="1")
        self.kill_switch_and_a_new_version()

    def testBackInTheSameRunWithoutALibpython(self):
        self.roll_out()
        self.assertEqual(self.stage(), "3")
        good = self.path, self.venv
        self.venv = test_hosting.HostingChoice.without_library(self).parent.parent
        alone = test_hosting.HostingChoice.alone(self, test_hosting.PARTS / "shim")
        self.path = f"{alone.parent}:{self.path}"
        for _ in range(2):
            said = self.sh(RUN)
            self.assertRegex(said, r"^fletbridge: main.py on stage 1 .*cannot run: .*libpython.*\n$")
            self.assertEqual([f["from"] for f in self.report()["fallbacks"]], ["3", "2"])
        self.path, self.venv = good
        self.kill_switch_and_a_new_version()


if __name__ == "__main__":
    import unittest

    unittest.main()
