"""The protocol's test cases (transport, session, patches, data channels), by number, played by an
independent client through `--ui attach` on every stage.

One app runs for all cases of a variant: a case that harmed it would fail those after it.
"""

import hashlib
import re
import struct
import subprocess
import time
import unittest

import g3
from harness import APPS, PATIENCE, E2E, Sandbox, every_variant, open_fds, read_proc, status_kib

MIB = 1 << 20


class OneApp(E2E):
    """All tests of the class share one attach run of the kitchen app."""

    app = "kitchen.py"
    tcp = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = Sandbox()
        cls.addClassCleanup(cls.shared.close)
        cls.run_ = cls.shared.attach(cls.variant, APPS / cls.app, tcp=cls.tcp, env={"TZ": "UTC"})

    @classmethod
    def tearDownClass(cls):
        if cls.run_.alive():
            cls.run_.signal(15)
        code = cls.run_.wait(5)
        assert code == 143, f"SIGTERM gave {code}{cls.run_.shown()}"

    def setUp(self):
        super().setUp()
        self.addCleanup(self._app_is_unharmed)

    def _app_is_unharmed(self):
        self.assertTrue(self.run_.alive(), self.run_.shown())

    def ready(self, **page):
        client = self.client(self.run_, **page)
        client.expect_text("ready")
        return client

    def press(self, client, button, *texts, timeout=10.0):
        client.click(button)
        for text in texts:
            client.expect_text(text, timeout)

    def next_client_works(self):
        client = self.ready()
        self.press(client, "plus", "1")
        client.close()


