"""`fletbridge record`, `replay`, `diff`, `inspect`: sessions in files, back, and against each other."""

import json
import os
import random
import signal
import time
import unittest

import g2
from harness import BIN, PATIENCE, PYTHON, PYTHON_OF_2, E2E, Variant

NOBODY = 65534
ONE, TWO, THREE = Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi")

BUTTONS = """
import flet as ft

def main(page):
    number = ft.Text("0", key="number")
    clicks = ft.Text("no click", key="clicks")
    rows = ft.Column(key="rows")

    def count():  # so that every click is answered
        clicks.value = str(int(clicks.value.split()[0].replace("no", "0")) + 1) + " clicks"

    def change(f):
        def handler(e):
            count()
            number.value = str(f(int(number.value)) % 1000)
        return handler

    def put(e):
        count()
        rows.controls.insert(0, ft.Text(number.value))
        del rows.controls[20:]

    def drop(e):
        count()
        if rows.controls:
            rows.controls.pop()

    def fail(e):
        raise ValueError("asked to fail at " + number.value)

    page.add(
        number,
        clicks,
        ft.Row([
            ft.Button("one more", on_click=change(lambda n: n + 1)),
            ft.Button("double", on_click=change(lambda n: n * 2)),
            ft.Button("put", on_click=put),
            ft.Button("drop", on_click=drop),
            ft.Button("back", on_click=change(lambda n: 0)),
        ]),
        rows,
        ft.Button("fail", on_click=fail),
    )
    print("MAIN", flush=True)

ft.run(main)
"""

LOGIN = """
import flet as ft

def main(page):
    said = ft.Text("", key="said")

    def log_in(e):
        said.value = "tried"

    def show(e):
        password.password = not password.password
        password.value = password.value + "!"

    changes = ft.Text("0", key="changes")

    def changed(e):
        changes.value = str(int(changes.value) + 1)

    password = ft.TextField(label="Password", password=True, key="pw", on_change=changed,
                            on_submit=log_in)
    card = ft.TextField(label="Card number", key="card", on_change=changed)
    name = ft.TextField(label="Name", key="name", on_change=changed)
    page.add(name, password, card, ft.Button("show", on_click=show), said, changes)

ft.run(main)
"""

ASKS = """
import flet as ft

def main(page):
    said = ft.Text("")

    async def ask(e):
        try:
            said.value = "answer " + str(await page._invoke_method("question", {"n": 1}))
        except Exception as error:
            said.value = "error " + str(error)
        page.update()

    def tell(e):
        said.value += "told"

    page.add(said, ft.Button("ask", on_click=ask), ft.Button("tell", on_click=tell))

ft.run(main)
"""


class Base(E2E):
    def setUp(self):
        super().setUp()
        self.file = self.box.home / "session.rec"

    def fletbridge(self, *args, code=0, timeout=60):
        run = self.box.launch([BIN / "fletbridge", *args])
        self.assertEqual(run.wait(timeout), code, run.shown())
        return run

    def record(self, variant, app, steps, *options, code=0, **more):
        run = self.box.headless(variant, app, steps=steps, options=["--record", self.file, *options],
                                **more)
        self.assertEqual(run.wait(60), code, run.shown())
        return run

    def replay(self, variant, *options, code=0, out=None):
        out = out or self.box.name("replay")
        run = self.fletbridge("replay", *variant.flags, "--to", out, *options, self.file, code=code)
        # It was run where it should be, and what it said can be read again.
        self.assertRegex(self.inspect(out)[0], rf"(?m)^stage +{variant.stage} ")
        return run, out

    def inspect(self, file=None):
        return self.fletbridge("inspect", file or self.file).text

    def frames(self, file=None):
        run = self.fletbridge("inspect", file or self.file, "--frames", "1..")
        return [json.loads(line) for line in run.text[0].splitlines()]

    def diff(self, a, b, *options, code=0):
        return json.loads(self.fletbridge("diff", a, b, "--json", *options, code=code).text[0])


