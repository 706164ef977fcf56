"""`fletbridge compare`: real runs of real apps, as short as they can be, and what it does when something
goes wrong in the middle."""

import csv
import json
import re
import time
import unittest
from pathlib import Path

from browser import Browser, find_browser
from harness import BIN, EXAMPLES, PATIENCE, PYTHON, PYTHON_OF_2, E2E

COUNTER = EXAMPLES / "counter/main.py"
# Ends by itself on stage 3 after some clicks, and nowhere else.
CRASHES = """
import os, sys
import flet as ft

def main(page):
    number = ft.Text("0")

    def plus(e):
        number.value = str(int(number.value) + 1)
        if number.value == "22" and os.environ.get("FLET_DART_BRIDGE_PORT"):
            print("the stove is on fire", file=sys.stderr, flush=True)
            os._exit(5)

    page.add(number, ft.Button("+", on_click=plus))

ft.run(main)
"""


# One button counts; the other's handler goes on for a while.
GOES_ON = """
import asyncio
import flet as ft

def main(page):
    number, phase = ft.Text("0"), ft.Text("")

    async def plus(e):
        await asyncio.sleep(0.02)
        number.value = str(int(number.value) + 1)

    async def work(e):
        for i in range(10):
            phase.value = f"{i}"
            page.update()
            await asyncio.sleep(0.007)
        phase.value = ""

    page.add(number, ft.Button("+", key="plus", on_click=plus), phase, ft.Button("work", key="work", on_click=work))

ft.run(main)
"""


# A button that answers at once, and one that takes its time.
UNEQUAL = """
import time
import flet as ft

def main(page):
    number = ft.Text("0")

    def plus(e):
        number.value = str(int(number.value) + 1)

    def think(e):
        time.sleep(0.03)
        plus(e)

    page.add(number, ft.Button("Next", tooltip="one more", on_click=plus), ft.IconButton(ft.Icons.REFRESH, on_click=think))

ft.run(main)
"""


# What may be clicked and what may not; a thousand buttons that change nothing; a tab that is not shown.
SHOP = """
import flet as ft

def main(page):
    number = ft.Text("0")

    def plus(e):
        number.value = str(int(number.value) + 1)

    def harm(e):
        with open("harm.txt", "a") as file:
            file.write("clicked")

    page.add(
        number,
        ft.Button("Weiter", on_click=plus),
        ft.Button("Order for 100 EUR", on_click=harm),
        ft.Button("Alle L\u00d6SCHEN", on_click=harm),
        ft.Button("\u5220\u9664", on_click=harm),
        ft.IconButton(ft.Icons.DELETE, on_click=harm),
        ft.IconButton(ft.Icons.REMOVE, on_click=plus),
        ft.Button("Off", disabled=True, on_click=harm),
        ft.Tabs(length=2, content=ft.Column([
            ft.TabBar(tabs=[ft.Tab(label="A"), ft.Tab(label="B")]),
            ft.TabBarView(height=100, controls=[ft.Button("in A", on_click=plus), ft.Button("in B", on_click=harm)]),
        ])),
        ft.Column([ft.Row([ft.Text(f"row {i}"), ft.Button(f"Look {i}", on_click=lambda e: None)])
                   for i in range(1000)]),
    )

ft.run(main)
"""


# Raises at the thirtieth click, where something holds.
RAISES = """
import os
import flet as ft

def main(page):
    number = ft.Text("0")

    def plus(e):
        number.value = str(int(number.value) + 1)
        if number.value == "30" and %s:
            raise OSError("no yeast")

    page.add(number, ft.Button("+", on_click=plus))

ft.run(main)
"""


# Keeps a file beside itself, and one at home.
KEEPS = """
import pathlib
import flet as ft

def main(page):
    files = [pathlib.Path(__file__).with_name("visits.txt"), pathlib.Path.home() / "visits.txt", pathlib.Path("here.txt")]
    visits = sum(int(file.read_text()) for file in files if file.exists())
    for file in files:
        file.write_text(str(visits + 1))
    page.add(ft.Text(f"{visits} visits"))

ft.run(main)
"""


class Comparing:
    def compare(self, *arguments, **more):
        argv = [BIN / "fletbridge", "compare", "--python", PYTHON, *arguments]
        return self.box.launch(argv, **more)

    def finished(self, *arguments, code=0, timeout=100, **more):
        run = self.compare(*arguments, **more)
        self.assertEqual(run.wait(timeout), code, run.shown())
        return run

    def results(self, path):
        results = json.loads(Path(path).read_text())
        self.assertEqual((results["schema"], results["schema_version"]), ("fletbridge-compare", 1))
        return results

    def series(self, results, workload, variant):
        found = next(w for w in results["workloads"] if w["name"] == workload)
        return next(s for s in found["results"] if s["variant"] == variant)


