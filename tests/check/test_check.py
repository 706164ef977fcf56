"""The analyser of `fletbridge check`: what it finds, what it leaves alone, how it says it. Room: tests.

corpus/clean and corpus/planted hold small apps, a file or a folder each. `# expect: FB104` marks the line of a
thing that must be found, `# expect: FB104 fine differs differs` its verdicts as well.
"""

import contextlib
import io
import json
import os
import re
import sys
import sysconfig
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
sys.path.insert(0, str(ROOT / "python"))

from fletbridge.check import command, report_json, report_sarif  # noqa: E402
from fletbridge.check.app import App  # noqa: E402
from fletbridge.check.rules import RULES, STAGES, TABLE  # noqa: E402

FLET = {"flet": "1.0.5", "target": "app"}
EXPECT = re.compile(r"expect: (FB\d+)((?: (?:fine|differs|breaks)){3})?")


def apps(kind):
    return sorted(path for path in (CORPUS / kind).iterdir() if path.name != "__pycache__")


def found(app):
    return {(f.source.shown, f.line, f.rule.id): f for f in app.findings()[0]}


def expected(app):
    """(file, line, rule) -> the three verdicts, or None where they are not said."""
    marks = {}
    for source in app.sources:
        for number, line in enumerate(source.lines, 1):
            match = EXPECT.search(line)
            if match:
                marks[source.shown, number, match[1]] = (match[2] or "").split() or None
    return marks


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def ids(self, target=None, facts=FLET):
        return [f"{f.source.shown}:{f.line} {f.rule.id}" for f in App(target or self.folder, facts).findings()[0]]

    def check(self, **request):
        """(exit code, stdout, stderr)"""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command.main({"target": str(self.folder), "flet": "1.0.5", **request})
        return code, out.getvalue(), err.getvalue()


class Corpus(unittest.TestCase):
    def testEachPlantedDifferenceIsFoundWithItsLine(self):
        for path in apps("planted"):
            with self.subTest(path.name):
                app = App(path, FLET)
                want, got = expected(app), found(app)
                self.assertTrue(want, "nothing is planted")
                self.assertEqual(sorted(got), sorted(want))
                for key, verdicts in want.items():
                    if verdicts:
                        self.assertEqual(list(got[key].stages.values()), verdicts, key)

    def testCleanAppsRaiseNoFalseAlarm(self):
        for path in apps("clean"):
            with self.subTest(path.name):
                self.assertEqual([f.place + " " + f.message for f in App(path, FLET).findings()[0]], [])

    def testItIsLargeEnoughAndEveryRuleIsInIt(self):
        self.assertGreaterEqual(len(apps("clean")), 20)
        self.assertGreaterEqual(len(apps("planted")), 20)
        planted = {rule for path in apps("planted") for _, _, rule in expected(App(path, FLET))}
        # FB503 is about a version, which no file has: Sources shows it.
        self.assertEqual(set(RULES) - planted, {"FB503"})

    def testTheProjectsOwnExamplesAreJudgedRightly(self):
        got = {path.name: [f"{f.line} {f.rule.id}" for f in App(path / "main.py", FLET).findings()[0]]
               for path in sorted((ROOT / "examples").iterdir()) if (path / "main.py").is_file()}
        # The background work shows its progress from a thread, which is what differs on stage 3.
        self.assertEqual({name: ids for name, ids in got.items() if ids}, {"background": ["21 FB203", "24 FB203"]})