class Replays(Base):
    def testAThousandRandomClicksReplayWithoutADifference(self):
        chance = random.Random(8)
        labels = ["one more", "double", "put", "drop", "back"]
        weights = [40, 20, 20, 15, 5]
        steps = "".join(f'click text="{label}"\n' for label in chance.choices(labels, weights, k=1000))
        self.record(ONE, self.box.write("app.py", BUTTONS), steps + "close\n")
        for variant in (TWO, THREE):
            run, out = self.replay(variant)
            self.assertRegex(run.text[1], r"the same: 10\d\d inputs")
            found = self.diff(self.file, out)
            self.assertEqual(found["differences"], [])
            self.assertGreaterEqual(found["inputs"], 1000)

    def testAnAppChangedInOneLabelIsFound(self):
        self.record(ONE, self.box.write("app.py", BUTTONS),
                    'click text="one more"\nclick text="double"\nexpect text="2"\nclose\n')
        changed = self.box.write("new/app.py", BUTTONS.replace('"double"', '"twice"'))
        run, out = self.replay(THREE, "--app", changed, code=1)
        self.one_line(run, r'1 difference in .*Button "double" \. content: "double" became "twice"')
        found = self.diff(self.file, out, code=1)
        self.assertEqual([(d["kind"], d["path"], d["a"], d["b"]) for d in found["differences"]],
                         [("value", 'Page > View[/] > Row > Button "double" . content', '"double"',
                           '"twice"')])
        self.assertEqual(self.diff(self.file, out, "--mask", '*Button*.content')["masked"], 1)

        page = self.box.home / "report.html"
        self.fletbridge("diff", self.file, out, "--html", page, code=1)
        html = page.read_text()
        self.assertIn("Button &quot;double&quot; . content", html)
        self.assertNotRegex(html, r"(src|href)=", "it needs no other file")

    def testAnAppThatDoesOtherwiseAfterAnInputIsFound(self):
        self.record(ONE, self.box.write("app.py", BUTTONS), 'click text="one more"\n'
                    'click text="double"\nclick text="put"\nexpect count=2 text="2"\nclose\n')
        changed = self.box.write("new/app.py", BUTTONS.replace("n * 2", "n * 3"))
        run, out = self.replay(TWO, "--app", changed, code=1)
        found = self.diff(self.file, out, code=1)["differences"]
        self.assertIn(("Page > View[/] > Text #number . value", '"2"', '"3"'),
                      [(d["path"], d["a"], d["b"]) for d in found])
        self.assertIn('click on Page > View[/] > Row > Button "double"', found[0]["input"])

    def testAButtonThatIsGoneIsSaid(self):
        self.record(ONE, self.box.write("app.py", BUTTONS),
                    'click text="one more"\nclick text="fail"\nexpect crash "asked to fail"\nclick text="one more"\nwait text="2"\nclose\n')
        gone = BUTTONS.replace('        ft.Button("fail", on_click=fail),\n', "")
        _, out = self.replay(ONE, "--app", self.box.write("new/app.py", gone), "--wait", "0.2", code=1)
        found = self.diff(self.file, out, code=1)["differences"]
        self.assertTrue(any(d["kind"] == "input" and "fail" in d["a"] for d in found), found)
        self.assertTrue(any(d["kind"] == "crash" and "asked to fail at 1" in d["a"] for d in found), found)

    def testTheRecordedGapIsKeptIfAsked(self):
        run = self.box.attach(ONE, self.box.write("app.py", BUTTONS), options=["--record", self.file])
        client = self.client(run)
        client.expect_text("0")
        client.click("one more")
        client.expect_text("1")
        client.wait_idle(0.4)
        client.click("one more")
        client.expect_text("2")
        self.stop(run)
        for speed, least, most in (("recorded", 0.4, 60), ("full", 0, 0.4)):
            _, out = self.replay(THREE, "--speed", speed)
            clicks = [f for f in self.frames(out) if f["to"] == "app" and f["message"][0] == 3
                      and f["message"][1]["name"] == "click"]
            gap = (clicks[1]["at_ns"] - clicks[0]["at_ns"]) / 1e9
            self.assertGreaterEqual(gap, least)
            self.assertLess(gap, most * PATIENCE)


class Raised(Base):
    """An app that raised is a failure that is said, unless the steps say `expect crash`."""

    def testAReplayInWhichTheAppRaisesAsRecordedIsAFailure(self):
        app = self.box.write("app.py", BUTTONS)
        run = self.record(ONE, app, 'click text="fail"\nclose\n', code=1)
        self.assertIn("asked to fail at 0", run.text[1])
        self.assertEqual(run.text[1].count("Traceback (most recent call last)"), 1, run.shown())
        for variant in (ONE, TWO, THREE):
            run, out = self.replay(variant, code=1)
            self.assertRegex(run.text[1], "the same, but as in the recording the app raised: asked to fail at 0")
            self.assertEqual(run.text[1].count("Traceback (most recent call last)"), 1, run.shown())
            self.assertEqual(self.diff(self.file, out)["differences"], [])
        self.replay(ONE, "--expect-crash", "another", code=1)
        self.replay(ONE, "--expect-crash", "asked to fail")

    def testWhatTheRecordedStepsExpectIsNone(self):
        self.record(ONE, self.box.write("app.py", BUTTONS),
                    'click text="fail"\nexpect crash "ValueError: asked to fail"\nclose\n')
        run, out = self.replay(THREE)
        self.file = out  # and so of a replay's own recording
        self.replay(TWO)

    def testARecordingByAClientWithoutStepsIsAFailure(self):
        leaves = BUTTONS.replace("raise ValueError(", "raise (SystemExit if number.value == '1' else ValueError)(")
        leaves = leaves.replace('"asked to fail at " + number.value', "0")
        for fails, code in ((True, 1), (False, 0)):
            run = self.box.attach(ONE, self.box.write("app.py", leaves), options=["--record", self.file])
            client = self.client(run)
            client.expect_text("0")
            if fails:
                client.click("fail")
                run.wait_line("in fail", 10)
            client.click("one more")
            client.expect_text("1")
            client.click("fail")
            self.assertEqual(run.wait(20), code, run.shown())
            self.assertEqual("the app raised: " in run.text[1], fails, run.shown())