@every_variant
class Transport:
    """Cases 1 to 10."""

    __test_base__ = OneApp

    def testCase01BytesOneAtATime(self):
        client = g3.Client.connect(self.run_.address, 30, self.run_.alive)
        self.addCleanup(client.close)
        # Also waits out the dismissal of a client before.
        client.close()
        client = self.client(self.run_)
        client.expect_text("ready")
        click = g3.frame(g3.pack([g3.EVENT, {"target": client.button("plus")["_i"],
                                             "name": "click", "data": None}]))
        for byte in click:
            client.send_raw(bytes([byte]))
        client.expect_text("1")

    def testCase02FiftyMessagesInOneWrite(self):
        client = self.ready()
        click = g3.frame(g3.pack([g3.EVENT, {"target": client.button("plus")["_i"],
                                             "name": "click", "data": None}]))
        client.send_raw(click * 50)
        client.expect_text("50")

    def testCase03TwentyMebibytesEachWay(self):
        client = self.ready()
        text = "0123456789abcdef" * (20 * MIB // 16)
        client.props(client.keyed("big")["_i"], value=text)
        expected = f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.press(client, "digest", expected, timeout=30)
        client.click("send big")
        client.pump(lambda: len(client.keyed("out").get("value", "")) == 20 * MIB, 30,
                    "20 MiB")
        self.assertEqual(client.keyed("out")["value"], "x" * (20 * MIB))
        self.press(client, "plus", "1")

    def testCase04OddFramesAreSurvived(self):
        client = self.ready()
        client.send_raw(struct.pack("<I", 0))  # length 0: no type byte either
        client.send_raw(g3.frame(b"hello", 7))  # unknown type
        client.send_raw(g3.frame(b"", 7))
        for length in range(4):  # a data frame without a whole channel id
            client.send_raw(g3.frame(b"\1\0\0\0"[:length], g3.DATA))
        client.send_raw(g3.frame(b"\1\0\0\0", g3.DATA))  # nobody's channel, no bytes
        self.press(client, "plus", "1")

    def testCase05AbsurdHeaderIsRefusedByName(self):
        client = self.ready()
        client.send_raw(struct.pack("<I", 0xFFFFFFF0) + b"\0rest")
        if not self.variant.bare:
            line = self.run_.wait_line(r"^.*42949672(80|79).*$", 10).group(0)
            self.assertRegex(line, r"67108864|64 MiB", "the limit is not named")
        client.close()
        self.next_client_works()

    def testCase05TooLargeFrameIsRefusedAndTheSessionGoesOn(self):
        if self.variant.bare:
            return  # Flet has no limit
        client = self.ready()
        size = 64 * MIB + 1
        before = status_kib(self.run_.pid, "VmHWM")
        client.send_raw(struct.pack("<IB", size + 1, g3.CONTROL))
        block = b"\xc1" * MIB
        for _ in range(size // MIB):
            client.send_raw(block)
        client.send_raw(b"\xc1")
        line = self.run_.wait_line(rf"^.*\b{size}\b.*$", 10).group(0)
        self.assertRegex(line, r"67108864|64 MiB", "the limit is not named")
        self.press(client, "plus", "1")
        self.assertLess(status_kib(self.run_.pid, "VmHWM") - before, 32 * 1024,
                        "what is refused must not be stored")

    def _bad_frame(self, payload):
        client = self.ready()
        client.send_raw(g3.frame(payload))
        if self.variant.stage == "3":
            # As over dart_bridge: the app logs it and the channel goes on.
            self.press(client, "plus", "1")
        else:
            # As over Flet's own sockets: the app closes the connection.
            client.wait_closed()
        client.close()
        self.next_client_works()

    def testCase06TrailingBytes(self):
        self._bad_frame(g3.pack([g3.EVENT, {"target": 1, "name": "x", "data": None}]) + b"\0")

    def testCase06BadMessagePack(self):
        self._bad_frame(b"\xc1\xc1\xc1")

    def testCase06UnknownAction(self):
        self._bad_frame(g3.pack([99, {}]))

    def testCase06ExtraKeyInABody(self):
        self._bad_frame(g3.pack([g3.EVENT, {"target": 1, "name": "x", "data": None, "more": 1}]))

    def testCase06LoneTypeByte(self):
        self._bad_frame(b"")

    def testCase07HalfFrameThenEnd(self):
        client = self.ready()
        client.send_raw(struct.pack("<IB", 1000, 0) + b"half")
        client.close()
        self.next_client_works()

    def testCase08ConnectAndCloseWithoutAByte(self):
        for _ in range(5):
            g3.connect(self.run_.address, 30, self.run_.alive).close()
        self.next_client_works()

    def testCase10SlowReaderLosesNothingAndMemoryIsBounded(self):
        client = self.ready()
        before = status_kib(self.run_.pid, "VmHWM")
        client.click("send many")
        self._wait_until_idle(self.run_.pid)  # not one byte is read until then
        client.pump(lambda: "sent all" in client.texts(), 60, "the end")
        numbers = [operation[3][:6] for body in client.patch_log for operation in body["patch"][1:]
                   if operation[0] == 0 and operation[2] == "value" and len(operation[3]) > MIB]
        self.assertEqual(numbers, [f"{n:06d}" for n in range(64)])
        if not self.variant.in_process and not self.variant.bare:
            # In one process the app's own, unbounded queue would be measured with ours.
            grown = status_kib(self.run_.pid, "VmHWM") - before
            self.assertLess(grown, 48 * 1024, "of 64 MiB at most the high-water mark may be held")

    def _wait_until_idle(self, pid):
        """Until everything that wants to move has moved: nothing else tells when a host has
        stopped reading."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < 0.3 * PATIENCE:
            now = re.search(rb"rchar: (\d+)\nwchar: (\d+)", read_proc(pid, "io")).groups()
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.02)

    def testFdsAreGivenBack(self):
        self.next_client_works()
        client = self.ready()
        before = len(open_fds(self.run_.pid))
        client.close()
        for _ in range(10):
            self.next_client_works()
        client = self.ready()
        self.assertLessEqual(len(open_fds(self.run_.pid)), before)


@every_variant
class Session:
    """Cases 11 to 20 that need no app of their own."""

    __test_base__ = OneApp

    def testCase11FirstFrameAndClick(self):
        client = self.ready()
        self.assertEqual(client.page["title"], "Kitchen")
        self.press(client, "plus", "1")
        self.press(client, "plus", "2")

    def testCase11PageMapReachesTheApp(self):
        client = self.ready(width=1234.0, height=567.0, route="/start", platform_brightness="dark")
        self.assertEqual(client.keyed("page")["value"],
                         "page PagePlatform.LINUX 1234.0 567.0 /start False Brightness.DARK")

    def testCase12AsyncAndGeneratorHandlers(self):
        client = self.ready()
        self.press(client, "plus async", "1")
        client.patch_log.clear()
        self.press(client, "steps", "three")
        seen = [operation[3] for body in client.patch_log for operation in body["patch"][1:]]
        self.assertEqual(seen, ["one", "two", "three"])

    def testCase14HandlerRaisesAndTheNextClickWorks(self):
        client = self.ready()
        client.click("fail")
        client.expect_crash("handler says no")
        self.assertIn("Traceback", client.crashes[0])
        self.press(client, "plus", "1")

    def testCase15SecondClientNeverTakesOver(self):
        client = self.ready()
        self.press(client, "plus", "1")
        if self.variant.bare:
            second = self.ready()  # Flet itself lets the newest in
            client.wait_closed()
            return
        second = g3.Client.connect(self.run_.address)
        self.addCleanup(second.close)
        try:
            second.send(g3.REGISTER, {"session_id": None, "page_name": "x", "page": g3.PAGE})
        except g3.Closed:
            pass
        second.wait_closed()
        self.assertEqual(second.frames, [], "the refused client was shown something")
        self.press(client, "plus", "2")
        client.close()
        third = self.ready()
        self.press(third, "plus", "1")

    def testCase16ReconnectGivesANewSession(self):
        first = self.ready()
        self.press(first, "plus", "1")
        old = first.session_id
        first.close()
        second = self.ready()
        self.assertNotEqual(second.session_id, old)
        self.assertEqual(second.keyed("count")["value"], "0", "main did not run again")
        self.press(second, "plus", "1")

    def testCase16NothingOfAnAbandonedRegistrationReachesTheNextClient(self):
        register = g3.frame(g3.pack([g3.REGISTER, {
            "session_id": None, "page_name": "gone",
            "page": {**g3.PAGE, "width": 1.0, "route": "/gone"}}]))
        for number in range(30):
            # The one before asks as much as it can and leaves without having read a byte.
            gone = g3.Client.connect(self.run_.address, 20, self.run_.alive)
            try:
                gone.send_raw(register * (1 + number % 3))
            except g3.Closed:
                pass
            gone.close()
            client = self.ready(width=100.0 + number, route=f"/{number}")
            self.assertIn(f" {100.0 + number} 600.0 /{number} ", client.keyed("page")["value"])
            self.press(client, "plus", "1")
            client.close()

    def testCase16LeavingClientClosesItsSession(self):
        client = self.ready()
        client.click("closed")
        client.pump(lambda: client.keyed("said")["value"].startswith("closed "), 10)
        before = int(client.keyed("said")["value"].split()[1])
        client.close()
        client = self.ready()
        self.press(client, "closed", f"closed {before + 1}")

    def testCase18RouteChangeBothWays(self):
        client = self.ready()
        client.props(1, route="/from-client")
        client.event(1, "route_change", {"route": "/from-client"})
        client.expect_text("route /from-client")

        def push(args):
            client.props(1, route=args["route"])
            client.event(1, "route_change", {"route": args["route"]})
            return None, None

        client.answers["push_route"] = push
        self.press(client, "go", "pushed")
        self.assertEqual(client.invokes[-1]["args"]["route"], "/store")

    def testCase19ResizeMediaAndBrightness(self):
        client = self.ready()
        client.props(1, width=321.0, height=123.5)
        client.event(1, "resize", {"width": 321.0, "height": 123.5})
        client.expect_text("size 321.0 123.5")
        media = {**g3.PAGE["media"], 
                 "padding": {"left": 0.0, "top": 24.0, "right": 0.0, "bottom": 0.0}}
        client.props(1, media=media)
        client.event(1, "media_change", media)
        client.expect_text("media 24.0")
        client.props(1, platform_brightness="dark")
        client.event(1, "platform_brightness_change", {"brightness": "dark"})
        client.expect_text("bright dark")

    def testCase20UnansweredCallBlocksOnlyItsHandler(self):
        client = self.ready()
        client.answers["get"] = None
        client.click("ask")
        client.pump(lambda: len(client.invokes) == 1, 10, "method call")
        self.press(client, "plus", "1")
        client.answer(client.invokes[0], "VAL")
        client.expect_text("got 'VAL'")

    def testCase20ErrorAnswerRaisesInTheApp(self):
        client = self.ready()
        client.answers["get"] = lambda args: (None, "no such method")
        self.press(client, "ask", "error no such method")
        client.answers["get"] = lambda args: (None, None)
        self.press(client, "ask", "got None")

    def testCase20LateAnswerForARemovedControl(self):
        client = self.ready()
        client.answers["focus"] = None
        client.click("ask and remove")
        client.pump(lambda: client.invokes and "removed" in client.texts(), 10,
                    "removal")
        client.answer(client.invokes[0], None)
        # Flet's own sockets close the connection over it, dart_bridge does not: either way the
        # app lives, and a client can go on.
        if self.variant.stage == "3":
            self.press(client, "plus", "1")
        client.close()
        self.next_client_works()

    def testEventsForUnknownControlsAreIgnored(self):
        client = self.ready()
        client.event(999999, "click")
        client.event(1, "no_such_event", {"a": 1})
        client.props(999999, value="x")
        self.press(client, "plus", "1")


@every_variant
class Patches:
    """Cases 21 to 26: the tree that this client builds from patches is the one the app has."""

    __test_base__ = OneApp

    def _same_order(self, client):
        self.press(client, "order")
        client.pump(lambda: client.keyed("said")["value"].startswith("order "), 10)
        mine = "|".join("".join(c["value"] for c in client.keyed(key).get("controls", []))
                        for key in ("row", "other"))
        self.assertEqual(client.keyed("said")["value"], "order " + mine)
        client.props(client.keyed("said")["_i"], value="")
        client.keyed("said")["value"] = ""
        return mine

    def _patched(self, client, button):
        before = client.patches
        client.click(button)
        client.pump(lambda: client.patches > before, 10, "patch")

    def testCase21AddRemoveMoveReplace(self):
        client = self.ready()
        self.assertEqual(self._same_order(client), "abcd|")
        self._patched(client, "insert first drop last")
        self.assertEqual(self._same_order(client), "nabc|")
        self._patched(client, "rotate")
        self.assertEqual(self._same_order(client), "abcn|")

    def testCase21NestedMapsAndLists(self):
        client = self.ready()
        self._patched(client, "nested")
        box = client.keyed("box")
        self.assertEqual(box["padding"], {"left": 9, "top": 2, "right": 3, "bottom": 8})
        self.assertEqual(box["gradient"]["colors"], ["red", "white", "blue", "black"])

    def testCase22SameControlRemovedAndAdded(self):
        client = self.ready()
        self._patched(client, "across")
        self._patched(client, "across")
        self.assertEqual(self._same_order(client), "cd|ab")
        self._patched(client, "back and new")
        self.assertEqual(self._same_order(client), "cBd|a")

    def testCase24DatesAndTimes(self):
        client = self.ready()
        self.assertEqual(client.keyed("date")["value"],
                         g3.msgpack.ExtType(1, b"2024-01-02T03:04:05+00:00"))
        self.assertEqual(client.keyed("time")["value"], g3.msgpack.ExtType(2, b"07:08"))
        self._patched(client, "times")
        self.assertEqual(client.keyed("date")["value"],
                         g3.msgpack.ExtType(1, b"2030-12-31T23:59:58+00:00"))
        client.props(client.keyed("date")["_i"],
                     value=g3.msgpack.ExtType(1, b"2001-02-03T04:05:06+00:00"))
        client.props(client.keyed("time")["_i"], value=g3.msgpack.ExtType(2, b"7:8"))
        self.press(client, "what times", "times 2001-02-03 04:05:06 07:08")

    def testCase24DurationFromTheClient(self):
        # Flet reads extension type 3; an event that carries one is an ordinary event.
        client = self.ready()
        client.event(1, "no_such_event", {"duration": g3.msgpack.ExtType(3, b"1500000")})
        self.press(client, "plus", "1")

    def testCase25Texts(self):
        client = self.ready()
        self._patched(client, "words")
        self.assertEqual(client.keyed("out")["value"], "Zażółć gęślą jaźń 漢字 🐍 \x00 \u2028")
        self.assertEqual(client.keyed("said").get("value", ""), "")
        self._patched(client, "megabyte")
        self.assertEqual(client.keyed("out")["value"], "ż" * (1 << 19))
        for text in ("漢字 🐍 é", "", "ż" * (1 << 19)):
            client.props(client.keyed("big")["_i"], value=text)
            self.press(client, "digest",
                       f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:16]}")

    def testCase26TwoRunsCompareByValue(self):
        trees = []
        for _ in range(2):
            client = self.ready()
            self._patched(client, "rotate")
            trees.append(g3.without_ids(client.page))
            client.close()
        self.assertEqual(trees[0], trees[1])


@every_variant
class DataChannels:
    """Cases 27, 28 and 30."""

    __test_base__ = OneApp

    def _open(self, client, key, channel):
        client.event(client.keyed(key)["_i"], "data_channel_open",
                     {"channel_name": "main", "channel_id": channel})

    def testCase27EchoInOrderWithControlTraffic(self):
        client = self.ready()
        self._open(client, "echo", 1)
        client.expect_text("open main 1")
        sizes = [0, 1, 4096, 8 * MIB, 3]
        sent = []
        for number, size in enumerate(sizes):
            payload = bytes([number]) * size
            sent.append((1, payload))
            client.send_data(1, payload)
            client.click("plus")
        client.pump(lambda: len(client.data) == len(sizes) and str(len(sizes)) in client.texts(),
                    20, "echo")
        self.assertEqual([(c, len(d)) for c, d in client.data], [(c, len(d)) for c, d in sent])
        self.assertEqual(client.data, sent)

    def testCase27TwoChannelsAreKeptApart(self):
        client = self.ready()
        self._open(client, "echo", 1)
        client.expect_text("open main 1")
        self._open(client, "echo", 2)
        client.expect_text("open main 2")
        for number in range(100):
            client.send_data(1 + number % 2, struct.pack("<I", number))
        client.pump(lambda: len(client.data) == 100, 10, "100 echoes")
        self.assertEqual(client.data, [(1 + n % 2, struct.pack("<I", n)) for n in range(100)])

    def testCase28UnknownChannelIsDropped(self):
        client = self.ready()
        client.send_data(77, b"to nobody")
        client.send_data(0xFFFFFFFF, b"to nobody")
        client.send_data(0, b"to nobody")
        self.press(client, "plus", "1")
        self.assertEqual(client.data, [])

    def testCase28ChannelOfAnEarlierSessionIsSilent(self):
        client = self.ready()
        self._open(client, "echo", 1)
        client.expect_text("open main 1")
        client.close()
        client = self.ready()
        # The new session may use the same number for a channel of its own.
        self._open(client, "echo", 1)
        client.expect_text("open main 1")
        client.send_data(1, b"again")
        client.pump(lambda: len(client.data) >= 1, 10, "echo")
        self.press(client, "plus", "1")
        self.assertEqual(client.data, [(1, b"again")])

    def testCase30RawImageFramesAndAcks(self):
        client = self.ready()
        self._open(client, "image", 5)
        client.click("paint")
        client.pump(lambda: len(client.data) == 1, 10, "first frame")
        client.send_data(5, b"\xff")
        client.pump(lambda: len(client.data) == 2, 10, "second frame")
        self.assertNotIn("painted 2", client.texts(), "the app did not wait for the second ack")
        client.send_data(5, b"\xff")
        client.expect_text("painted 2")
        self.assertTrue(client.data[0][1].endswith(b"\x10\x20\x30\xff" * 16))
        self.assertTrue(client.data[1][1].endswith(b"\x40\x50\x60\xff" * 16))


ASYNC_GENERATOR = """
import asyncio
import flet as ft

async def main(page):
    text = ft.Text("start")
    page.add(text)
    for value in ("a", "b", "c"):
        await asyncio.sleep(0)
        text.value = value
        yield

ft.run(main)
"""

GENERATOR = """
import flet as ft

def main(page):
    text = ft.Text("start")
    page.add(text)
    for value in ("a", "b", "c"):
        text.value = value
        yield

ft.run(main)
"""

BEFORE_MAIN = """
import flet as ft

def before(page):
    raise LookupError("before_main says no")

def main(page):
    print("MAIN RAN", flush=True)

ft.run(main, before_main=before)
"""

MAIN_RAISES = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)

    page.add(text, ft.Button("plus", on_click=plus))
    raise ValueError("main says no")

ft.run(main)
"""

COMPONENT = """
import flet as ft

@ft.component
def Counter():
    n, set_n = ft.use_state(0)
    return ft.Column([ft.Text(f"n={n}"), ft.Button("plus", on_click=lambda: set_n(n + 1))])

ft.run(lambda page: page.render(Counter))
"""

LATE = """
import sys
import flet as ft

print("WAITING", flush=True)
sys.stdin.readline()
ft.run(lambda page: page.add(ft.Text("late but here")))
"""


@every_variant
class OwnApps:
    """Cases that need an app of their own."""

    def start(self, source, **more):
        return self.box.attach(self.variant, self.box.write("app.py", source), **more)

    def end(self, run):
        self.assertEqual(self.stop(run), 143, run.shown())

    def testCase12GeneratorMains(self):
        for source in (ASYNC_GENERATOR, GENERATOR):
            run = self.start(source)
            client = self.client(run)
            client.expect_text("c")
            seen = [op[3] for body in client.patch_log for op in body["patch"][1:]
                    if op[2] == "value"]
            # page.add() has updated the page already, so Flet does not do it again for the first.
            self.assertEqual(seen, ["b", "c"])
            self.end(run)

    def testCase13BeforeMainRaises(self):
        run = self.start(BEFORE_MAIN)
        client = self.client(run)
        self.assertIn("before_main says no", client.register_error)
        client.expect_crash("before_main says no")
        self.end(run)
        self.assertNotIn("MAIN RAN", run.text[0])

    def testCase14MainRaisesAndTheNextClickWorks(self):
        run = self.start(MAIN_RAISES)
        client = self.client(run)
        client.expect_crash("main says no")
        client.click("plus")
        client.expect_text("1")
        self.end(run)

    def testCase17StoredSessionIdOverASocketApp(self):
        # What Flet does with one: the page map is not applied. A relay adds nothing to it.
        run = self.start('import flet as ft\nft.run(lambda p: p.add(ft.Text(f"width {p.width}")))')
        client = g3.Client.connect(run.address, 30, run.alive)
        self.addCleanup(client.close)
        client.register(30, session_id="of-another-time")
        client.pump(lambda: any(t.startswith("width") for t in client.texts()), 10)
        self.assertNotEqual(client.session_id, "of-another-time")
        self.end(run)

    def testCase23ComponentWrapper(self):
        run = self.start(COMPONENT)
        client = self.client(run)
        client.expect_text("n=0")
        self.assertTrue(client.controls("C"), "no component wrapper in the tree")
        client.click("plus")
        client.expect_text("n=1")
        client.click("plus")
        client.expect_text("n=2")
        self.end(run)

    def testCase09ClientComesLongBeforeTheApp(self):
        run = self.start(LATE, stdin=subprocess.PIPE)
        run.wait_line("^WAITING")
        if self.variant.bare:
            run.write(b"go\n")
            client = self.client(run)
        else:
            client = g3.Client.connect(run.address, 30, run.alive)
            self.addCleanup(client.close)
            client.send(g3.REGISTER, {"session_id": None, "page_name": "x", "page": g3.PAGE})
            run.write(b"go\n")
        client.expect_text("late but here", 20)
        self.end(run)


if __name__ == "__main__":
    unittest.main()
