"""Flet of wire generation 2 (0.82.2), and apps and clients of different generations."""

import signal
import unittest

import g2
import g3
from harness import EXAMPLES, PYTHON_OF_2, E2E, Variant, every_variant

STAGES = [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"), Variant("2", "tcp"), Variant("3", "ffi"),
          Variant("3", "ffi", "static"), Variant("3", "ffi", "library")]

COUNTER = """
import flet as ft

def main(page):
    text = ft.Text("0")
    said = ft.Text("")

    def plus(e):
        text.value = str(int(text.value) + 1)

    async def ask(e):
        try:
            said.value = "answer " + str(await page._invoke_method("question", {"n": 1}))
        except Exception as error:
            said.value = "error " + str(error)
        page.update()

    page.add(text, said, ft.Button("plus", on_click=plus), ft.Button("ask", on_click=ask))
    print("MAIN", flush=True)

ft.run(main)
"""

CLICKS = """
expect type=Text text="0"
click text="plus"
expect type=Text text="1"
click text="plus"
expect type=Text text="2"
close
"""

EXITS = """
import sys
import flet as ft

async def main(page):
    page.add(ft.Text("up"))
    page.update()
    sys.exit(7)

ft.run(main)
"""

CLEANS_UP = """
import flet as ft

def main(page):
    page.add(ft.Text("up"))
    print("MAIN", flush=True)

ft.run(main)
print("CLEANED", flush=True)
"""


@unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
class Old(E2E):
    """What each class here stands on: Flet 0.82.2."""


def every_stage(cls):
    cls.__test_base__ = Old
    return every_variant(cls, STAGES)


@every_stage
class Generation2:
    """An app of Flet 0.82.2, headless and alone."""

    def testClicksAreCounted(self):
        run = self.box.headless(self.variant, self.box.write("app.py", COUNTER), steps=CLICKS,
                                python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 0, run.shown())
        report = run.report()
        self.assertEqual(report["flet"], "0.82.2")
        self.assertEqual(report["generation"], 2)
        self.assertIsNone(report["client_generation"])
        self.assertEqual(report["used"]["stage"], self.variant.stage)
        self.assertEqual(report["used"]["transport"], self.variant.transport)
        self.assertEqual(report["latency_us"]["count"], 2)
        self.assertEqual(len(report["processes"]), 1 if self.variant.in_process else 2)

    def testTheExampleRuns(self):
        example = EXAMPLES / "counter"
        run = self.box.run(self.variant, example / "main.py", ui="headless",
                           steps=(example / "steps.txt").read_text(), python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 0, run.shown())

    def testTheExitCodeIsTheAppsOwn(self):
        run = self.box.run(self.variant, self.box.write("app.py", EXITS), ui="headless", python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 7, run.shown())
        self.assertEqual(run.report()["exit"]["code"], 7)

    def testControlCEndsItAfterItsCleanUp(self):
        run = self.box.run(self.variant, self.box.write("app.py", CLEANS_UP), ui="headless",
                           python=PYTHON_OF_2)
        run.wait_line("MAIN", 30)
        self.assertEqual(self.stop(run, signal.SIGINT), 130, run.shown())
        self.assertIn("CLEANED", run.out.decode())

    def testAClosedPageEndsItAfterItsCleanUp(self):
        run = self.box.headless(self.variant, self.box.write("app.py", CLEANS_UP),
                                steps='expect text="up"\nclose\n', python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn("CLEANED", run.out.decode())


class Play:
    """One session, whatever the two sides speak."""

    def play(self, run, kind):
        client = kind.registered(run.address, 30, run.alive)
        self.addCleanup(client.close)
        client.expect_text("0")
        for n in range(1, 6):
            client.click("plus")
            client.expect_text(str(n))
        # A method call: its answer, and a client's word that it does not know it.
        client.answers["question"] = lambda args: (args["n"] + 41, None)
        client.click("ask")
        client.expect_text("answer 42")
        del client.answers["question"]
        client.click("ask")
        client.expect_text("error unknown method question")
        client.click("ask")
        # Longer than any buffer on the way, in both directions.
        large = "x" * (2 << 20)
        client.props(client.controls("Text")[1]["_i"], value=large)
        client.click("plus")
        client.expect_text("6")
        self.assertEqual(client.crashes, [])
        return client

    def warnings(self, run, part):
        return [line for line in run.text[1].splitlines() if part in line]


@every_stage
class AppOf2(Play):
    """An app of Flet 0.82.2 with clients of both generations."""

    def start(self):
        return self.box.attach(self.variant, self.box.write("app.py", COUNTER), python=PYTHON_OF_2)

    def testAClientOfItsOwnGeneration(self):
        run = self.start()
        self.play(run, g2.Client)
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertNotIn("translating", run.text[1])
        self.assertEqual(self.warnings(run, "question"), [])
        report = run.report()
        self.assertEqual((report["generation"], report["client_generation"]), (2, 2))

    def testAClientOfGeneration3(self):
        run = self.start()
        client = self.play(run, g3.Client)
        for _ in range(3):
            client.event(client.button("plus")["_i"], "data_channel_open",
                         {"channel_name": "frames", "channel_id": 1})
            client.send_data(1, b"hi")
        client.click("plus")
        client.expect_text("7")
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("translating", run.text[1])
        self.assertEqual(len(self.warnings(run, "data channels")), 1, run.shown())
        self.assertEqual(len(self.warnings(run, 'call "question" failed')), 1, run.shown())
        report = run.report()
        self.assertEqual((report["generation"], report["client_generation"]), (2, 3))

    def testAMalformedMessageEndsItsSessionAndTheNextIsServed(self):
        run = self.start()
        first = self.play(run, g3.Client)
        first.send_raw(g3.frame(b"\x92\x03"))
        first.wait_closed(10)
        self.play(run, g2.Client)
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("malformed message", run.text[1])


@every_variant
class ClientOf2(Play):
    """An app of Flet 1.0.5 with a client of generation 2."""

    def testTheNewAppOnAnOldClient(self):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER))
        first = self.play(run, g2.Client)
        first.close()
        second = self.play(run, g3.Client)
        second.close()
        self.play(run, g2.Client)
        self.assertEqual(self.stop(run), 143, run.shown())
        report = run.report()
        self.assertEqual((report["generation"], report["client_generation"]), (3, 2))

    def testHostileBytesEndTheSessionAndTheNextIsServed(self):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER))
        for hostile, why in ((b"\x92\x03" + b"\x91" * 100_000, "nested deeper"),
                             (b"\x92\x03\xdb\xff\xff\xff\xff", "announces"),
                             (b"GET / HTTP/1.1\r\n\r\n", "not as a list of two")):
            client = g2.Client.registered(run.address, 30, run.alive)
            self.addCleanup(client.close)
            try:
                client.send_raw(hostile)
                client.wait_closed(10)
            except g3.Closed:
                pass
            run.wait_line(why, 10)
        self.play(run, g2.Client)
        self.assertEqual(self.stop(run), 143, run.shown())


class ChosenStage(Old):
    """Stage 3 needs no Flet of its own generation."""

    def testAutoTakesStage3(self):
        run = self.box.headless(None, self.box.write("app.py", COUNTER), steps=CLICKS, python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual((used["stage"], used["transport"], used["fallbacks"]), ("3", "ffi", []))


if __name__ == "__main__":
    unittest.main()