class CompareApps(Comparing, E2E):
    def testMeasuresAnAppOfAnybodysOnTwoStages(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds,3", "--rounds", "1", "--json", out, "--markdown", f"{out}.md",
                            COUNTER)
        results = self.results(out)
        self.assertTrue(results["complete"])
        self.assertEqual(results["stopped_by"], "rounds")
        self.assertEqual([w["name"] for w in results["workloads"]],
                         ["clicks", "start-up", "memory", "memory-after", "memory-peak", "idle-cpu", "wake-ups", "cpu-per-input"])
        for variant in ("1:uds", "3"):
            clicks = self.series(results, "clicks", variant)
            self.assertGreaterEqual(clicks["count"], 6)
            self.assertEqual(len(clicks["blocks"]), 12)
            self.assertEqual(sum(count for _, count in clicks["histogram"]), clicks["count"])
            # A click takes tens of microseconds at least; Python with Flet starts in no hundredth of a second
            # and does not fit into a few MiB.
            self.assertGreater(clicks["p50"], 50_000)
            self.assertGreater(self.series(results, "start-up", variant)["p50"], 50_000_000)
            self.assertGreater(self.series(results, "memory", variant)["p50"], 10 << 20)
            self.assertGreater(self.series(results, "memory-peak", variant)["p50"],
                               self.series(results, "memory-after", variant)["p50"] * 0.98)
            cpu = self.series(results, "cpu-per-input", variant)
            self.assertEqual(cpu["count"], 12)  # one for each block
            self.assertGreater(cpu["p50"], 50_000)
        self.assertTrue(any(v["hosting"] for v in results["variants"]), results["variants"])
        self.assertTrue(results["machine"]["processors"])
        self.assertIn("2 controls in turn", run.text[0])
        self.assertIn("too few rounds to say", run.text[0])
        self.assertEqual(run.err, b"", run.shown())  # no progress where there is no terminal
        self.assertIn("| 1:uds |", Path(f"{out}.md").read_text())

    def testTellsThePhasesOfAStart(self):
        out = self.box.name("out")
        stages = ("1:uds", "2:tcp", "3", "flet:uds", "flet:tcp")
        for _ in range(4):
            self.finished("--stages", ",".join(stages), "--workload", "start-up", "--rounds", "1", "--json", out, COUNTER)
            start_up = self.results(out)["workloads"][0]
            # Of Flet itself they are not known where the machine was too busy to see files opened in time.
            if all(result["p50"] is not None for part in start_up["parts"] for result in part["results"]):
                break
        self.assertEqual([part["name"] for part in start_up["parts"]],
                         ["interpreter", "imports", "listening", "registration", "first frame"])
        for index, stage in enumerate(stages):
            with self.subTest(stage):
                phases = [part["results"][index]["p50"] for part in start_up["parts"]]
                whole = self.series(self.results(out), "start-up", stage)["p50"]
                self.assertLess(abs(sum(phases) / whole - 1), 0.01, phases)
                # Python needs some milliseconds to start, and more for Flet.
                self.assertGreater(phases[0], 3e6)
                self.assertGreater(phases[1], phases[0] / 2)

    def testTheImportsOfAnAppEndWhereItCallsFletAndItListensLater(self):
        out = self.box.name("out")
        app = self.box.write("app.py", "import time\nimport flet as ft\ntime.sleep(0.5)\n"
                                       "ft.run(lambda page: page.add(ft.Text('x')))\n")
        stages = ("1:uds", "1:tcp", "2:uds", "2:tcp", "3", "flet:uds")
        self.finished("--stages", ",".join(stages), "--workload", "start-up", "--rounds", "1", "--json", out, app)
        parts = {part["name"]: part["results"] for part in self.results(out)["workloads"][0]["parts"]}
        for index, stage in enumerate(stages):
            with self.subTest(stage):
                self.assertGreater(parts["imports"][index]["p50"], 500e6)
                self.assertLess(parts["listening"][index]["p50"], 500e6)

    def testCountsTheProcessorTimeOfAnInputInAllProcesses(self):
        out = self.box.name("out")
        app = self.box.write("app.py", UNEQUAL.replace("time.sleep(0.03)", "end = time.thread_time() + 0.01\n"
                                                       "        while time.thread_time() < end: pass"))
        self.finished("--stages", "1:uds,3", "--workload", "clicks,cpu-per-input", "--click", "icon=REFRESH", "--rounds", "1",
                      "--json", out, app)
        for variant in ("1:uds", "3"):
            self.assertGreater(self.series(self.results(out), "cpu-per-input", variant)["p50"], 10e6)
            self.assertLess(self.series(self.results(out), "cpu-per-input", variant)["p50"], 20e6)

    def testKnowsTheMemoryThatWasGivenBack(self):
        out = self.box.name("out")
        app = self.box.write("app.py", UNEQUAL.replace("time.sleep(0.03)", "len(bytes(b'x' * (60 << 20)))"))
        self.finished("--stages", "1:uds,3", "--workload", "clicks,memory", "--click", "icon=REFRESH", "--rounds", "1",
                      "--json", out, app)
        for variant in ("1:uds", "3"):
            after, peak = (self.series(self.results(out), name, variant)["p50"] for name in ("memory-after", "memory-peak"))
            self.assertGreater(peak, after + (50 << 20))

    def testFindsADelay(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds,1:uds+5000us", "--workload", "clicks", "--rounds", "6", "--json", out,
                            COUNTER)
        delayed = self.series(self.results(out), "clicks", "1:uds+5000us")
        self.assertEqual(delayed["verdict"], "slower", run.shown())
        # Its size to some per cent needs a quiet machine: here it may only not be missed.
        self.assertGreater(delayed["difference"]["estimate"], 4e6)

    def testDoesTheStepsOfAFile(self):
        out = self.box.name("out")
        self.finished("--stages", "flet:uds,1:tcp", "--workload", "steps", "--rounds", "1", "--json", out,
                      "--steps", EXAMPLES / "counter/steps.txt", COUNTER)
        for variant in ("flet:uds", "1:tcp"):
            self.assertEqual(self.series(self.results(out), "steps", variant)["count"], 7)


