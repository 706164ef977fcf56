"""What stands before people's eyes: help texts, messages that name the real cause, paths that are where they were
typed, an exit code that says what happened, and apps as `python FOLDER` runs them."""

import json
import os
import re
import signal
import subprocess
import unittest
import zipfile

from harness import BIN, HOSTED, PYTHON, ROOT, VARIANTS, E2E, Variant, every_variant
from windowed import Windowed

PARTS = BIN.parent / "lib/fletbridge"
SHOWN = 'wait text="shown" 20s\n'
APP = "import flet as ft\nft.run(lambda page: page.add(ft.Text('shown')))\n"
ALSO_HOSTED = [*VARIANTS, *(variant for variant in HOSTED if variant.hosting != "interpreter")]


class Help(E2E):
    """--help of everything there is, found by the help texts themselves."""

    def ask(self, *argv):
        run = self.box.launch(argv)
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertEqual(run.err, b"", run.shown())
        self.assertIn("Usage: ", run.out.decode(), run.shown())
        return run.out.decode()

    def commands_in(self, text):
        """The words of the list below "Commands:"."""
        block = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
        return re.findall(r"^  ([a-z-]+)", block[1], re.M) if block else []

    def testEveryCommandAndSubcommandShowsItsHelp(self):
        seen = []
        todo = [[]]
        while todo:
            words = todo.pop(0)
            text = self.ask(BIN / "fletbridge", *words, "--help")
            self.assertEqual(text, self.ask(BIN / "fletbridge", *words, "-h"))
            self.assertIn(" ".join(["Usage: fletbridge", *words]), text)
            seen.append(" ".join(words))
            todo += [[*words, command] for command in self.commands_in(text)]
        self.assertEqual(len(seen), len(set(seen)))
        for known in ("run", "rollout validate", "rollout simulate", "rollout eval", "client add"):
            self.assertIn(known, seen)

    def testTheOtherProgramsShowTheirs(self):
        self.ask(BIN / "flet", "--help")
        run = self.box.launch([PARTS / "fletbridge-packaged-host", "--help"])
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertIn("--library", run.text[0])


class Messages(E2E):
    def refused(self, *args, code=2, **more):
        run = self.box.launch([BIN / "fletbridge", *args], **more)
        self.assertEqual(run.wait(20), code, run.shown())
        return self.one_line(run)

    def testAMissingWordIsNamedAsTheUsageHasIt(self):
        for command, word in ((["diff"], "A"), (["diff", "a.rec"], "B"), (["inspect"], "FILE"),
                              (["rollout", "validate"], "FILE"), (["rollout", "simulate"], "FILE"),
                              (["rollout", "eval", "--flag", "x"], "FILE"), (["client", "add"], "PATH")):
            with self.subTest(" ".join(command)):
                line = self.refused(*command)
                self.assertIn(f"fletbridge: {word} is required; write fletbridge {command[0]}", line)

    def testOnlyWhatIsThereIsOffered(self):
        app = self.box.write("app.py", APP)
        line = self.refused("run", "--stage", "4", app)
        self.assertTrue(line.endswith("use one of legacy, 1, 2, 3, auto"), line)
        line = self.refused("run", "--ui", "foo", app)
        self.assertRegex(line, "use one of desktop, webview, web, headless, attach, .*auto$")
        # An option that this version only knows to refuse it is no advice.
        self.assertNotIn("--android", self.refused("run", "--andriod", app))

    def testARolloutCountsOneStartAsOne(self):
        self.box.write("app.py", APP)
        flags = {"flags": {"fletbridge.stage": {"state": "ENABLED", "variants": {"v": "1"}, "defaultVariant": "v"}}}
        self.box.write("flags.json", json.dumps(flags))
        for count in ("1 start,", "2 starts,"):
            run = self.box.headless(None, "app.py", steps=SHOWN, options=["--rollout", "flags.json"])
            self.assertEqual(run.wait(30), 0, run.shown())
            status = self.box.launch([BIN / "fletbridge", "rollout", "status"])
            self.assertEqual(status.wait(10), 0, status.shown())
            self.assertIn(f"stage 1: {count} 0 failures, 0 fallbacks", status.text[0])