class Sources(Folder):
    def testAScriptStandsForTheModulesThatItImports(self):
        self.write("main.py", "from shop.views import home\nimport flet\n")
        self.write("shop/__init__.py", "")
        self.write("shop/views.py", "from . import data\nhome = 1\n")
        self.write("shop/data.py", "import os\nos.closerange(3, 9)\n")
        self.write("other.py", "import os\nos.closerange(3, 9)\n")
        self.assertEqual(self.ids(self.folder / "main.py"), ["shop/data.py:2 FB110"])
        self.assertEqual(self.ids(), ["other.py:2 FB110", "shop/data.py:2 FB110"])

    def testAnArchiveStandsForItsMainAndWhatThatImports(self):
        def pack(name, **files):
            with zipfile.ZipFile(self.folder / name, "w") as archive:
                for file, text in files.items():
                    archive.writestr(file.replace("__slash__", "/") + ".py", text)
            return self.folder / name
        bad = "import os\nos.closerange(3, 9)\n"
        app = pack("app.pyz", __main__="import flet\nfrom shop import data\n", shop__slash__data=bad, other=bad,
                   flet__slash__app=bad)
        self.assertEqual(self.ids(app), ["shop/data.py:2 FB110"])
        self.assertEqual(self.check(target=str(app))[0], 1)
        code, _, err = self.check(target=str(pack("none.pyz", shop="")))
        self.assertEqual((code, err.count("\n")), (2, 1), err)
        self.assertIn("there is no __main__.py", err)
        outside = self.folder / "outside.pyz"
        with zipfile.ZipFile(outside, "w") as archive:
            archive.writestr("__main__.py", "")
            archive.writestr("../outside.py", bad)
        self.assertEqual(self.ids(outside), [])
        self.assertFalse((self.folder / "outside.py").exists())
        cut = self.folder / "cut.pyz"
        cut.write_bytes(app.read_bytes().replace(b"import flet", b"export flet"))
        code, _, err = self.check(target=str(cut))
        self.assertEqual((code, err.count("\n")), (2, 1), err)

    def testFoldersOfOthersAreLeftOut(self):
        bad = "import os\nos.closerange(3, 9)\n"
        self.write("main.py", bad)
        for folder in (".venv/lib", "venv", "build", ".git/hooks", "__pycache__", "node_modules", "x.egg-info"):
            self.write(folder + "/bad.py", bad)
        self.write("myenv/pyvenv.cfg", "")
        self.write("myenv/lib/bad.py", bad)
        self.assertEqual(self.ids(), ["main.py:2 FB110"])

    def testWhatCannotBeReadIsOneFinding(self):
        for name, data in {"syntax.py": b"def f(:\n  pass\n", "two.py": b"print 'x'\n", "null.py": b"x = 1\0\n",
                           "coding.py": b"# coding: no-such-coding\n", "bytes.py": b"x = '\xff\xfe'\n",
                           "deep.py": b"(" * 5000 + b")" * 5000, "tabs.py": b"if 1:\n\tx\n        y\n"}.items():
            self.write(name, data)
        ids = self.ids()
        self.assertEqual([i.split()[1] for i in ids], ["FB001"] * 7, ids)
        self.assertEqual(len({i.split(":")[0] for i in ids}), 7)

    def testDeepButValidCodeIsRead(self):
        self.write("sum.py", "x = " + " + ".join(["1"] * 900) + "\nimport os\nos.closerange(3, 9)\n")
        chain = "x" + ".a" * 900
        self.write("chain.py", f"import os\n{chain}.b()\n")
        self.assertEqual(self.ids(), ["sum.py:3 FB110"])

    def testACodingOtherThanUtf8GivesRightColumns(self):
        self.write("latin.py", "# -*- coding: latin-1 -*-\nimport os; x = 'ä'; os.closerange(3, 9)\n".encode("latin-1"))
        self.write("wide.py", "import os; x = '漢字'; os.closerange(3, 9)\n")
        columns = {f.source.shown: f.column for f in App(self.folder, FLET).findings()[0]}
        self.assertEqual(columns, {"latin.py": 21, "wide.py": 22})

    def testCommentsSilenceALineOrAFileAndOnlyTheirRule(self):
        self.write("a.py", "import os, sys\nos.closerange(3, 9)  # fletbridge: ignore[FB110] closes our own\n"
                           "print(sys.executable)  # fletbridge: ignore[FB110]\n")
        self.write("b.py", "# fletbridge: ignore-file[FB110]\nimport os\nos.closerange(3, 9)\n")
        self.assertEqual(self.ids(), ["a.py:3 FB103"])
        self.assertEqual(App(self.folder, FLET).findings()[1], 2)

    def testUnknownIdsInCommentsAreReported(self):
        self.write("a.py", "x = 1  # fletbridge: ignore[FB101, FB77]\n")
        self.assertEqual(self.ids(), ["a.py:1 FB002"])

    def testTheVersionOfFletDecidesOnStages(self):
        self.write("main.py", "import flet as ft\n")
        def verdicts(version):
            return [list(f.stages.values()) for f in App(self.folder, {"flet": version}).findings()[0]]
        self.assertEqual(verdicts("1.0.5"), [])
        self.assertEqual(verdicts(""), [])
        self.assertEqual(verdicts("0.82.2"), [])
        self.assertEqual(verdicts("0.28.3"), [])
        self.assertEqual(verdicts("0.1.65"), [["breaks", "breaks", "breaks"]])

    def testNothingOfTheAppIsImported(self):
        self.write("main.py", "open('/this/must/not/be/opened')\nimport os\nos.closerange(3, 9)\n")
        self.assertEqual(self.ids(), ["main.py:3 FB110"])