class CompareParts(Comparing, E2E):
    def testEachControlHasFiguresOfItsOwnUnderANameThatAPersonKnows(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds,3", "--workload", "clicks", "--rounds", "1", "--json", out, "--markdown", f"{out}.md",
                            "--csv", f"{out}.csv", self.box.write("app.py", UNEQUAL))
        clicks = self.results(out)["workloads"][0]
        quick, slow = clicks["parts"]
        self.assertEqual([part["name"] for part in clicks["parts"]],
                         ['Button "Next" (type=Button index=0)', "IconButton REFRESH (type=IconButton index=0)"])
        for index, variant in enumerate(("1:uds", "3")):
            self.assertLess(quick["results"][index]["p50"], 20e6)
            self.assertGreater(slow["results"][index]["p50"], 30e6)
            whole = self.series(self.results(out), "clicks", variant)
            self.assertEqual(sum(part["results"][index]["count"] for part in clicks["parts"]), whole["count"])
            self.assertIsNone(whole["p50"])  # of the mixture it says nothing
        self.assertFalse(clicks["pooled"])
        for text in (run.text[0], Path(f"{out}.md").read_text()):
            self.assertRegex(text, r"(?m)^\|? ?IconButton REFRESH \(type=IconButton index=0\) .* ms")
        rows = list(csv.reader(Path(f"{out}.csv").read_text().splitlines()))
        self.assertEqual(len(rows), 1 + 2 + 4)
        self.assertEqual(rows[-1][2:4], ["IconButton REFRESH (type=IconButton index=0)", "3"])

    def testEachStepHasFiguresOfItsOwn(self):
        out = self.box.name("out")
        steps = self.box.name("steps")
        steps.write_text('# a comment\nexpect text="0"\nrepeat 3 click text="+"\nclick type=Button index=0\nexpect text="2"\n')
        self.finished("--stages", "1:uds,flet:uds", "--workload", "steps", "--rounds", "2", "--json", out, "--steps", steps, COUNTER)
        plus, minus = self.results(out)["workloads"][0]["parts"]
        self.assertEqual((plus["name"], plus["written"]), ('click Button "+" (line 3)', 'click text="+"'))
        self.assertEqual(minus["name"], 'click Button "-" (line 4)')
        for variant in (0, 1):
            self.assertEqual((plus["results"][variant]["count"], minus["results"][variant]["count"]), (6, 2))