@every_variant
class Descriptors:
    """Few descriptors are enough; too few are named, and nothing else."""

    def run_with(self, limit):
        argv = [BIN / "fletbridge", "run", *self.variant.flags, "--ui", "headless", "--steps", "/dev/null",
                "--python", PYTHON, self.app]
        run = self.box.launch(["/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *argv])
        run.code = run.wait(30)
        return run

    def testTooFewDescriptorsAreNamedAsSuch(self):
        self.app = self.box.write("app.py", APP)
        self.box.headless(self.variant, self.app, steps=SHOWN).wait(30)  # the interpreter has been asked
        for limit in (24, 60, 100, 101):
            with self.subTest(limit):
                run = self.run_with(limit)
                self.assertEqual((run.code, run.err), (0, b""), run.shown())
        for limit in (8, 10):
            with self.subTest(limit):
                run = self.run_with(limit)
                self.assertEqual(run.code, 70, run.shown())
                self.assertIn("Too many open files; this process may open no more", run.text[1])
                self.assertNotRegex(run.text[1], "(?i)memory")
        # Without a descriptor left no folder can be emptied: the next run does it.
        self.assertEqual(self.run_with(1024).code, 0)


@every_variant
class Raised:
    """A run by steps in which the app raised, and no step expects it, ends with 1 and says so."""

    def ends(self, code, source, steps):
        run = self.box.headless(self.variant, self.box.write("app.py", "import flet as ft\n" + source), steps=steps)
        self.assertEqual(run.wait(30), code, run.shown())
        return run

    def testMainThatRaisesBehindItsLastStep(self):
        source = ("def main(page):\n    page.add(ft.Text('shown'))\n    raise ValueError('main broke')\n"
                  "ft.run(main)\nprint('AFTER', flush=True)\n")
        for steps in (SHOWN, SHOWN + "close\n", "# no steps\n"):
            with self.subTest(steps):
                run = self.ends(1, source, steps)
                self.assertIn("main broke", run.text[1])
                self.assertIn("AFTER", run.text[0])
        self.ends(0, source, SHOWN + 'expect crash "main broke"\n')

    def testMainThatRaisesBeforeAnythingIsShown(self):
        run = self.ends(1, "def main(page):\n    raise ValueError('main broke')\nft.run(main)\n", "# no steps\n")
        self.assertRegex(run.text[1], "the app crashed, which no step expects: main broke")

    def testAHandlerThatRaisesAfterItsAnswer(self):
        source = ("def main(page):\n    text = ft.Text('shown')\n    async def go(e):\n"
                  "        text.value = 'gone'\n        page.update()\n        raise KeyError('handler broke')\n"
                  "    page.add(text, ft.Button('go', on_click=go))\nft.run(main)\n")
        run = self.ends(1, source, SHOWN + 'click text="go"\n')
        self.assertIn("handler broke", run.text[1])
        self.ends(0, source, SHOWN + 'click text="go"\nexpect crash "handler broke"\n')


CONFIRMS = """
import flet as ft

def main(page):
    async def asked(e):
        if e.type == ft.WindowEventType.CLOSE:
            page.show_dialog(dialog)

    async def yes(e):
        await page.window.destroy()

    dialog = ft.AlertDialog(modal=True, title=ft.Text("Really?"),
                            actions=[ft.TextButton("Yes", on_click=yes),
                                     ft.TextButton("No", on_click=lambda e: page.pop_dialog())])
    page.window.prevent_close = True
    page.window.on_event = asked
    page.add(ft.Text("shown"))

ft.run(main)
print("AFTER", flush=True)
"""


@every_variant
class Confirms:
    """An app that asks before its window closes (prevent_close) is answered by the next steps."""

    def ends(self, code, steps):
        run = self.box.headless(self.variant, self.box.write("app.py", CONFIRMS), steps=SHOWN + steps)
        self.assertEqual(run.wait(30), code, run.shown())
        return run

    def testYesClosesTheWindow(self):
        self.assertIn("AFTER", self.ends(0, 'close\nwait text="Really?" 5s\nclick text="Yes" 3s\n').text[0])

    def testNoLeavesItOpenAndItCanBeAskedAgain(self):
        self.ends(0, 'close\nwait text="Really?" 5s\nclick text="No"\nexpect no text="Really?"\nexpect text="shown"\n'
                     'close\nwait text="Really?" 5s\nclick text="Yes" 3s\n')

    def testStepsBehindAWindowThatHasGoneAreAFailure(self):
        run = self.ends(1, 'close\nclick text="Yes" 3s\nexpect text="shown"\n')
        self.assertIn("the app closed its window before step 4", run.text[1])


@every_variant
class Paths:
    """Paths that are typed begin in the folder in which fletbridge was started."""

    def testAnAppThatGoesElsewhereTakesNoFileAlong(self):
        elsewhere = self.box.home / "elsewhere"
        elsewhere.mkdir()
        self.box.write("app.py", f"import os\nos.chdir({str(elsewhere)!r})\n" + APP)
        self.box.write("steps.txt", SHOWN + "tree tree.json\n")
        run = self.box.run(self.variant, "app.py", ui="headless", report=False,
                           options=["--steps", "steps.txt", "--report", "report.json", "--record", "session.rec"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(os.listdir(elsewhere), [])
        for name in ("tree.json", "report.json", "session.rec"):
            self.assertTrue((self.box.app / name).is_file(), name)
        self.assertEqual(json.loads((self.box.app / "tree.json").read_text())["_c"], "Page")


MAIN = """
import sys
import flet as ft
import words

ft.run(lambda page: page.add(ft.Text(words.SHOWN + " " + " ".join(sys.argv[1:]))))
"""


def write_folder(box, name="shop"):
    box.write(f"{name}/__main__.py", MAIN)
    box.write(f"{name}/words.py", "SHOWN = 'shown'\n")
    return box.app / name


def write_archive(box):
    folder = write_folder(box, "packed")
    path = box.app / "shop.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


class FolderApps:
    def testAFolderWithAMainRunsAsPythonRunsIt(self):
        write_folder(self.box)
        for app in ("shop", "shop/"):
            run = self.box.headless(self.variant, app, "a", "b", steps='wait text="shown a b" 20s\n')
            self.assertEqual(run.wait(30), 0, run.shown())
        run = self.box.headless(self.variant, ".", steps='wait text="shown " 20s\n', cwd=self.box.app / "shop")
        self.assertEqual(run.wait(30), 0, run.shown())

    def testAnArchiveRunsAsPythonRunsIt(self):
        run = self.box.headless(self.variant, write_archive(self.box), "a", steps='wait text="shown a" 20s\n')
        self.assertEqual(run.wait(30), 0, run.shown())


every_variant(FolderApps, ALSO_HOSTED)


class FolderCommands(E2E):
    """What else takes an app takes such a folder too."""

    def run_command(self, *args, code=0, timeout=60):
        run = self.box.launch([BIN / "fletbridge", *args])
        self.assertEqual(run.wait(timeout), code, run.shown())
        return run

    def testSettingsAreThoseInTheFolderAndAboveIt(self):
        folder = write_folder(self.box)
        (folder / "fletbridge.json").write_text('{"stage": "1"}')
        (self.box.app / "pyproject.toml").write_text('[tool.fletbridge]\ntransport = "tcp"\n')
        run = self.run_command("run", "--explain", "shop")
        self.assertRegex(run.text[0], r"stage +1 +.*/shop/fletbridge\.json")
        self.assertRegex(run.text[0], r"transport +tcp +.*/app/pyproject\.toml:2")
        (folder / "pyproject.toml").write_text('[tool.fletbridge]\nquiet = true\n')
        run = self.run_command("run", "--explain", "shop/")
        self.assertRegex(run.text[0], r"quiet +true +.*/shop/pyproject\.toml:2")
        self.assertRegex(run.text[0], r"transport +- +default")

    def testTheInterpreterInTheFolderIsTaken(self):
        folder = write_folder(self.box)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
        run = self.run_command("run", "--stage", "1", "shop", code=70)
        self.one_line(run, "no flet in .*/shop/.venv")

    def testRecordReplayAndDiffTakeIt(self):
        write_folder(self.box)
        steps = self.box.write("steps.txt", SHOWN.replace("shown", "shown "))
        self.run_command("record", "--to", "one.rec", "--stage", "1", "--ui", "headless", "--steps", steps,
                         "--python", PYTHON, "shop")
        self.run_command("replay", "--stage", "3", "--to", "three.rec", "one.rec")
        self.run_command("diff", "one.rec", "three.rec")

    def testCheckReadsItAndRunsIt(self):
        folder = write_folder(self.box)
        (folder / "closes.py").write_text("import os\nos.closerange(3, 9)\n")
        steps = self.box.write("steps.txt", SHOWN.replace("shown", "shown "))
        run = self.run_command("check", "--python", PYTHON, "shop", code=1)
        self.assertIn("closes.py\n  2:1  FB110", run.text[0])
        run = self.run_command("check", "--python", PYTHON, "--ignore", "FB110", "--run", "--steps", steps, "shop/")
        self.assertRegex(run.text[0], r"exit code +0 +0")
        archive = write_archive(self.box)
        run = self.run_command("check", "--python", PYTHON, "--run", "--steps", steps, archive)
        self.assertIn("2 files read", run.text[0])
        self.assertRegex(run.text[0], r"exit code +0 +0")

    def testCompareTakesIt(self):
        write_folder(self.box)
        run = self.run_command("compare", "--python", PYTHON, "--stages", "flet:uds,1:uds,bridge:ffi", "--workload",
                               "start-up", "--rounds", "1", "shop", timeout=110)
        self.assertNotIn("failed", run.text[0] + run.text[1])


class PackagedHost(E2E):
    """fletbridge-packaged-host where its parent is process 1, as in a container."""

    def testItStartsAsAChildOfProcessOne(self):
        # A shell that is process 1 of a namespace of its own, and waits for its child.
        own = ["unshare", "--pid", "--fork", "--mount-proc"] if os.geteuid() == 0 else \
            ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
        script = '"$0" --help; code=$?; echo "parent $$"; exit $code'
        argv = ["/bin/sh", "-c", script, PARTS / "fletbridge-packaged-host"]
        inside = subprocess.run([*own, "true"], capture_output=True).returncode == 0
        self.assertTrue(inside or os.geteuid() != 0, "root can make a namespace")
        run = self.box.launch([*(own if inside else []), *argv])
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertIn("--library", run.text[0])
        if inside:
            self.assertIn("parent 1\n", run.text[0])


BEFORE_070 = """
import flet as ft

def main(page):
    page.add(ft.Text("shown"))
    print("SHOWN", flush=True)

ft.app(main)
print("AFTER", flush=True)
"""


class SignalsBefore070(Windowed):
    """Flet before 0.70 takes SIGINT and SIGTERM by handlers of its own: the exit code is that of any other."""

    python = ROOT / "build/venv/0.28.3/bin/python"

    def testASignalEndsARunWith128AndItsNumber(self):
        app = self.box.write("app.py", BEFORE_070)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                run = self.start(app, options=["--flet-client", ROOT / "build/clients/0.28.3/flet"])
                run.wait_line("^SHOWN", 60)
                run.signal(number)
                self.assertEqual(run.wait(20), 128 + number, run.shown())
                self.assertIn("AFTER", run.text[0])


every_variant(SignalsBefore070, [Variant("1", "uds"), Variant("2", "uds")])


if __name__ == "__main__":
    unittest.main()
