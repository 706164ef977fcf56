"""Flet 0.1 (wire generation 0) on stage `legacy`: the app starts its own broker, the real `fletd`, and our host is the
client of that. Three processes, WebSockets between them and nothing else."""

import json
import os
import signal
import unittest

from harness import BIN, E2E, ROOT, Variant, command_of, open_fds, parent_of, proc_net
from test_legacy import ThreeProcesses

PYTHON_OF_0 = ROOT / "build/venv/0.1.65/bin/python"
LEGACY = Variant("legacy", "ws")

COUNTER = """
import flet as ft

def main(page):
    page.title = "Counter"
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)
        page.update()

    page.add(text, ft.ElevatedButton("plus", on_click=plus))
    print("MAIN", flush=True)

ft.app("a/name", "*", 0, main, view=ft.WEB_BROWSER)
print("AFTER", flush=True)
"""
PAGE = """
import threading
import time

import flet as ft
from flet import icons

def main(page):
    said = ft.Text("")
    rows = ft.Column()
    field = ft.TextField(label="What", on_submit=lambda e: add(e), on_change=lambda e: say("typed " + field.value))

    def say(word):
        said.value = word
        page.update()

    def add(e):
        box = ft.Checkbox(label=field.value, on_change=lambda e: say("%s %r" % (box.label, box.value)))
        rows.controls.append(ft.Row([box, ft.IconButton(icons.DELETE, on_click=lambda e: drop())]))
        field.value = ""
        page.update()

    def drop():
        rows.controls.pop(0)
        page.update()

    def background(e):
        def work():
            for n in range(5):
                time.sleep(0.01)
                say("thread %d" % n)
        threading.Thread(target=work, daemon=True).start()

    def ask(e):
        page.dialog = ft.AlertDialog(title=ft.Text("Sure?"), actions=[ft.TextButton("Yes", on_click=close)])
        page.dialog.open = True
        page.update()

    def close(e):
        page.dialog.open = False
        say("closed")

    def calls(e):
        page.client_storage.set("k", {"a": [1, "x"]})
        say("%r %r" % (page.client_storage.get("k"), page.client_storage.contains_key("none")))

    def fail(e):
        raise ValueError("the app's own mistake, on purpose")

    page.appbar = ft.AppBar(title=ft.Text("Bar"))
    page.on_route_change = lambda e: say("route " + e.route)
    page.add(said, field, ft.Switch(label="fast", on_change=lambda e: say("switch " + e.data)),
             *(ft.ElevatedButton(name, on_click=does) for name, does in (
                 ("Add", add), ("Background", background), ("Ask", ask), ("Calls", calls), ("Fail", fail),
                 ("Go", lambda e: page.go("/there")), ("Clean", lambda e: page.clean()))),
             rows)

ft.app(target=main)
"""
STEPS = """
expect text="Bar"
type text="What" "milk"
expect text="typed milk"
click text="Add"
type text="What" "bread"
submit text="What"
expect count=2 type=Checkbox
check type=Checkbox text="bread" true
expect text="bread True"
click type=IconButton index=0
expect count=1 type=Checkbox
check text="fast" true
expect text="switch true"
click text="Fail"
click text="Background"
wait text="thread 4" 10s
click text="Ask"
expect text="Sure?"
click text="Yes"
expect text="closed"
click text="Calls"
expect text="{'a': [1, 'x']} False"
click text="Go"
expect text="route /there"
click text="Clean"
expect no text="Go"
"""


class Generation0(E2E):
    def headless(self, source, steps, **more):
        return self.box.headless(LEGACY, self.box.write("app.py", source), steps=steps, python=PYTHON_OF_0, **more)

    def attach(self, **more):
        return self.box.attach(LEGACY, self.box.write("app.py", COUNTER), python=PYTHON_OF_0, **more)

    def roles(self, run):
        """role -> pid, from the processes that are there."""
        roles = {"host": run.pid}
        for pid, line in self.box.processes().items():
            if pid != run.pid:
                roles["broker" if "/fletd" in line else "app"] = pid
        return roles

    def sockets(self, pid):
        """(local, peer, state) of each of a process's TCP sockets; anything but those and pipes fails."""
        inodes = {link[8:-1] for link in open_fds(pid).values() if link.startswith("socket:[")}
        return [(fields[1], fields[2], fields[3]) for fields in map(str.split, proc_net("tcp") + proc_net("tcp6"))
                if fields[9] in inodes]


