"""Flet of wire generation 1 (0.28.3), which speaks JSON: as any later one on stages 1, 2 and 3."""

import json
import struct
import unittest

import g3
from harness import BIN, PATIENCE, PYTHON, PYTHON_OF_2, ROOT, E2E, Variant, every_variant

PYTHON_OF_1 = ROOT / "build/venv/0.28.3/bin/python"
STAGES = [Variant("1", "uds"), Variant("1", "tcp"), Variant("2", "uds"), Variant("2", "tcp"), Variant("3", "ffi")]

# For each generation alike; `old` is what it needs under other names.
START = """
import flet as ft
old = not hasattr(ft, "run")
Button = ft.ElevatedButton if old else ft.Button
run = ft.app if old else ft.run
"""

COUNTER = START + """
def main(page):
    page.title = "Counter"
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)
        page.update()

    page.add(text, Button("plus", on_click=plus))

run(main)
"""

ASYNC_COUNTER = START + """
async def main(page):
    page.title = "Counter"
    text = ft.Text("0")

    async def plus(e):
        text.value = str(int(text.value) + 1)
        page.update()

    page.add(text, Button("plus", on_click=plus))

run(main)
"""

CLICKS = """
expect type=Text text="0"
repeat 5 click type=Button text="plus"
expect type=Text text="5"
"""

TODO = START + """
def main(page):
    field = ft.TextField(label="What", on_submit=lambda e: add(e))
    items = ft.Column()

    def add(e):
        row = ft.Row()
        box = ft.Checkbox(label=field.value, on_change=lambda e: done(e, box))
        row.controls = [box, ft.IconButton(icon=ft.Icons.DELETE, on_click=lambda e: drop(row))]
        items.controls.append(row)
        field.value = ""
        page.update()

    def done(e, box):
        box.label = "done" if box.value else "open"
        page.update()

    def drop(row):
        items.controls.remove(row)
        page.update()

    page.add(field, Button("Add", on_click=add), items)

run(main)
"""

TODO_STEPS = """
type text="What" "milk"
click text="Add"
type text="What" "bread"
submit text="What"
expect count=2 type=Checkbox
expect type=Checkbox text="milk"
check type=Checkbox text="milk" true
expect type=Checkbox text="done"
click icon=DELETE index=0
expect count=1 type=Checkbox
expect type=Checkbox text="bread"
"""

FORM = """
import flet as ft

def main(page):
    said = ft.Text("")

    def say(word):
        def handler(e):
            said.value = f"{word} {e.control.value!r}"
            page.update()
        return handler

    page.appbar = ft.AppBar(title=ft.Text("Form"), actions=[ft.TextButton("Help", on_click=lambda e: help())])

    def help():
        said.value = "helped"
        page.update()

    page.add(
        said,
        ft.Switch(label="fast", on_change=say("switch")),
        ft.Slider(min=0, max=100, divisions=100, on_change=say("slider")),
        ft.Dropdown(options=[ft.dropdown.Option("red"), ft.dropdown.Option("blue")], on_change=say("dropdown")),
        ft.RadioGroup(content=ft.Column([ft.Radio(value="a", label="A"), ft.Radio(value="b", label="B")]),
                      on_change=say("radio")),
        ft.Container(content=ft.Text("tap me"), on_click=lambda e: help()))

ft.app(main)
"""

FORM_STEPS = """
check text="fast" true
expect text="switch True"
slide type=Slider 40
expect text="slider 40.0"
click type=DropdownOption index=1
expect text="dropdown 'blue'"
click text="B"
expect text="radio 'b'"
click text="Help"
expect text="helped"
click text="A"
expect text="radio 'a'"
click text="tap me"
expect text="helped"
"""

