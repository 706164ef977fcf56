"""`fletbridge check` as people start it: the command line, the app's own interpreter, and real runs."""

import json
import shutil
import unittest

from harness import BIN, E2E, EXAMPLES, PYTHON

APP = """
import os, subprocess, sys, threading, time
import flet as ft

def main(page):
    text = ft.Text("no")

    def shown():
        text.value = "from a thread"
        page.update()

    def go(e):
        open("mine.txt", "w").close()
        worker = threading.Thread(target=shown)
        worker.start()
        worker.join()
        subprocess.run([sys.executable, "-c", "pass"])
        time.sleep(0.3)
        text.value = "done"

    page.add(text, ft.Button("go", on_click=go))

ft.run(main)
"""


class Check(E2E):
    def check(self, *args, python=PYTHON):
        options = ["--python", python] if python else []
        return self.box.launch([BIN / "fletbridge", "check", *options, *args])

    def testFindingsAsTextAndTheExitCode(self):
        self.box.write("app.py", "import os\nimport flet as ft\n\nos.closerange(3, 99)\nft.run(print)\n")
        run = self.check("app.py")
        self.assertEqual(run.wait(30), 1, run.shown())
        self.assertIn("app.py\n  4:1  FB110  ", run.text[0])
        run = self.check("app.py", "--stage", "1")
        self.assertEqual(run.wait(30), 0, run.shown())

    def testTheAppIsNeitherImportedNorAbleToReachTheAnalyser(self):
        # Modules with the names of those that the analyser needs, and a sitecustomize of the app's.
        for name in ("ast", "json", "sitecustomize", "tokenize", "app", "names"):
            self.box.write(f"{name}.py", "open('was-imported', 'w')\n")
        self.box.write("main.py", "import flet as ft\nft.run(lambda page: None)\n")
        run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--select", "FB2", "."],
                              env={"PYTHONPATH": self.box.app, "PYTHONSTARTUP": self.box.app / "app.py"})
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertFalse((self.box.app / "was-imported").exists())
        self.assertEqual(list(self.box.app.rglob("__pycache__")), [])

    def testPythonStartsItToo(self):
        self.box.write("main.py", "import sys\nprint(sys.executable)\n")
        env = {"PYTHONPATH": BIN.parent / "lib/fletbridge/python"}
        run = self.box.launch([PYTHON, "-m", "fletbridge", "check", "--json", "."], env=env)
        self.assertEqual(run.wait(30), 0, run.shown())
        document = json.loads(run.text[0])
        self.assertEqual([f["rule"] for f in document["findings"]], ["FB103"])
        self.assertEqual((document["python"], document["flet"]), (str(PYTHON), "1.0.5"))

    def testWrongUsageIsOneLine(self):
        for args, part in (((), "no app to check"), (("none.py",), "there is no such file"),
                           (("--select", "FB9", "."), "there is no such rule"), (("--stage", "4", "."), "--stage"),
                           (("--run", "."), "name the script")):
            with self.subTest(args):
                self.box.write("app.py", "import flet\n")
                run = self.check(*args)
                self.assertEqual(run.wait(30), 2, run.shown())
                self.one_line(run, part)

    def testASarifFileHasRelativePlaces(self):
        self.box.write("shop/main.py", "import os\nos.closerange(3, 9)\n")
        run = self.check("shop", "--sarif", "out.sarif")
        self.assertEqual(run.wait(30), 1, run.shown())
        document = json.loads((self.box.app / "out.sarif").read_text())
        [result] = document["runs"][0]["results"]
        self.assertEqual(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "main.py")


class CheckRun(E2E):
    def testItTellsWhatReallyHappenedOnBothStages(self):
        self.box.write("app.py", APP)
        self.box.write("steps.txt", 'click text="go" 20s\nwait text="done" 20s\nclose\n')
        run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--json", "--run", "--from", "1",
                               "--to", "3", "--steps", "steps.txt", "app.py"])
        self.assertEqual(run.wait(90), 0, run.shown())
        live = json.loads(run.text[0])["run"]
        self.assertEqual([(r["stage"], r["exit_code"]) for r in live["runs"]], [("1", 0), ("3", 0)])
        line = {text: number for number, text in enumerate(APP.splitlines(), 1)}
        for one in live["runs"]:
            seen = {(e["kind"], e["file"], e["line"]) for e in one["events"]}
            for kind, text in (("process", '        subprocess.run([sys.executable, "-c", "pass"])'),
                               ("thread", "        worker.start()"), ("blocked", "        time.sleep(0.3)"),
                               ("update from a thread", "        page.update()"),
                               ("relative path", '        open("mine.txt", "w").close()')):
                self.assertIn((kind, "app.py", line[text]), seen)
            blocked = [e for e in one["events"] if e["kind"] == "blocked" and e["file"]]
            self.assertGreaterEqual(blocked[0]["ms"], 300)
            self.assertTrue(any("time.sleep" in text or "app.py" in text for text in blocked[0]["stack"]))
        self.assertEqual([(d["kind"], d["from"], d["to"]) for d in live["differences"]], [("socket", 1, 0)])

    def testTheTextPutsTheStagesSideBySide(self):
        shutil.copy(EXAMPLES / "counter" / "main.py", self.box.app / "main.py")
        self.box.write("steps.txt", 'click text="+" 20s\nclose\n')
        run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--run", "--from", "2", "--to", "3",
                               "--steps", "steps.txt", "."])
        self.assertEqual(run.wait(90), 0, run.shown())
        self.assertRegex(run.text[0], r"what happened in a run +stage 2 +stage 3")
        self.assertRegex(run.text[0], r"\* flet +unix socket +1x +-")
        self.assertRegex(run.text[0], r"exit code +0 +0")

    def testAnAppThatRaisesOnBothStagesFails(self):
        self.box.write("main.py", "import flet as ft\ndef main(page):\n    page.add(ft.Text('x'))\n"
                       "    raise OSError('no yeast')\nft.run(main)\n")
        run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--run", "--seconds", "1", "."])
        self.assertEqual(run.wait(90), 1, run.shown())
        self.assertIn("the app raised on stage 1 and 3, which no step expects", run.text[0])

    def testAnAppThatKeepsAFileBesideItselfIsTheSameOnBothStages(self):
        self.box.write("main.py", """
import pathlib
import flet as ft

def main(page):
    beside = pathlib.Path(__file__).with_name("visits.txt")
    home = pathlib.Path.home() / "visits.txt"
    visits = int(beside.read_text()) if beside.exists() else 0
    visits += int(home.read_text()) if home.exists() else 0
    beside.write_text(str(visits + 1))
    home.write_text(str(visits + 1))
    page.add(ft.Text(f"{visits} visits"))

ft.run(main)
""")
        self.box.write("steps.txt", 'wait text="0 visits" 20s\nclose\n')
        run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--run", "--steps", "steps.txt", "."])
        self.assertEqual(run.wait(90), 0, run.shown())
        self.assertRegex(run.text[0], r"exit code +0 +0")
        self.assertIn("each run had a fresh copy of the app's folder", run.text[0])
        self.assertFalse((self.box.app / "visits.txt").exists())


if __name__ == "__main__":
    unittest.main()