class ARun(Generation0):
    def testIsThreeProcessesWithWebSocketsBetweenThem(self):
        run = self.attach()
        client = self.client(run)
        client.expect_text("0")
        client.click("plus")
        client.expect_text("1")
        roles = self.roles(run)
        self.assertEqual(set(self.box.processes()), set(roles.values()), self.box.processes())
        self.assertEqual(parent_of(roles["broker"]), roles["app"], "Flet itself has started it")
        self.assertIn("bin/fletd", command_of(roles["broker"]))
        ends = {role: self.sockets(pid) for role, pid in roles.items()}
        for role, sockets in ends.items():
            for local, _, _ in sockets:
                self.assertTrue(local.startswith(("0100007F:", "0000000000000000FFFF00000100007F:")), (role, local))
        states = {role: sorted(state for _, _, state in sockets if state in ("01", "0A"))
                  for role, sockets in ends.items()}
        self.assertEqual(states, {"host": ["01"], "broker": ["01", "01", "0A"], "app": ["01"]})
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("AFTER", run.text[0])
        report = run.report()
        self.assertEqual({p["role"]: p["pid"] for p in report["processes"]}, roles)
        self.assertEqual((report["used"]["stage"], report["used"]["transport"]), ("legacy", "ws"))
        self.assertEqual((report["flet"], report["generation"], report["client_generation"]), ("0.1.65", 0, 3))

    def testEachClientGetsASessionOfItsOwn(self):
        run = self.attach()
        for _ in range(2):
            client = self.client(run)
            client.expect_text("0")
            client.click("plus")
            client.expect_text("1")
            client.close()
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertEqual(run.text[0].count("MAIN"), 2)

    def testClicksAreCountedAndTheTreeIsThatOfLaterFlets(self):
        file = self.box.name("tree")
        run = self.headless(COUNTER, f'click text="plus" 30s\nrepeat 50 click text="plus"\nexpect text="51"\ntree {file}\n')
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertIn("AFTER", run.text[0])
        report = run.report()
        self.assertEqual((report["generation"], report["latency_us"]["count"]), (0, 51))
        controls = json.loads(file.read_text())["views"][0]["controls"]
        self.assertEqual([(c["_c"], c.get("value"), c.get("content")) for c in controls],
                         [("Text", "51", None), ("Button", None, "plus")])

    def testFieldsRowsThreadsDialogsCallsAndRoutes(self):
        run = self.headless(PAGE, STEPS)
        self.assertEqual(run.wait(90), 0, run.shown())
        self.assertIn("on purpose", run.text[1])

    def testIsRecordedAndReplayed(self):
        file = self.box.home / "counter.rec"
        run = self.headless(COUNTER, 'click text="plus" 30s\nwait text="1" 10s\n', options=["--record", file])
        self.assertEqual(run.wait(60), 0, run.shown())
        run = self.box.launch([BIN / "fletbridge", "replay", "--stage", "legacy", "--python", PYTHON_OF_0, file])
        self.assertEqual(run.wait(60), 0, run.shown())


class TheEnd(ThreeProcesses, Generation0):
    def testKillOfTheAppEndsTheOthersWithOneLine(self):
        self.killed("app", "the app was killed by SIGKILL")

    def testKillOfFletdEndsTheOthersWithOneLine(self):
        self.killed("broker", "fletd", "has ended")

    def testKillOfTheHostEndsTheOthers(self):
        self.killed("host")

    def testControlCEndsAllThree(self):
        run = self.attach(options=["--quiet"])
        self.client(run).expect_text("0")
        for pid in self.box.processes():  # as a terminal does it: to the group
            if os.getpgid(pid) == os.getpgid(run.pid):
                os.kill(pid, signal.SIGINT)
        self.assertEqual(run.wait(10), 130, run.shown())
        self.assertIn("AFTER", run.text[0])
        self.box.assert_nothing_left()

    def testAnAppThatEndsBeforeItListensGivesItsExitCode(self):
        run = self.headless("import sys; sys.exit(7)\n", 'wait text="plus" 30s\n')
        self.assertEqual(run.wait(30), 7, run.shown())


class WhereItDoesNotRun(Generation0):
    def testTheOtherStagesSayWhyInOneLine(self):
        app = self.box.write("app.py", COUNTER)
        for stage in ("1", "2", "3", "auto"):
            run = self.box.run(None, app, ui="headless", options=["--stage", stage, "--fallback"], python=PYTHON_OF_0)
            self.assertEqual(run.wait(30), 70, run.shown())
            self.one_line(run, "Flet 0.1.65", "fletd", "--stage legacy")
        run = self.box.run(None, app, ui="web", options=["--stage", "legacy"], python=PYTHON_OF_0)
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "0.86 and later", "0.1.65")

    def testDoctorNamesItsGeneration(self):
        run = self.box.launch([BIN / "fletbridge", "doctor", "--json", "--python", PYTHON_OF_0])
        run.wait(60)
        (found,) = json.loads(run.text[0])["interpreters"]
        self.assertEqual((found["flet"], found["generation"]), ("0.1.65", 0))
        self.assertEqual({stage: about["ok"] for stage, about in found["stages"].items()},
                         {"1": False, "2": False, "3": False, "legacy": True})
        self.assertIn("fletd", found["stages"]["3"]["reason"])


class Compared(Generation0):
    def testItIsTheBaselineOfACounterWrittenForALaterFlet(self):
        old = self.box.write("old.py", COUNTER)
        new = self.box.write("app.py", COUNTER.replace("ElevatedButton", "Button").replace(
            'ft.app("a/name", "*", 0, main, view=ft.WEB_BROWSER)', "ft.run(main)"))
        steps = self.box.write("steps.txt", 'click text="plus" 10s\n')
        file = self.box.name("results")
        run = self.box.launch([BIN / "fletbridge", "compare", "--python", ROOT / "build/venv/1.0.5", "--stages",
                               "flet:0.1.65,legacy,1:uds", "--flet", f"0.1.65={PYTHON_OF_0},{old}", "--steps", steps,
                               "--workload", "steps", "--rounds", "2", "--json", file, new])
        self.assertEqual(run.wait(110), 0, run.shown())
        self.assertRegex(run.text[0], r"flet:0\.1\.65 .*\(baseline\)")
        self.assertEqual([v["name"] for v in json.loads(file.read_text())["variants"]],
                         ["flet:0.1.65", "legacy", "1:uds"])

    def testItsInterpreterHasToBeNamed(self):
        for options, part in (([], "--flet 0.1.65=PYTHON"),
                              (["--flet", f"0.1.65={ROOT / 'build/venv/1.0.5'}"], "not 0.1.65")):
            run = self.box.launch([BIN / "fletbridge", "compare", "--python", ROOT / "build/venv/1.0.5", "--stages",
                                   "flet:0.1.65,1", *options, self.box.write("app.py", COUNTER)])
            self.assertEqual(run.wait(30), 2, run.shown())
            self.one_line(run, part)


if __name__ == "__main__":
    unittest.main()