class CompareAnswers(Comparing, E2E):
    def testAPatchThatAHandlerSendsLaterAnswersNoOtherInput(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds", "--workload", "clicks", "--rounds", "1", "--json", out,
                            self.box.write("app.py", GOES_ON))
        clicks = self.series(self.results(out), "clicks", "1:uds")
        self.assertGreaterEqual(clicks["count"], 6)
        workload = self.results(out)["workloads"][0]
        # The handler of "+" takes 20 ms; a patch of the one before comes every 7. Of the median, for
        # a host that is starved for longer than the page must be quiet may take one late patch.
        self.assertGreater(workload["parts"][0]["results"][0]["p50"], 20e6)
        self.assertGreater(workload["patches_between"], 20)
        self.assertIn("click type=Button index=1", workload["restless"])
        self.assertRegex(run.text[0], "clicks: the page also changed .*click type=Button index=1.*quiet for 50 ms")

    def testTheReportOfARunHasTheSameRule(self):
        run = self.box.headless(None, self.box.write("app.py", GOES_ON), options=["--stage", "3"],
                                steps="click key=work\nrepeat 20 click key=plus\nexpect text=20\n")
        self.assertEqual(run.wait(60), 0, run.shown())
        latency = run.report()["latency_us"]
        self.assertGreater(latency["unclear"], 0)
        self.assertLess(latency["count"], 21)


class CompareClicks(Comparing, E2E):
    def testADryRunTellsWhatWouldBeClickedAndWhyNotTheRest(self):
        app = self.box.write("app.py", SHOP)
        text = self.finished("--stages", "1:uds", "--dry-run", app).text[0]
        for line in ('clicks: +Button "Weiter"', "clicks: +IconButton REMOVE", 'clicks: +Button "in A"',
                     'clicks: +Button "Look 1"', 'never clicks: Button "Order for 100 EUR" .*: it says "Order',
                     "never clicks: Button .Alle L\u00d6SCHEN", "never clicks: Button .\u5220\u9664",
                     "never clicks: IconButton DELETE .*: its icon is DELETE",
                     'never clicks: Button "Look 2" .* and 997 more: those like it do'):
            self.assertRegex(text, rf"(?m)^{line}")
        for hidden in ("Off", "in B"):
            self.assertNotIn(hidden, text)
        text = self.finished("--stages", "1:uds", "--dry-run", "--not", "icon=remove", "--not", 'text="Weiter"', app).text[0]
        for line in ("never clicks: IconButton REMOVE .*: --not", 'never clicks: Button "Weiter" .*: --not'):
            self.assertRegex(text, rf"(?m)^{line}")
        text = self.finished("--stages", "1:uds", "--dry-run", "--click", "icon=DELETE", app).text[0]
        self.assertRegex(text, r"\Aclicks: +IconButton DELETE \(type=IconButton index=0\)\n\Z")
        self.one_line(self.finished("--click", "text=nothing", app, code=2), "--click text=nothing: nothing there")
        self.one_line(self.finished("--click", "nothing", app, code=2), "'nothing' is no finder")
        self.one_line(self.finished("--workload", "click", "--dry-run", code=2), "--dry-run are of the workload clicks")
        self.assertFalse((self.box.app / "harm.txt").exists())

    def testSearchesForSecondsWhateverThePageHasAndClicksNothingThatMayHurt(self):
        out = self.box.name("out")
        app = self.box.write("app.py", SHOP)
        began = time.monotonic()
        run = self.finished("--stages", "1:uds", "--workload", "clicks", "--rounds", "1", "--json", out, "--markdown",
                            f"{out}.md", app)
        self.assertLess(time.monotonic() - began, 60 * PATIENCE)
        self.assertFalse((self.box.app / "harm.txt").exists())
        clicks = {c["control"]: c["left_out"] for c in self.results(out)["clicks"]}
        self.assertIsNone(clicks['Button "Weiter" (type=Button index=0)'])
        self.assertIn("changes nothing", clicks['Button "Look 0" (type=Button index=7)'])
        for text in (run.text[0], Path(f"{out}.md").read_text()):
            self.assertIn("never clicks: Button \"Order for 100 EUR\"", text)
        self.assertGreater(self.series(self.results(out), "clicks", "1:uds")["count"], 3)


