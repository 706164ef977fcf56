"""The protocol's test cases by number, as test_protocol.py has them, for the generations that speak JSON: 1 on stages 1
and 3 and on `legacy`, and 0 on `legacy`, where Flet's own `fletd` is the broker. An independent client of generation 1
plays them through `--ui attach`; for generation 0 it is translated for.

Not here: what neither has (data channels 27 to 30, component wrappers 23, `before_main` 13, a bridge's ports 35), what is
Flet's web server's alone (37 to 42), and a client that Python starts (33: test_reverse.py).
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import time
import unittest

import g3
from harness import PATIENCE, ROOT, E2E, Sandbox, Variant, read_proc

KIB, MIB = 1 << 10, 1 << 20
LEGACY = Variant("legacy", "ws")

KITCHEN = """
import hashlib
import sys
import threading

import flet as ft

BIG = int(sys.argv[1])

def main(page):
    page.title = "Kitchen"
    lock = threading.Lock()
    count, said, out = ft.Text("0"), ft.Text("ready"), ft.Text("out")
    big = ft.TextField(label="big")
    row, other = (ft.Row([ft.Text(c) for c in "abcd"]), ft.Row([]))
    box = ft.Container(content=ft.Text("boxed"), width=10)

    def say(text):
        said.value = text
        page.update()

    def plus(e):
        with lock:
            count.value = str(int(count.value) + 1)
            page.update()

    def fail(e):
        raise ValueError("handler says no")

    def digest(e):
        say("%d %s" % (len(big.value), hashlib.sha256(big.value.encode()).hexdigest()[:16]))

    def send_big(e):
        out.value = "x" * BIG
        page.update()

    def send_many(e):
        for n in range(32):
            out.value = "%06d" % n + "y" * (BIG // 32)
            page.update()
        say("sent all")

    def ask(e):
        try:
            say("got %r" % page.client_storage.get("key"))
        except Exception as error:
            say("error %s" % error)

    def insert(e):
        row.controls.insert(0, ft.Text("n"))
        row.controls.pop()
        page.update()

    def rotate(e):
        row.controls.append(row.controls.pop(0))
        page.update()

    def across(e):
        other.controls.append(row.controls.pop(0))
        page.update()

    def replace(e):
        row.controls[:] = [ft.Text(c) for c in "wxyz"]
        page.update()

    def box_more(e):
        box.content = ft.Column([ft.Text("in"), ft.Row([ft.Text("deeper")])])
        box.width = 20
        page.update()

    def text(value):
        def handler(e):
            out.value = value
            page.update()
        return handler

    def route(e):
        say("route " + e.route)

    def where(e):
        say("at %s %.0f %.0f" % (page.platform.value, page.width, page.height))

    def resized(e):
        say("size %.0f %.0f" % (float(page.width), float(page.height)))

    page.on_route_change = route
    if hasattr(page, "on_resized"):
        page.on_resized = resized
        page.on_platform_brightness_change = lambda e: say("bright " + e.data)
    else:
        page.on_resize = resized
    buttons = {"plus": plus, "fail": fail, "digest": digest, "send big": send_big, "send many": send_many, "ask": ask,
               "insert": insert, "rotate": rotate, "across": across, "replace": replace, "more": box_more,
               "letters": text("\\u00e4\\u20ac\\U0001f600 \\"\\\\\\n"), "empty": text(""), "long": text("z" * (1 << 20)),
               "where": where, "go": lambda e: page.go("/store")}
    page.add(count, said, out, big, row, other, box,
             *(ft.ElevatedButton(name, on_click=does) for name, does in buttons.items()))

ft.app(target=main)
"""


class Client:
    """Of generation 1, with the tree as it is told."""

    def __init__(self, address, alive):
        self.sock = g3.connect(address, 30 * PATIENCE, alive)
        self.sock.settimeout(30 * PATIENCE)
        self.inbox = b""
        self.controls = {"page": {"c": []}}
        self.calls, self.crashes, self.values = [], [], []

    def close(self):
        self.sock.close()

    def raw(self, data):
        self.sock.sendall(data)

    @staticmethod
    def frame(message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        return struct.pack(">I", len(data)) + data

    def send(self, action, **payload):
        self.raw(self.frame({"action": action, "payload": payload}))

    def register(self, **page):
        names = ("pageName pageRoute pageWidth pageHeight windowWidth windowHeight windowTop windowLeft isPWA isWeb "
                 "isDebug platform platformBrightness media sessionId").split()
        self.send("registerWebClient", **{**dict.fromkeys(names, ""), "pageRoute": "/", "pageWidth": "800.0",
                                          "pageHeight": "600.0", "platform": "linux", "media": "{}", **page})

    def next(self):
        while len(self.inbox) < 4 or len(self.inbox) < 4 + struct.unpack(">I", self.inbox[:4])[0]:
            data = self.sock.recv(1 << 20)
            if not data:
                raise EOFError
            self.inbox += data
        size = struct.unpack(">I", self.inbox[:4])[0]
        message = json.loads(self.inbox[4:4 + size])
        self.inbox = self.inbox[4 + size:]
        self.take(message["action"], message["payload"])

    def take(self, action, payload):
        if action == "pageControlsBatch":
            for one in payload:
                self.take(one["action"], one["payload"])
        elif action == "registerWebClient":
            assert payload["error"] == "", payload
            for control in payload["session"]["controls"].values():  # of a session that goes on
                self.controls[control["i"]] = {**control, "c": list(control["c"])}
        elif action == "addPageControls":
            for control in payload["controls"]:
                siblings = self.controls[control["p"]]["c"]
                if control["i"] in siblings:
                    siblings.remove(control["i"])
                siblings.insert(int(control.get("at", len(siblings))), control["i"])
                self.controls[control["i"]] = {**control, "c": []}
        elif action == "updateControlProps":
            for props in payload["props"]:
                if props["i"] in self.controls:
                    self.controls[props["i"]].update(props)
                if "value" in props:
                    self.values.append(props["value"])
        elif action == "removeControl":
            for gone in payload["ids"]:
                for control in self.controls.values():
                    if gone in control["c"]:
                        control["c"].remove(gone)
        elif action == "cleanControl":
            for emptied in payload["ids"]:
                self.controls[emptied]["c"] = []
        elif action == "invokeMethod":
            self.calls.append(payload)
        elif action == "sessionCrashed":
            self.crashes.append(payload["message"])

    def pump(self, condition):
        while not condition():
            self.next()

    def shown(self):
        """Every control that is below the page."""
        left, found = ["page"], []
        while left:
            control = self.controls[left.pop()]
            found.append(control)
            left.extend(reversed(control["c"]))
        return found

    def find(self, text):
        (control,) = [c for c in self.shown() if text in (c.get("value"), c.get("text"), c.get("label"))]
        return control

    def expect(self, *texts):
        for text in texts:
            self.pump(lambda text=text: any(text == c.get("value") for c in self.shown()))

    def event(self, target, name, data=""):
        self.send("pageEventFromWeb", eventTarget=target, eventName=name, eventData=data)

    def props(self, control, **props):
        self.send("updateControlProps", props=[{"i": control, **props}])

    def click(self, text):
        self.event(self.find(text)["i"], "click")

    def answer_until(self, text, result=None, error=None):
        """Answers each call, as a broker asks anew what nobody has answered, until the text is there."""
        while not any(text == c.get("value") for c in self.shown()):
            if not self.calls:
                self.next()
            while self.calls:
                self.event("page", "invoke_method_result", json.dumps(
                    {"method_id": self.calls.pop(0)["methodId"], "result": result, "error": error}))


class OneApp(E2E):
    """All tests of the class share one attach run of the kitchen app."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.python = ROOT / "build/venv" / cls.flet / "bin/python"
        cls.shared = Sandbox()
        cls.addClassCleanup(cls.shared.close)
        cls.run_ = cls.shared.attach(cls.variant, cls.shared.write("app.py", KITCHEN), cls.big, python=cls.python)

    @classmethod
    def tearDownClass(cls):
        if cls.run_.alive():
            cls.run_.signal(signal.SIGTERM)
        code = cls.run_.wait(10)
        assert code == 143, f"case 32: SIGTERM gave {code}{cls.run_.shown()}"

    def connected(self):
        client = Client(self.run_.address, self.run_.alive)
        self.addCleanup(client.close)
        return client

    def ready(self, **page):
        """Again and again, as Flet's own client does: while the one before is dismissed, the next is turned away."""
        deadline = time.monotonic() + 30 * PATIENCE
        while True:
            client = self.connected()
            try:
                client.register(**page)
                client.pump(lambda client=client: any(c.get("text") == "go" for c in client.shown()))
                return client
            except (EOFError, ConnectionError):
                client.close()
                self.assertLess(time.monotonic(), deadline, self.run_.shown())
                time.sleep(0.01)

    def count(self, client):
        """The first control of the page."""
        view = client.controls[client.controls["page"]["c"][0]]
        return client.controls[view["c"][0]]

    def press_plus(self, client):
        """Counts one more, whatever there is."""
        more = str(int(self.count(client)["value"]) + 1)
        client.click("plus")
        client.pump(lambda: self.count(client)["value"] == more)

    def next_client_works(self):
        client = self.ready()
        self.press_plus(client)
        client.close()


class Cases:
    # -- transport

    def testCase01BytesOneAtATime(self):
        client = self.ready()
        before = int(self.count(client)["value"])
        for byte in client.frame({"action": "pageEventFromWeb", "payload": {
                "eventTarget": client.find("plus")["i"], "eventName": "click", "eventData": ""}}):
            client.raw(bytes([byte]))
        client.pump(lambda: int(self.count(client)["value"]) == before + 1)

    def testCase02FiftyMessagesInOneWrite(self):
        client = self.ready()
        before = int(self.count(client)["value"])
        click = client.frame({"action": "pageEventFromWeb", "payload": {
            "eventTarget": client.find("plus")["i"], "eventName": "click", "eventData": ""}})
        client.raw(click * 50)
        client.pump(lambda: int(self.count(client)["value"]) == before + 50)

    def testCase03ALargeMessageEachWay(self):
        client = self.ready()
        text = "0123456789abcdef" * (self.big // 16)
        client.props(client.find("big")["i"], value=text)
        client.click("digest")
        client.expect(f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:16]}")
        client.click("send big")
        client.expect("x" * self.big)
        self.press_plus(client)

    def testCase04AnEmptyFrameIsSurvivedByTheApp(self):
        client = self.ready()
        client.raw(struct.pack(">I", 0))
        client.close()
        self.next_client_works()

    def testCase05AbsurdHeaderIsRefusedByName(self):
        client = self.ready()
        client.raw(struct.pack(">I", 0xFFFFFFF0) + b"rest")
        line = self.run_.wait_line(r"^.*4294967280.*$", 10).group(0)
        self.assertRegex(line, r"67108864|64 MiB|268435456", "the limit is not named")
        client.close()
        self.next_client_works()

    def testCase06WhatIsNoMessageHarmsNoLaterClient(self):
        whole = {"action": "pageEventFromWeb",
                 "payload": {"eventTarget": "page", "eventName": "x", "eventData": ""}}
        for bad in (b"{", b"\xff\xfe", json.dumps(whole).encode() + b"}", {"action": "noSuchAction", "payload": {}},
                    {"action": "pageEventFromWeb", "payload": {}}, [], 7):
            client = self.ready()
            client.raw(client.frame(bad))
            if self.variant.stage == "legacy" and self.flet == "0.28.3":  # a moment later this app ends the session
                with self.assertRaises((EOFError, ConnectionError)):
                    while True:
                        client.next()
            client.close()
        self.next_client_works()

    def testCase07HalfFrameThenEnd(self):
        client = self.ready()
        client.raw(struct.pack(">I", 1000) + b"half")
        client.close()
        self.next_client_works()

    def testCase08ConnectAndCloseWithoutAByte(self):
        for _ in range(5):
            g3.connect(self.run_.address, 30 * PATIENCE, self.run_.alive).close()
        self.next_client_works()

    def testCase10SlowReaderLosesNothing(self):
        client = self.ready()
        client.click("send many")
        last, since = None, time.monotonic()
        while time.monotonic() - since < 0.3 * PATIENCE:  # nothing else tells when a host has stopped reading
            now = re.search(rb"rchar: (\d+)\nwchar: (\d+)", read_proc(self.run_.pid, "io")).groups()
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.02)
        client.expect("sent all")
        self.assertEqual([value[:6] for value in client.values if value.endswith("yyy")],
                         [f"{n:06d}" for n in range(32)])

    # -- session

    def testCase11FirstFrameAndClick(self):
        client = self.ready()
        self.assertEqual(client.controls["page"]["title"], "Kitchen")
        self.press_plus(client)
        self.press_plus(client)

    def testCase14HandlerRaisesAndTheNextClickWorks(self):
        client = self.ready()
        client.click("fail")
        self.press_plus(client)
        self.run_.wait_line("handler says no")  # the client is not told
        self.assertEqual(client.crashes, [])

    def testCase15SecondClientNeverTakesOver(self):
        client = self.ready()
        self.press_plus(client)
        second = self.connected()
        try:
            second.register()
            while True:
                second.next()
        except (EOFError, OSError):
            pass
        self.assertEqual(second.controls, {"page": {"c": []}}, "the refused client was shown something")
        self.press_plus(client)

    def testCase16ReconnectGivesANewSessionAndOfABrokerTheSame(self):
        first = self.ready()
        self.press_plus(first)
        before = self.count(first)["value"]
        first.close()
        second = self.ready()
        self.assertEqual(self.count(second)["value"], before if self.keeps else "0")
        self.press_plus(second)

    def testCase17AStoredSessionIdChangesNothing(self):
        if self.flet == "0.1.65":  # `fletd` reads it, and says what it thinks of one that it has not made
            client = self.connected()
            with self.assertRaisesRegex(AssertionError, "error decrypting request.SessionID"):
                client.register(sessionId="of-another-time")
                client.next()
            client.close()
            return self.next_client_works()
        client = self.ready(sessionId="of-another-time", pageWidth="640.0", pageHeight="480.0")
        client.click("where")
        client.expect("at linux 640 480")
        self.press_plus(client)

    def testCase18RouteChangeBothWays(self):
        client = self.ready()
        client.props("page", route="/from-client")
        client.event("page", "route_change", "/from-client")
        client.expect("route /from-client")
        client.click("go")
        client.pump(lambda: client.controls["page"].get("route") == "/store")

    def testCase19ResizeAndBrightness(self):
        client = self.ready()
        client.props("page", width="321.0", height="123.0")
        client.event("page", "resized", json.dumps({"width": 321.0, "height": 123.0}))
        client.expect("size 321 123")
        if self.flet != "0.1.65":  # which knows no such event
            client.event("page", "platformBrightnessChange", "dark")
            client.expect("bright dark")

    def testCase20UnansweredCallBlocksOnlyItsHandler(self):
        client = self.ready()
        client.click("ask")
        client.pump(lambda: client.calls)
        self.press_plus(client)
        client.answer_until("got 'VAL'", json.dumps(json.dumps("VAL")))

    def testCase20ErrorAnswerRaisesInTheApp(self):
        client = self.ready()
        client.click("ask")
        client.answer_until("error no such method", error="no such method")

    def testCase20UnansweredCallEndsByFletsOwnDeadline(self):
        client = self.ready()
        client.click("ask")
        client.pump(lambda: client.calls)
        client.pump(lambda: any(c.get("value", "").startswith("error Timeout") for c in client.shown()))

    # -- patches

    def order(self, client):
        letters = [c["value"] for c in client.shown() if c.get("t") == "text" and len(c.get("value", "")) == 1]
        return "".join(letter for letter in letters if letter.isalpha())

    def changed(self, client, button, order):
        client.click(button)
        client.pump(lambda: self.order(client) == order)

    def testCase21ReplaceAddRemoveMoveAndNest(self):
        client = self.ready(**{"sessionId": ""})
        begin = self.order(client)
        if self.keeps and begin != "abcd":
            self.changed(client, "replace", "wxyz" + begin[4:])
            begin = self.order(client)
        self.changed(client, "insert", "n" + begin[:3] + begin[4:])
        self.changed(client, "rotate", begin[:3] + "n" + begin[4:])
        self.changed(client, "replace", "wxyz" + begin[4:])
        client.click("more")
        client.expect("in", "deeper")
        self.assertEqual(float(client.find("deeper") and [c for c in client.shown() if c.get("t") == "container"][0]["width"]), 20)

    def testCase22SameControlRemovedAndAddedElsewhere(self):
        client = self.ready()
        begin = self.order(client)
        if self.keeps:
            self.changed(client, "replace", "wxyz" + begin[len(begin) - (len(begin) - 4):])
            begin = self.order(client)
        client.click("across")
        moved = begin[1:4] + begin[4:] + begin[0]
        client.pump(lambda: self.order(client) == moved)

    def testCase25NonAsciiEmptyAndLongTexts(self):
        client = self.ready()
        client.click("letters")
        client.expect("\u00e4\u20ac\U0001f600 \"\\\n")
        client.click("empty")
        client.pump(lambda: client.values and client.values[-1] == "")
        client.click("long")
        client.expect("z" * MIB)


def cases(name, **what):
    globals()[name] = type(name, (Cases, OneApp), {"__module__": __name__, "__qualname__": name, **what})


GENERATION_1 = {"flet": "0.28.3", "big": 20 * MIB, "keeps": False}
cases("Generation1Stage1Uds", variant=Variant("1", "uds"), **GENERATION_1)
cases("Generation1Stage3Ffi", variant=Variant("3", "ffi"), **GENERATION_1)
# Its web server takes 16 MiB, and its broker keeps the session, which is one message for a UI that comes back.
cases("Generation1StageLegacy", variant=LEGACY, **{**GENERATION_1, "big": 4 * MIB, "keeps": True})
# `fletd` takes 2 MiB, and keeps a session for a client that names it.
cases("Generation0StageLegacy", variant=LEGACY, flet="0.1.65", big=MIB, keeps=False)
del OneApp


class OneRun(E2E):
    """Cases with an app of their own."""

    variants = [("0.28.3", Variant("1", "uds")), ("0.28.3", Variant("3", "ffi")), ("0.28.3", LEGACY), ("0.1.65", LEGACY)]

    def each(self, source, steps=None, **more):
        for flet, variant in self.variants:
            with self.subTest(flet=flet, stage=variant.name):
                python = ROOT / "build/venv" / flet / "bin/python"
                app = self.box.write("app.py", source)
                if steps is None:
                    yield self.box.attach(variant, app, python=python, **more), variant
                else:
                    yield self.box.headless(variant, app, steps=steps, python=python, **more), variant

    def end(self, run, client):
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(20), 143, run.shown())
        client.close()

    def testCase09ALongAddressAndASocketFileThatIsLeft(self):
        folder = self.box.tmp / "long"
        folder.mkdir()
        where = str(folder) + "/"
        where += "s" * (107 - len(where))
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(where)
        source = "import flet as ft\nft.app(target=lambda page: page.add(ft.Text('up')))\n"
        for run, _ in self.each(source, address=f"unix:{where}"):
            client = Client(run.address, run.alive)
            client.register()
            client.expect("up")
            self.end(run, client)
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(where)
        shutil.rmtree(folder)

    def testCase09ALateServerIsWaitedFor(self):
        late = 'import time; time.sleep(3)\nimport flet as ft\nft.app(target=lambda page: page.add(ft.Text("up")))\n'
        for run, _ in self.each(late, 'wait text="up" 60s\n'):
            self.assertEqual(run.wait(90), 0, run.shown())

    def testCase12AnAsyncMain(self):
        source = ("import flet as ft\nasync def main(page):\n    text = ft.Text('0')\n"
                  "    async def plus(e):\n        text.value = '1'\n        page.update()\n"
                  "    page.add(text, ft.ElevatedButton('plus', on_click=plus))\nft.app(target=main)\n")
        self.variants = self.variants[:3]  # Flet 0.1 has none
        for run, _ in self.each(source, 'click text="plus" 30s\nwait text="1" 10s\n'):
            self.assertEqual(run.wait(60), 0, run.shown())

    def testCase14MainRaises(self):
        source = ('import flet as ft\ndef main(page):\n    page.add(ft.Text("one"))\n    raise ValueError("main says no")\n'
                  "ft.app(target=main)\n")
        for run, _ in self.each(source, 'wait text="one" 30s\nexpect crash "main says no" 10s\n'):
            self.assertEqual(run.wait(60), 0, run.shown())

    def testCase24DatesAndTimes(self):
        source = """
import datetime
import flet as ft

def main(page):
    said = ft.Text("ready")

    def say(e):
        said.value = repr(e.control.value)
        page.update()

    page.overlay.extend([ft.DatePicker(value=datetime.datetime(2024, 2, 29), on_change=say),
                         ft.TimePicker(value=datetime.time(13, 5), on_change=say)])
    page.add(said, ft.Container(animate=ft.Animation(1500), content=ft.Text("moved")))

ft.app(target=main)
"""
        self.variants = self.variants[:3]  # Flet 0.1 has no pickers
        for run, _ in self.each(source):
            client = Client(run.address, run.alive)
            client.register()
            client.expect("ready")
            for kind, before, after, said in (
                    ("datepicker", "2024-02-29T00:00:00", "1999-12-31T00:00:00.000", "datetime.datetime(1999, 12, 31, 0, 0)"),
                    ("timepicker", "13:05", "00:59", "datetime.time(0, 59)")):
                (picker,) = [c for c in client.controls.values() if c.get("t") == kind]
                self.assertEqual(picker["value"], before)
                client.props(picker["i"], value=after, open="false")
                client.event(picker["i"], "change", after)
                client.expect(said)
            (box,) = [c for c in client.shown() if c.get("t") == "container"]
            self.assertEqual(json.loads(box["animate"])["duration"], 1500)
            self.end(run, client)

    def testCase26TwoRunsCompareByValue(self):
        trees = {}
        for seed in ("1", "2"):  # of the hashes of texts, which give sets their order
            for run, _ in self.each(KITCHEN.replace("int(sys.argv[1])", "64"), env={"PYTHONHASHSEED": seed}):
                client = Client(run.address, run.alive)
                client.register()
                client.pump(lambda client=client: any(c.get("text") == "go" for c in client.shown()))
                client.click("rotate")
                client.pump(lambda client=client: "bcda" in "".join(c.get("value", "") for c in client.shown()))
                told = [{name: value for name, value in control.items() if name not in ("i", "p", "c")}
                        for control in client.shown()]
                trees.setdefault(seed, []).append(told)
                self.end(run, client)
        self.assertEqual(len(trees["1"]), len(self.variants))
        self.assertEqual(trees["1"], trees["2"])

    def testCase31ExitCodes(self):
        source = "import sys\nimport flet as ft\nft.app(target=lambda page: page.add(ft.Text('up')))\nsys.exit({code})\n"
        for code in (0, 3, 100):
            for run, _ in self.each(source.format(code=code), 'wait text="up" 30s\nclose\n'):
                self.assertEqual(run.wait(60), code, run.shown())

    def testCase34AKilledAppIsAnEndForTheClient(self):
        source = "import flet as ft\nft.app(target=lambda page: page.add(ft.Text('up')))\n"
        for run, variant in self.each(source):
            client = Client(run.address, run.alive)
            client.register()
            client.expect("up")
            report = {pid: line for pid, line in self.box.processes().items() if "app.py" in line}
            app = run.pid if variant.in_process else next(pid for pid in report if pid != run.pid)
            os.kill(app, signal.SIGKILL)
            with self.assertRaises((EOFError, OSError)):
                while True:
                    client.next()
            self.assertNotEqual(run.wait(20), 0, run.shown())
            client.close()
            self.box.assert_nothing_left()  # case 36


if __name__ == "__main__":
    unittest.main()