class Reports(Folder):
    def setUp(self):
        super().setUp()
        self.write("my app/main.py", "import os\nimport flet as ft\n\n\ndef main(page: ft.Page):\n"
                                     "    os.closerange(3, 9)\n    print(page.url)\n\n\nft.run(main)\n")

    def testTextNamesPlaceVerdictsReasonAndRemedy(self):
        code, out, err = self.check()
        self.assertEqual((code, err), (1, ""))
        for part in ("my app/main.py", "6:5  FB110", "1 fine  2 breaks  3 breaks", "why:", "do:", "1 file read"):
            self.assertIn(part, out)
        self.assertRegex(out, r"breaks +0 +1 +1")

    def testTheExitCodeFollowsStageAndLimit(self):
        self.assertEqual(self.check(stage="1")[0], 0)
        self.assertEqual(self.check(stage="1", fail_on="differs")[0], 0)
        self.assertEqual(self.check(stage="3", ignore="FB110")[0], 0)
        self.assertEqual(self.check(stage="3", ignore="FB110", fail_on="differs")[0], 1)
        self.assertEqual(self.check(stage="2", ignore="FB110", fail_on="differs")[0], 0)

    def testRulesAreChosenByIdOrItsBeginning(self):
        def chosen(**more):
            return [f["rule"] for f in json.loads(self.check(json=True, **more)[1])["findings"]]
        self.assertEqual(chosen(), ["FB110", "FB301"])
        self.assertEqual(chosen(select="FB3"), ["FB301"])
        self.assertEqual(chosen(ignore="FB301,FB2"), ["FB110"])
        code, out, err = self.check(select="FB9")
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(err, "fletbridge: --select FB9: there is no such rule; MIGRATION.md lists them\n")

    def testWrongPlacesAreUsageErrorsOfOneLine(self):
        for request in ({"target": str(self.folder / "none.py")}, {"sarif": str(self.folder / "no" / "x.sarif")}):
            code, out, err = self.check(**request)
            self.assertEqual(code, 2)
            self.assertEqual(err.count("\n"), 1, err)
        (self.folder / "empty").mkdir()
        self.assertEqual(self.check(target=str(self.folder / "empty"))[0], 2)

    def testJsonHasTheDocumentedKeys(self):
        document = json.loads(self.check(json=True, version="9")[1])
        self.assertEqual(list(document), ["format", "version", "target", "python", "flet", "files", "findings",
                                          "silenced", "summary"])
        self.assertEqual(list(document["findings"][0]), ["rule", "name", "file", "line", "column", "end_line",
                                                         "end_column", "message", "stages", "why", "do"])
        self.assertEqual(document["summary"]["3"], {"fine": 0, "differs": 1, "breaks": 1})

    def testSarifHasWhatTheSchemaRequires(self):
        path = self.folder / "check.sarif"
        self.assertEqual(self.check(sarif=str(path))[0], 1)
        document = json.loads(path.read_text())
        self.assertEqual(document["version"], "2.1.0")
        self.assertIn("sarif-2.1.0", document["$schema"])
        [run] = document["runs"]
        rules = run["tool"]["driver"]["rules"]
        self.assertTrue(run["tool"]["driver"]["name"])
        self.assertEqual([rule["id"] for rule in rules], [rule.id for rule in TABLE])
        for rule in rules:
            self.assertTrue(rule["help"]["text"] and rule["shortDescription"]["text"])
            verdicts = " | ".join(RULES[rule["id"]].stages.values())
            self.assertIn(f"| {verdicts} |", rule["help"]["markdown"])
            self.assertIn(f"MIGRATION.md#{rule['id'].lower()}", rule["help"]["markdown"])
        self.assertEqual([result["level"] for result in run["results"]], ["error", "warning"])
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            self.assertTrue(result["message"]["text"])
            place = result["locations"][0]["physicalLocation"]
            self.assertEqual(place["artifactLocation"]["uri"], "my%20app/main.py")
            region = place["region"]
            self.assertGreaterEqual((region["endLine"], region["endColumn"]),
                                    (region["startLine"], region["startColumn"]))

    def testSarifJudgesForTheStageAskedFor(self):
        app = App(self.folder, FLET)
        findings = app.findings()[0]
        levels = [r["level"] for r in report_sarif.document(app, findings, FLET, ["1"])["runs"][0]["results"]]
        self.assertEqual(levels, ["note", "note"])
        self.assertEqual(report_json.document(app, findings, 0, FLET)["files"], ["my app/main.py"])