class CompareFreshCopies(Comparing, E2E):
    def testAnAppThatKeepsAFileStartsFromAFreshCopyEachTime(self):
        out = self.box.name("out")
        app = self.box.write("app.py", KEEPS)
        steps = self.box.name("steps")
        steps.write_text('expect text="0 visits"\n')
        run = self.finished("--stages", "flet:uds,1:uds,3", "--workload", "steps,memory", "--rounds", "2", "--json", out,
                            "--steps", steps, app)
        self.assertTrue(self.results(out)["complete"], run.shown())
        self.assertIn("each start had a fresh copy of", run.text[0])
        self.assertIn("since the app writes there", run.text[0])
        self.assertEqual([file.name for file in self.box.app.iterdir() if file.suffix == ".txt"], [])
        # In place the second start finds what the first one left.
        self.finished("--stages", "1:uds,3", "--workload", "steps", "--rounds", "1", "--no-fresh-copy", "--steps", steps, app,
                      code=70)
        # A command may put it back as well.
        self.finished("--stages", "1:uds,3", "--workload", "steps", "--rounds", "2", "--no-fresh-copy", "--steps", steps,
                      "--prepare", "rm -f visits.txt here.txt ~/visits.txt", app)
        self.one_line(self.finished("--stages", "1:uds", "--workload", "memory", "--prepare", "exit 3", app, code=70),
                      "1:uds, --prepare: .*exit code 3")

    def testAnAppThatWritesNothingRunsWhereItIs(self):
        run = self.finished("--stages", "1:uds", "--workload", "memory", "--rounds", "1", COUNTER)
        self.assertNotIn("fresh copy", run.text[0])


class CompareBuiltIn(Comparing, E2E):
    def testMeasuresTheBuiltInApp(self):
        out = self.box.name("out")
        self.finished("--stages", "1:uds,3", "--rounds", "1", "--json", out,
                      "--workload", "type,busy,busy-thread,draw,burst,channel,thousand")
        results = self.results(out)
        for workload, fewest in (("type", 12), ("busy", 3), ("busy-thread", 1), ("draw", 60), ("burst", 3), ("channel", 3), ("thousand", 4)):
            for variant in ("1:uds", "3"):
                self.assertGreaterEqual(self.series(results, workload, variant)["count"], fewest, (workload, variant))


ROWS = """
expect count=1000 type=Checkbox
repeat 3 click key=plus 60s
expect text="3"
type key=field "abc" 60s
expect text="3 letters"
click key=append 60s
expect text="To-do 1001"
click type=IconButton index=500 60s
expect no text="To-do 501"
click key=reverse 60s
click type=IconButton index=0 60s
expect no text="To-do 1001"
click key=clear 60s
click key=new 60s
expect text="To-do 2001"
"""
TABLE = """
click key=create-1000 60s
expect count=1000 type=Container
click key=create-1000 60s
expect text="2000"
expect no text="1000"
click key=update 60s
click type=TextButton index=4 60s
click type=TextButton index=5 60s
click key=swap 60s
click type=IconButton index=998 60s
expect no text="1002"
expect text="1999"
click key=append-1000 60s
expect count=1999 type=Container
click key=clear 60s
expect count=0 type=Container
"""
COMPONENT = """
expect count=100 type=Checkbox
repeat 3 click key=next 60s
expect text="To-do 99"
"""


class ComparePages(E2E):
    """The built-in apps do what their workloads say."""

    python = PYTHON

    def testDoWhatTheirWorkloadsSay(self):
        pages = BIN.parent / "lib/fletbridge/compare"
        for page, steps in (("rows.py 1000", ROWS), ("js_framework.py", TABLE), ("component.py 100", COMPONENT),
                            ("texts.py 100", "expect count=100 type=Text\n")):
            script, *arguments = page.split()
            with self.subTest(page):
                run = self.box.run(None, pages / script, *arguments, ui="headless", steps=steps, python=self.python,
                                   options=["--stage", "1"])
                self.assertEqual(run.wait(100), 0, run.shown())


class ComparePagesOfGeneration2(ComparePages):
    python = PYTHON_OF_2


class CompareGroups(Comparing, E2E):
    def testMeasuresAsManyWorkloadsOfAGroupAsFitIntoTheTime(self):
        for group, first in (("rows", "rows-100"), ("js-framework", "js-update-10th")):
            with self.subTest(group):
                out = self.box.name("out")
                self.finished("--stages", "3,3+accelerators", "--rounds", "1", "--time", "20", "--json", out, "--workload",
                              group)
                results = self.results(out)
                self.assertEqual({w["group"] for w in results["workloads"]}, {group})
                names = [w["name"] for w in results["workloads"]]
                self.assertEqual(names[0], first)
                for variant in ("3", "3+accelerators"):
                    self.assertGreater(self.series(results, first, variant)["count"], 0, variant)
                    for name in names:  # what the time ended in the middle of a round has no figure
                        p50 = self.series(results, name, variant)["p50"]
                        self.assertGreater(p50 or 1e9, 50_000, (name, variant))