PAGE = """
import threading
import time
import flet as ft

def main(page):
    said = ft.Text("")

    def say(word):
        said.value = word
        page.update()

    def fail(e):
        raise ValueError("asked to fail")

    def background(e):
        def work():
            for n in range(5):
                time.sleep(0.01)
                say(f"thread {n}")
        threading.Thread(target=work).start()

    dialog = ft.AlertDialog(title=ft.Text("Sure?"), on_dismiss=lambda e: say("dismissed"),
                            actions=[ft.TextButton("Yes", on_click=lambda e: page.close(dialog))])

    def calls(e):
        page.set_clipboard("copied")
        page.client_storage.set("k", {"a": [1, "x"]})
        say(f"{page.client_storage.get('k')} {page.client_storage.contains_key('k')} "
            f"{page.client_storage.get_keys('')} {page.client_storage.get('none')} {page.can_launch_url('http://x')} "
            f"{page.get_clipboard()}")

    def files(e):
        picker.pick_files(allow_multiple=True)

    picker = ft.FilePicker(on_result=lambda e: say("picked " + str(e.files and [f.name for f in e.files])))
    page.overlay.append(picker)
    page.on_route_change = lambda e: say("route " + e.route)
    page.on_resized = lambda e: say(f"size {e.width:.0f}x{e.height:.0f}")
    page.add(said, *(ft.ElevatedButton(name, on_click=does) for name, does in (
        ("fail", fail), ("background", background), ("open", lambda e: page.open(dialog)),
        ("calls", calls), ("go", lambda e: page.go("/there")), ("files", files),
        ("close window", lambda e: page.window.close()))))

ft.app(main)
print("AFTER", flush=True)
"""

PAGE_STEPS = """
click text="background"
expect text="thread 4"
click text="open"
expect type=AlertDialog
expect text="Sure?"
click text="Yes"
expect text="dismissed"
expect no type=AlertDialog
click text="open"
dismiss text="Sure?"
expect text="dismissed"
click text="calls"
expect text="{'a': [1, 'x']} True ['k'] None True copied"
expect clipboard "copied"
click text="go"
expect text="route /there"
route "/back"
expect text="route /back"
resize 500 400
expect text="size 500x400"
"""

ROWS = """
import flet as ft

def main(page):
    column = ft.Column()
    for n in range(1000):
        text = ft.Text(str(n))
        def plus(e, text=text):
            text.value += "!"
            page.update()
        column.controls.append(ft.Row([ft.Checkbox(label=f"row {n}"), text, ft.IconButton(icon=ft.Icons.ADD, on_click=plus)]))
    page.add(column)

ft.app(main)
"""

SLOW = """
import time
import flet as ft
time.sleep(1.5)

def main(page):
    time.sleep(0.5)
    page.add(ft.Text("up"))

ft.app(main)
"""