class Calls(Base):
    def testTheAppsCallsAreAnsweredAsTheRecordedClientDid(self):
        run = self.box.attach(ONE, self.box.write("app.py", ASKS), options=["--record", self.file])
        client = self.client(run)
        client.expect_text("")
        client.answers["question"] = lambda args: (args["n"] + 41, None)
        client.click("ask")
        client.expect_text("answer 42")
        del client.answers["question"]
        client.click("ask")
        client.expect_text("error unknown method question")
        self.stop(run)
        _, out = self.replay(THREE)
        self.assertEqual(self.diff(self.file, out)["differences"], [])
        calls = [f for f in self.frames(out) if f["message"][0] == 5]
        self.assertEqual([f["to"] for f in calls], ["ui", "app", "ui", "app"])

    def testACallThatNobodyAnsweredInTheRecordingFails(self):
        self.record(ONE, self.box.write("app.py", ASKS),
                    'click text="tell"\nclick text="tell"\nexpect text="toldtold"\nclose\n')
        more = ASKS.replace('+= "told"', '+= "told"\n        page.run_task(ask, None)')
        _, out = self.replay(ONE, "--app", self.box.write("new/app.py", more), code=1)
        found = self.diff(self.file, out, code=1)["differences"]
        self.assertTrue(any(d["kind"] == "call" and "question()" in d["path"] for d in found), found)

    def testAClientAfterTheFirstIsReplayedAsOne(self):
        run = self.box.attach(ONE, self.box.write("app.py", BUTTONS), options=["--record", self.file])
        for _ in range(2):
            client = self.client(run)
            client.expect_text("0")
            client.click("one more")
            client.expect_text("1")
            client.close()
            run.wait_line("the client has gone", 10)
        self.stop(run)
        self.assertIn("another client", self.inspect()[0])
        run, out = self.replay(TWO)
        self.assertEqual(run.out.decode().count("MAIN"), 2)
        self.assertEqual(self.diff(self.file, out)["differences"], [])


class Generation2(Base):
    @unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
    def testFlet082IsRecordedWithItsOwnClientAndReplayed(self):
        run = self.box.attach(ONE, self.box.write("app.py", BUTTONS), python=PYTHON_OF_2,
                              options=["--record", self.file])
        client = g2.Client.registered(run.address, 30, run.alive)
        self.addCleanup(client.close)
        client.expect_text("0")
        for n in range(1, 4):
            client.click("one more")
            client.expect_text(str(n))
        self.stop(run)
        out, _ = self.inspect()
        self.assertRegex(out, r'(?m)^generation +2$')
        self.assertIn("Flet 0.82.2", out)
        for variant in (ONE, TWO):
            _, again = self.replay(variant)
            self.assertEqual(self.diff(self.file, again)["differences"], [])