class CompareTime(Comparing, E2E):
    def testKeepsToItsTimeAndSaysWhatItLeftOut(self):
        out = self.box.name("out")
        began = time.monotonic()
        run = self.finished("--stages", "1:uds,3", "--time", "20", "--json", out, "--workload", "rows,js-framework")
        self.assertLess(time.monotonic() - began, 25 * PATIENCE, run.shown())
        results = self.results(out)
        measured = [w["name"] for w in results["workloads"]]
        left_out = [out["workload"] for out in results["left_out"]]
        self.assertEqual(len(measured) + len(left_out), 20)
        self.assertIn("rows-100", measured)
        self.assertIn("js-create-10000", left_out)
        self.assertRegex(run.text[0], "not measured: .*js-create-10000: .*6 rounds.*--time 20 s.*name fewer")
        # Said before it begins.
        self.assertRegex(run.text[0], r"\Asix rounds, without which there is no verdict, take .* and --time is 20 s")


    def testAnExampleWhoseButtonStartsWorkHasRoundsInTheDefaultTime(self):
        out = self.box.name("out")
        # Of its buttons one starts half a second of work, which the other has to wait for.
        began = time.monotonic()
        self.finished("--stages", "1:uds,3", "--time", "40", "--json", out, EXAMPLES / "background/main.py")
        self.assertLess(time.monotonic() - began, 50 * PATIENCE)
        self.assertGreaterEqual(self.results(out)["rounds"], 1)
        self.assertGreater(self.series(self.results(out), "clicks", "3")["count"], 0)


class CompareFailures(Comparing, E2E):
    def testAVariantThatCrashesInTheMiddleIsToldAndTheOthersGoOn(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds,3,flet:uds", "--workload", "clicks", "--rounds", "1", "--json", out,
                            self.box.write("app.py", CRASHES), code=70)
        results = self.results(out)
        self.assertFalse(results["complete"])
        problem = next(v["problem"] for v in results["variants"] if v["name"] == "3")
        self.assertRegex(problem, "exit code 5.*the stove is on fire")
        self.assertGreater(self.series(results, "clicks", "flet:uds")["count"], 0)
        self.assertIn("PARTIAL", run.text[0])

    def testAStageThatCannotStartIsToldAndTheOthersAreMeasured(self):
        out = self.box.name("out")
        run = self.finished("--stages", "1:uds,original:ffi", "--workload", "clicks", "--rounds", "1", "--json", out,
                            COUNTER, code=70, env={"FLETBRIDGE_ORIGINAL": "/nowhere/libdart_bridge.so"})
        results = self.results(out)
        self.assertGreater(self.series(results, "clicks", "1:uds")["count"], 0)
        self.assertIn("/nowhere/libdart_bridge.so", run.text[0])

    def testAnAppThatDrawsNothingIsOneLine(self):
        for source, why in (("raise SystemExit('no flour')", "no flour"),
                            ("import flet as ft\ndef main(page): raise OSError('no yeast')\nft.run(main)", "no yeast")):
            with self.subTest(why):
                # An exception is the app's failure.
                run = self.finished("--stages", "1:uds,3", self.box.write("app.py", source),
                                    code=1 if "OSError" in source else 70)
                self.one_line(run, f"1:uds: .*{why}")

    def testAnAppThatRaisesBehindItsFirstFrameIsAFailure(self):
        source = "import flet as ft\ndef main(page):\n    page.add(ft.Text('x'))\n    raise OSError('no yeast')\nft.run(main)"
        for stages in ("1:uds,3", "flet:uds,1:uds"):
            with self.subTest(stages):
                run = self.finished("--stages", stages, "--workload", "memory", self.box.write("app.py", source), code=1)
                self.one_line(run, "no yeast")
                self.assertEqual(run.text[0].count("Traceback"), 1, run.shown())
                self.assertRegex(run.text[0], r'app.py", line 4, in main\n.*\nOSError: no yeast\n')

    def testABaselineThatFailsNowAndThenIsStartedAgainOnce(self):
        out = self.box.name("out")
        source = RAISES % ("os.environ.get('FLET_DART_BRIDGE_PORT') and not os.path.exists('once') "
                           "and not open('once', 'w').close()")
        run = self.finished("--stages", "3,1:uds", "--workload", "clicks", "--rounds", "2", "--json", out,
                            self.box.write("app.py", source))
        results = self.results(out)
        self.assertEqual((results["rounds"], results["complete"]), (2, True), run.shown())
        self.assertIn("the baseline failed and was started again: 3: ", run.text[0])

    def testABaselineThatFailsForGoodEndsTheRunAndSaysWhy(self):
        out = self.box.name("out")
        began = time.monotonic()
        run = self.finished("--stages", "1:uds,3", "--workload", "clicks", "--time", "80", "--json", out,
                            self.box.write("app.py", RAISES % "not os.environ.get('FLET_DART_BRIDGE_PORT')"), code=1)
        self.assertLess(time.monotonic() - began, 40 * PATIENCE)
        self.assertEqual(self.results(out)["stopped_by"], "failure")
        self.assertRegex(run.text[0], "left out: 1:uds: .*no yeast")

    def testCtrlCKeepsWhatWasMeasured(self):
        out = self.box.name("out")
        run = self.compare("--stages", "1:uds,3", "--workload", "clicks", "--json", out, COUNTER, tty=True)
        run.wait_line("round 2: clicks", 60)
        run.type(b"\x03")
        self.assertEqual(run.wait(20), 130, run.shown())
        results = self.results(out)
        self.assertEqual((results["stopped_by"], results["complete"]), ("interrupt", False))
        self.assertGreater(self.series(results, "clicks", "3")["count"], 0)
        self.assertIn("PARTIAL", run.text[0])

    def testAFullDiskCostsNoResults(self):
        run = self.finished("--stages", "1:uds,3", "--workload", "clicks", "--rounds", "1", "--json", "/dev/full",
                            COUNTER, code=70)
        self.assertIn("clicks: ", run.text[0])
        kept = Path(re.search(r"No space left.*it was kept in (\S+)", self.one_line(run))[1])
        self.assertEqual(self.results(kept)["rounds"], 1)
        kept.unlink()