def neutral(tree):
    """What two generations' trees have in common: types, children, texts and handlers."""
    if isinstance(tree, list):
        return [neutral(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kept = ("_c", "views", "controls", "content", "value", "label", "on_click", "title")
    return {key: neutral(tree[key]) for key in kept if key in tree}


@unittest.skipUnless(PYTHON_OF_1.exists(), "no build/venv/0.28.3: run tools/setup.sh")
class Json(E2E):
    """What each class here stands on: Flet 0.28.3."""

    def played(self, source, steps, variant=None, code=0, python=PYTHON_OF_1, **more):
        run = self.box.headless(variant or self.variant, self.box.write("app.py", source), steps=steps, python=python,
                                **more)
        self.assertEqual(run.wait(60), code, run.shown())
        return run


def every_stage(cls):
    cls.__test_base__ = Json
    return every_variant(cls, STAGES)


@every_stage
class Generation1:
    """An app of Flet 0.28.3, headless and alone."""

    def testClicksAreCounted(self):
        for source in (COUNTER, ASYNC_COUNTER):
            run = self.played(source, CLICKS)
            report = run.report()
            self.assertEqual((report["flet"], report["generation"]), ("0.28.3", 1))
            self.assertEqual((report["used"]["stage"], report["used"]["transport"]),
                             (self.variant.stage, self.variant.transport))
            self.assertEqual(report["latency_us"]["count"], 5)
            self.assertNotIn("translating", run.text[1])

    def testItsTreeIsThatOfLaterFlets(self):
        trees = []
        for python in (PYTHON_OF_1, PYTHON_OF_2, PYTHON):
            file = self.box.name("tree")
            self.played(COUNTER, CLICKS + f"tree {file}\n", python=python)
            trees.append(neutral(json.loads(file.read_text())))
        self.assertEqual(trees[0], trees[1])
        self.assertEqual(trees[0], trees[2])

    def testTheSameStepsDoTheSameToATodoList(self):
        for python in (PYTHON_OF_1, PYTHON):
            self.played(TODO, TODO_STEPS, python=python)

    def testWhatIsChosenArrives(self):
        self.played(FORM, FORM_STEPS)

    def testThreadsDialogsCallsRoutesAndSizes(self):
        run = self.played(PAGE, PAGE_STEPS + 'click text="close window"\n')
        self.assertIn("AFTER", run.text[0])

    def testTheStepsPickFiles(self):
        file = self.box.write("notes.txt", "x")
        self.played(PAGE, f"""answer pick_files "{file}"
click text="files"
expect text="picked ['notes.txt']"
answer pick_files none
click text="files"
expect text="picked None"
""")

    def testAnExceptionInAHandlerLeavesTheSession(self):
        self.played(PAGE, 'click text="fail"\nclick text="background"\nexpect text="thread 4"\n')

    def testAThousandRows(self):
        self.played(ROWS, 'expect count=1000 type=Checkbox\nclick icon=add index=999\nexpect text="999!"\n')

    def testASlowStartIsWaitedFor(self):
        self.played(SLOW, 'expect text="up"\n')


class RecordedJson(Json):
    def fletbridge(self, *args, code=0):
        run = self.box.launch([BIN / "fletbridge", *args])
        self.assertEqual(run.wait(60), code, run.shown())
        return run

    def record(self, source, steps):
        self.file = self.box.name("recording")
        return self.played(source, steps, Variant("1", "uds"), options=["--record", self.file])

    def testARecordingOfStage1ReplaysOnEveryOtherWithoutADifference(self):
        self.record(TODO, TODO_STEPS)
        for variant in STAGES:
            out = self.box.name("replay")
            self.fletbridge("replay", *variant.flags, "--to", out, self.file)
            self.fletbridge("diff", self.file, out)

    def testARecordedPageReplays(self):
        self.record(PAGE, PAGE_STEPS)
        self.fletbridge("replay", "--stage", "2", self.file)

    def testItsFramesItsTreeAndItsStepsAreShown(self):
        self.record(COUNTER, CLICKS)
        self.assertIn("generation  1", self.fletbridge("inspect", self.file).text[0])
        frames = [json.loads(line) for line in
                  self.fletbridge("inspect", "--frames", "1..99", self.file).text[0].splitlines()]
        self.assertEqual(frames[0]["message"]["action"], "registerWebClient")
        tree = json.loads(self.fletbridge("inspect", "--tree", self.file).text[0])
        self.assertEqual(tree["views"][0]["controls"][0]["value"], "5")
        steps = self.fletbridge("inspect", "--steps", self.file).text[0]
        self.assertEqual(steps.count('click text="plus"'), 5, steps)
        self.played(COUNTER, steps, Variant("2", "uds"))

    def testAPasswordIsNotRecorded(self):
        secret = START + """
def main(page):
    field = ft.TextField(label="Password", password=True)

    def send(e):
        field.value = "hunter3"
        page.update()

    page.add(field, Button("send", on_click=send))

run(main)
"""
        self.record(secret, 'type text="Password" "hunter2"\nclick text="send"\nsleep 200ms\n')
        self.assertNotIn(b"hunter", self.file.read_bytes())

    def testAChangedAppIsFound(self):
        self.record(COUNTER, CLICKS)
        changed = self.box.write("new/app.py", COUNTER.replace("+ 1", "+ 2"))
        self.fletbridge("replay", "--app", changed, self.file, code=1)


class MeasuredJson(Json):
    """`check --run` and `compare`."""

    def fletbridge(self, *args):
        steps = self.box.write("steps.txt", CLICKS)
        run = self.box.launch([BIN / "fletbridge", *args, "--python", PYTHON_OF_1, "--steps", steps,
                               self.box.write("app.py", COUNTER)])
        self.assertEqual(run.wait(90), 0, run.shown())
        return run

    def testStagesDoTheSameInARun(self):
        said = self.fletbridge("check", "--run", "--from", "1", "--to", "2", "--stage", "2").text[0]
        self.assertRegex(said, r"exit code +0 +0")

    def testStagesAreCompared(self):
        file = self.box.name("results")
        self.fletbridge("compare", "--stages", "1:uds,2:uds", "--workload", "steps", "--rounds", "2", "--json", file)
        self.assertIn("0.28.3", file.read_text())


class AForeignLoop(Json):
    """An event loop that cannot watch a file, as on other systems."""

    def testHearsThatTheUiHasClosed(self):
        source = COUNTER.replace("run(main)\n", """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    def add_reader(self, fd, callback, *args):
        raise NotImplementedError

with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(ft.app_async(main))
print("AFTER", flush=True)
""")
        run = self.played(source, CLICKS, Variant("1", "uds"), options=["--quiet"])
        self.assertIn("AFTER", run.text[0])
        self.assertEqual(run.text[1], "")


class Client1:
    """A minimal client of generation 1."""

    def __init__(self, address, alive):
        self.sock = g3.connect(address, 30, alive)
        self.sock.settimeout(20 * PATIENCE)
        self.inbox = b""
        self.texts = {}

    def send(self, action, payload):
        data = json.dumps({"action": action, "payload": payload}).encode()
        self.sock.sendall(struct.pack(">I", len(data)) + data)

    def register(self):
        names = ("pageName pageRoute pageWidth pageHeight windowWidth windowHeight windowTop windowLeft isPWA isWeb "
                 "isDebug platform platformBrightness media sessionId").split()
        self.send("registerWebClient", {**dict.fromkeys(names, ""), "pageRoute": "/", "pageWidth": "800.0",
                                        "pageHeight": "600.0", "platform": "linux", "media": "{}"})

    def next(self):
        while len(self.inbox) < 4 or len(self.inbox) < 4 + struct.unpack(">I", self.inbox[:4])[0]:
            data = self.sock.recv(1 << 16)
            if not data:
                raise EOFError
            self.inbox += data
        size = struct.unpack(">I", self.inbox[:4])[0]
        message = json.loads(self.inbox[4:4 + size])
        self.inbox = self.inbox[4 + size:]
        return message

    def wait_text(self, wanted):
        while wanted not in self.texts.values():
            message = self.next()
            if message["action"] != "pageControlsBatch":
                continue
            for one in message["payload"]:
                for control in one["payload"].get("controls", []) + one["payload"].get("props", []):
                    self.texts[control["i"]] = control.get("value", control.get("text"))

    def click(self, text):
        (target,) = [i for i, value in self.texts.items() if value == text]
        self.send("pageEventFromWeb", {"eventTarget": target, "eventName": "click", "eventData": ""})


class AttachedJson(Json):
    """Clients of other processes."""

    def testClientsOfItsOwnGenerationComeOneAfterTheOther(self):
        for variant in (Variant("1", "uds"), Variant("2", "uds")):
            run = self.box.attach(variant, self.box.write("app.py", COUNTER), python=PYTHON_OF_1)
            for _ in range(2):
                client = Client1(run.address, run.alive)
                client.register()
                client.wait_text("0")
                for n in range(1, 4):
                    client.click("plus")
                    client.wait_text(str(n))
                client.sock.close()
            self.assertEqual(self.stop(run), 143, run.shown())
            self.assertEqual((run.report()["generation"], run.report()["client_generation"]), (1, 1))

    def testAClientOfGeneration3IsTranslatedFor(self):
        run = self.box.attach(Variant("1", "uds"), self.box.write("app.py", COUNTER), python=PYTHON_OF_1)
        client = g3.Client.registered(run.address, 30, run.alive)
        self.addCleanup(client.close)
        client.expect_text("0")
        for n in range(1, 6):
            client.click("plus")
            client.expect_text(str(n))
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("translating", run.text[1])
        self.assertEqual((run.report()["generation"], run.report()["client_generation"]), (1, 3))

    def testAMalformedMessageEndsItsSessionAndTheNextIsServed(self):
        run = self.box.attach(Variant("1", "uds"), self.box.write("app.py", COUNTER), python=PYTHON_OF_1)
        client = Client1(run.address, run.alive)
        client.register()
        client.wait_text("0")
        client.sock.sendall(struct.pack(">I", 0xfffffff0))
        with self.assertRaises((EOFError, OSError)):
            while True:
                client.next()
        again = Client1(run.address, run.alive)
        again.register()
        again.wait_text("0")
        self.assertEqual(self.stop(run), 143, run.shown())


if __name__ == "__main__":
    unittest.main()