class Documentation(Folder):
    TEXT = (ROOT / "MIGRATION.md").read_text()

    def testEachRuleHasASectionWhoseExampleTriggersExactlyIt(self):
        sections = dict(re.findall(r"^#### (FB\d+)\n(.*?)(?=^##|\Z)", self.TEXT, re.M | re.S))
        self.assertEqual(list(sections), [rule.id for rule in TABLE])
        for rule, section in sections.items():
            with self.subTest(rule):
                example = re.search(r"```python\n(.*?)```", section, re.S)[1]
                version = re.search(r"with Flet ([\d.]+)", example)
                path = self.write(f"{rule}.py", example)
                facts = {"flet": version[1] if version else "1.0.5"}
                findings = App(path, facts).findings()[0]
                self.assertEqual([f.rule.id for f in findings], [rule])
                self.assertEqual(findings[0].stages, RULES[rule].stages, "the usual case is the example's")

    def testTheTableOfDifferencesIsTheRules(self):
        rows = re.findall(r"^\| \[(FB\d+)\]\(#(fb\d+)\) \| (.*?) \| (\w+) \| (\w+) \| (\w+) \|$", self.TEXT, re.M)
        self.assertEqual(rows, [(r.id, r.id.lower(), r.title, *(r.stages[s] for s in STAGES)) for r in TABLE])


class Robustness(Folder):
    def read(self, folder):
        """Reads a folder as an app; returns the seconds of processor time that it took."""
        began = time.process_time()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = command.main({"target": str(folder), "flet": "1.0.5", "json": True})
        self.assertIn(code, (0, 1))
        self.assertTrue(json.loads(out.getvalue())["files"])
        return time.process_time() - began

    def testFletItselfIsRead(self):
        import flet
        self.read(Path(flet.__file__).parent)

    def testTheStandardLibraryIsRead(self):
        self.read(sysconfig.get_path("stdlib"))

    def testFletsOwnExamplesAreReadWhereTheyAreGiven(self):
        place = os.environ.get("FLETBRIDGE_FLET_EXAMPLES")
        if not place:
            self.skipTest("FLETBRIDGE_FLET_EXAMPLES names no folder with Flet's examples")
        self.read(place)
        for script in sorted(Path(place).rglob("*.py")):
            App(script, FLET).findings()


if __name__ == "__main__":
    unittest.main()