class CompareInterrupted(Comparing, E2E):
    def testCtrlCAtAnyMomentEndsAtOnceAndWhatThereIsIsMarked(self):
        for wait in (0.05, 0.3, 1, 2, 4):
            with self.subTest(wait):
                out = self.box.name("out")
                run = self.compare("--stages", "1:uds,3", "--json", out, "--html", f"{out}.html", "--markdown", f"{out}.md",
                                   "--csv", f"{out}.csv", "--save", "cut-off", COUNTER, tty=True)
                time.sleep(wait)
                began = time.monotonic()
                run.type(b"\x03")
                self.assertEqual(run.wait(20), 130, run.shown())
                self.assertLess(time.monotonic() - began, 8 * PATIENCE)
                if not out.exists():
                    self.assertLess(wait, 1)  # before anything was started
                    continue
                self.assertFalse(self.results(out)["complete"])
                for text in (run.text[0], Path(f"{out}.md").read_text()):
                    self.assertIn("THESE RESULTS ARE PARTIAL: the run was ended by an interrupt", text)
                self.assertNotIn(",yes\r\n", Path(f"{out}.csv").read_text())
                self.assertIn("not saved as cut-off: they are partial", run.text[0])

    def testCtrlCInTheMiddleOfATurnLeavesItsReport(self):
        out = self.box.name("out")
        app = self.box.write("app.py", UNEQUAL.replace("0.03", "0.7"))
        run = self.compare("--stages", "1:uds,3", "--workload", "clicks", "--click", "icon=REFRESH", "--json", out, app, tty=True)
        # The first of the turn; the other one has not had its block yet.
        run.wait_line(r"round 1: clicks, (1:uds|3)(?!, warm-up)", 60)
        run.type(b"\x03")
        self.assertEqual(run.wait(20), 130, run.shown())
        self.assertEqual(self.results(out)["stopped_by"], "interrupt")

    def testShowsProgressFromTheFirstSecond(self):
        run = self.compare("--stages", "1:uds,3", COUNTER, tty=True)
        run.wait_line("first start of 1:uds", 1.5)
        run.type(b"\x03")
        self.assertEqual(run.wait(20), 130, run.shown())