class Files(Base):
    def testAKilledHostLeavesWhatWasWritten(self):
        run = self.box.attach(ONE, self.box.write("app.py", BUTTONS), options=["--record", self.file])
        client = self.client(run)
        client.expect_text("0")
        client.click("one more")
        client.expect_text("1")
        # It is written within moments, by a thread of its own.
        deadline = time.monotonic() + 10 * PATIENCE
        while '"1"' not in self.inspect()[0] and time.monotonic() < deadline:
            pass
        run.signal(signal.SIGKILL)
        run.wait(10)
        out, _ = self.inspect()
        self.assertIn("it has no end", out)
        self.assertIn("event click", out)
        replayed, _ = self.replay(ONE)
        self.assertIn("it has no end", replayed.text[1])

        # Cut anywhere, it is read up to there.
        whole = self.file.read_bytes()
        for size in (0, 5, 100, len(whole) // 2, len(whole) - 1):
            self.file.write_bytes(whole[:size])
            self.assertIn("cut", self.inspect()[0], size)

    def testAFullDiskStopsTheRecordingAndNotTheApp(self):
        self.file = "/dev/full"
        run = self.record(THREE, self.box.write("app.py", BUTTONS),
                          'click text="one more"\nexpect text="1"\nclose\n')
        self.one_line(run, "recording to /dev/full stopped: No space left on device")

    def testTheLimitKeepsTheBeginningAndTheEnd(self):
        steps = "".join('click text="put"\nclick text="one more"\n' for _ in range(400))
        self.record(THREE, self.box.write("app.py", BUTTONS), steps + "close\n", "--record-limit", "64KiB")
        files = [self.file, *sorted(self.file.parent.glob("session.rec.*"))]
        self.assertGreater(len(files), 3)
        self.assertLessEqual(sum(f.stat().st_size for f in files), 64 << 10)
        out, _ = self.inspect()
        self.assertRegex(out, r"files 1 to \d+ are missing")
        self.assertIn('exit code 0', out)
        run = self.fletbridge("inspect", self.file, "--tree")
        self.assertIn('"400"', run.text[0], "the tree at the end is known across what is missing")
        # What came before the gap is replayed; a file after it is not, but is read.
        self.replay(THREE)
        refused = self.fletbridge("replay", files[-1], "--python", PYTHON, code=2)
        self.one_line(refused, "the client's registration is not in it")

        # The next recording does not mix with what this one has left.
        self.record(THREE, self.box.app / "app.py", 'click text="put"\nclose\n')
        self.assertEqual(list(self.file.parent.glob("session.rec.*")), [])

    def testWhatIsNoRecordingIsNeitherReadNorOverwritten(self):
        self.file.write_text("my diary\n")
        app = self.box.write("app.py", BUTTONS)
        run = self.fletbridge("record", "--to", self.file, "--python", PYTHON, "--ui", "headless", app, code=2)
        self.one_line(run, "it is there and is no recording")
        self.assertEqual(self.file.read_text(), "my diary\n")
        for command in (["inspect"], ["replay"], ["diff", self.file]):
            self.one_line(self.fletbridge(*command, self.file, code=2), "it is no recording of fletbridge")


    def testWhatAnotherUserHasMadeFirstIsNeitherWrittenNorFollowed(self):
        shared = self.box.home / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        app = self.box.write("app.py", BUTTONS)
        elsewhere = self.box.home / "elsewhere"
        file, link = shared / "session.rec", shared / "link.rec"
        file.touch()
        link.symlink_to(elsewhere)
        if os.geteuid() == 0:  # else nobody's can be made
            for theirs in (file, link):
                os.chown(theirs, NOBODY, NOBODY, follow_symlinks=False)
            for option in ("--record", "--report"):
                for path in (file, link):
                    run = self.box.headless(THREE, app, steps="close\n", options=[option, path])
                    self.assertEqual(run.wait(60), 2, run.shown())
                    self.one_line(run, "another user")
        self.assertEqual(file.stat().st_size, 0)
        self.assertFalse(elsewhere.exists())

    def testAFifoThatNobodyReadsIsNotWaitedFor(self):
        self.file = self.box.home / "fifo"
        os.mkfifo(self.file)
        run = self.record(THREE, self.box.write("app.py", BUTTONS), "close\n", code=2)
        self.one_line(run, "nobody reads it")

    def testARecordingOfOursIsReplacedByAFileOfItsOwn(self):
        app = self.box.write("app.py", BUTTONS)
        self.record(THREE, app, "close\n")
        with self.file.open("rb") as spy:
            before = spy.read()
            self.record(THREE, app, 'click text="one more"\nclose\n')
            self.assertEqual(spy.read(), b"", "whoever has the old one open sees nothing of the new one")
        self.assertNotEqual(self.file.read_bytes(), before)


class Secrets(Base):
    STEPS = """
type key=name "Ann Example"
type key=pw "hunter2-"
type key=card "4111111111111111"
submit key=pw
wait text="tried"
click text="show"
type key=pw "hunter2-again"
click text="show"
close
"""

    def testPasswordsAndWhatIsNamedAreNotInTheFile(self):
        self.record(ONE, self.box.write("app.py", LOGIN), self.STEPS, "--redact", "Card number", "--redact", "nothing")
        content = self.file.read_bytes()
        self.assertNotIn(b"hunter2", content)
        self.assertNotIn(b"4111", content)
        self.assertIn(b"Ann Example", content)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertRegex(self.inspect()[0], r"\(masked\)")
        _, out = self.replay(THREE)
        self.assertEqual(self.diff(self.file, out)["differences"], [])


if __name__ == "__main__":
    unittest.main()