class CompareChecks(Comparing, E2E):
    def testComparesWithOlderResults(self):
        out = self.box.name("out")
        self.finished("--stages", "1:uds", "--workload", "clicks", "--rounds", "1", "--json", out, COUNTER)
        run = self.finished("--stages", "1:uds", "--workload", "clicks", "--rounds", "1", "--against", out, COUNTER)
        self.assertIn(f"Since {out}", run.text[0])
        self.assertIn("made by: fletbridge compare --python", run.text[0])
        run = self.finished("--against", COUNTER, COUNTER, code=2)
        self.one_line(run, "cannot compare with .*it holds no results")

    def testComparesWithResultsThatWereSavedUnderAName(self):
        one = ["--stages", "1:uds", "--workload", "clicks", "--rounds", "1"]
        self.one_line(self.finished(*one, "--against", "before", COUNTER, code=2), "no baseline of that name.*--save before")
        self.assertIn("saved as before; compare with it: --against before",
                      self.finished(*one, "--save", "before", COUNTER).text[0])
        self.assertIn("Since before:", self.finished(*one, "--against", "before", COUNTER).text[0])
        self.one_line(self.finished(*one, "--save", "../before", COUNTER, code=2), "'../before' is no name for a baseline")
        # Of another app there is none.
        other = self.box.write("other.py", COUNTER.read_text())
        self.one_line(self.finished(*one, "--against", "before", other, code=2), "no baseline of that name")

    def testRefusesWhatCannotBe(self):
        for arguments, why in ((["--stages", "4", COUNTER], "no variant '4'"),
                               (["--workload", "dance", COUNTER], "no workload 'dance'.*start-up"),
                               (["--ui", "attach", COUNTER], "--ui headless or --ui desktop"),
                               (["/nowhere/app.py"], "no such file"),
                               (["--json", "/nowhere/out.json", COUNTER], "no folder /nowhere")):
            with self.subTest(why):
                self.one_line(self.finished(*arguments, code=2), why)


@unittest.skipUnless(find_browser(), "there is no Chromium; tools/setup.sh installs it")
class ComparePage(E2E):
    def testARealBrowserShowsItWithoutErrorsOrRequests(self):
        page = self.box.name("page").with_suffix(".html")
        run = self.box.launch([BIN / "fletbridge", "compare", "--python", PYTHON, "--stages", "1:uds,3", "--workload",
                               "clicks,start-up", "--rounds", "7", "--html", page, COUNTER])
        self.assertEqual(run.wait(100), 0, run.shown())
        browser = Browser(self.box.home / "browser", 60 * PATIENCE)
        self.addCleanup(browser.close)
        for dark, back in ((False, "rgb(255, 255, 255)"), (True, "rgb(22, 24, 26)")):
            browser.open(page, dark)
            self.assertEqual(browser.evaluate("document.body.dataset.plots"), "3")
            # Each plot has drawn something of each variant, with a size.
            self.assertEqual(browser.evaluate(
                "[...document.querySelectorAll('.plot')].filter(p => p.querySelector('.main-svg') && "
                "p.querySelectorAll('.scatterlayer .trace').length >= 2 && "
                "p.getBoundingClientRect().height > 200).length"), 3)
            # An interval for each ratio, of each control too; a box for each variant of each workload.
            self.assertEqual(browser.evaluate("document.querySelectorAll('.forest .track .dot').length"), 4)
            self.assertEqual(browser.evaluate("document.querySelectorAll('.boxes .track .box').length"), 4)
            self.assertIn("Stage 3, against stage 1 over uds: ", browser.evaluate("document.querySelector('.lead').innerText"))
            self.assertIn("fletbridge compare --python", browser.evaluate("document.querySelector('code').innerText"))
            self.assertEqual(browser.evaluate("getComputedStyle(document.body).backgroundColor"), back)
            self.assertIn("start-up", browser.evaluate("document.body.innerText"))
        # On a narrow screen nothing lies beyond its edge, and each figure has its name beside it.
        browser.call("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=True)
        browser.open(page)
        self.assertLessEqual(browser.evaluate("document.documentElement.scrollWidth"), 420)
        # Nor one thing over another: labels of an axis, a plot's legend and the name of its axis.
        self.assertEqual(browser.evaluate(
            "[...document.querySelectorAll('.axis')].flatMap(axis => [...axis.children].map(e => e.getBoundingClientRect())"
            ".filter(r => r.width).map((r, i, all) => i && r.left < all[i - 1].right)).filter(Boolean).length"), 0)
        self.assertEqual(browser.evaluate(
            "[...document.querySelectorAll('.plot')].filter(p => p.querySelector('.legend').getBoundingClientRect().top < "
            "p.querySelector('.xtitle').getBoundingClientRect().bottom).length"), 0)
        self.assertEqual(browser.evaluate("getComputedStyle(document.querySelector('td')).display"), "block")
        self.assertIn("p50", browser.evaluate("getComputedStyle(document.querySelectorAll('td')[2], '::before').content"))
        self.assertGreater(len(browser.pdf(self.box.home / "page.pdf")), 10_000)
        self.assertEqual(browser.errors, [])
        self.assertEqual([url for url in browser.requests if not url.startswith("data:")], [f"file://{page}"] * 3)


if __name__ == "__main__":
    unittest.main()
