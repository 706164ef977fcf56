"""Nothing is left over: 100,000 updates of every kind, and the process has the blocks of memory, the references and the
size that it had. Runs in an interpreter with Flet."""

import gc
import os
import resource
import sys
import unittest
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = os.environ.get("FLETBRIDGE_PYTHON", str(Path(__file__).resolve().parents[2] /
                                                "build/release/lib/fletbridge/python"))
UPDATES = int(os.environ.get("FLETBRIDGE_TEST_UPDATES", "100000"))
SHARED = (None, True, False, 0, 1, "", (), "value", "controls", "op", "path", "replace", "_dirty", "__prev_lists")


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class TestLeaks(unittest.TestCase):
    def test_after_a_hundred_thousand_updates_nothing_is_left_over(self):
        sys.path.insert(0, PACKAGE)
        import fletbridge.accelerate as accelerate

        self.assertIsNone(accelerate.state()["diff"], accelerate.state())
        import asyncio

        import flet as ft
        from flet.messaging.flet_socket_server import FletSocketServer
        from flet.messaging.protocol import Message, MessageAction
        from flet.messaging.session import Session

        class Queue:
            def put_nowait(self, packet):
                pass

        @dataclass
        class Plain:
            name: str = ""
            items: list = field(default_factory=list)

        @ft.control
        class Tile(ft.Column):
            plain: Plain = field(default_factory=Plain)
            table: dict = field(default_factory=dict)
            fails: bool = field(default=False, metadata={"skip": True})

            def before_update(self):
                if self.fails:
                    raise LookupError("mine")

        loop = asyncio.new_event_loop()
        server = FletSocketServer(loop)
        server._FletSocketServer__send_queue = Queue()
        session = Session(server)
        page = session.page
        server.send_message(Message(MessageAction.REGISTER_CLIENT, [session.get_page_patch()]))
        text, tile = ft.Text("a"), Tile()
        field_, rows = ft.TextField("t"), ft.Column([ft.Row([ft.Checkbox(), ft.Text(str(n))]) for n in range(8)])
        page.add(text, tile, field_, rows)

        def change(n):
            text.value, field_.value = str(n % 7), "x" * (n % 5)

        def nothing(n):
            pass

        def grow(n):
            rows.controls.insert(n % 5, ft.Row([ft.Button("b", style=ft.ButtonStyle(padding=ft.Padding.all(n % 3)))]))

        def shrink(n):
            rows.controls.pop(n % 5)

        def turn(n):
            rows.controls.reverse()

        def move(n):
            rows.controls.append(rows.controls.pop(0))

        def replace(n):
            rows.controls[3] = ft.Row([ft.Text(str(n % 9), key="k")])

        def rebuild(n):
            rows.controls = [ft.Row([ft.Text(str(m), key=m)], key=m) for m in range(8)]

        def plain(n):
            tile.plain.name = str(n % 3)
            tile.plain.items = [n % 3, Plain(str(n % 2))]
            tile.table = {"a": n % 3, "b": [n % 2]}

        def fail(n):
            tile.fails = True
            try:
                page.update()
            except LookupError:
                pass
            tile.fails = False

        def frozen(n):
            old, new = (ft.Container(ft.Text(str(value)), key="f") for value in (n % 2, 1))
            session.patch_control(control={"_b": old}, prev_control={"_b": None}, parent=tile, path=[], frozen=True)
            session.patch_control(control={"_b": new}, prev_control={"_b": old}, parent=tile, path=[], frozen=True)
            session.patch_control(control={"_b": None}, prev_control={"_b": new}, parent=tile, path=[], frozen=True)

        def event(n):
            loop.run_until_complete(session.dispatch_event(rows.controls[0]._i, "click", None))

        kinds = [change, nothing, grow, turn, shrink, move, replace, change, plain, rebuild, fail, frozen, event]

        def update(count):
            for n in range(count // len(kinds)):
                for kind in kinds:
                    kind(n)
                    page.update()

        def measure():
            gc.collect()
            return sys.getallocatedblocks(), resident(), [sys.getrefcount(value) for value in SHARED]

        update(UPDATES // 10)
        blocks, size, references = measure()
        update(UPDATES)
        more_blocks, larger, more_references = measure()
        counters = accelerate.counters()
        print("%d updates: %+d blocks, %+d KiB, references %s, %s" % (
            UPDATES, more_blocks - blocks, (larger - size) >> 10,
            [more - before for before, more in zip(references, more_references)], counters), file=sys.stderr)
        # One left over at each update, or at each update of one kind, would be thousands.
        self.assertLess(abs(more_blocks - blocks), 200 + UPDATES // 1000)
        for value, before, after in zip(SHARED, references, more_references):
            self.assertLess(abs(after - before), 200 + UPDATES // 1000, repr(value))
        if not os.environ.get("LD_PRELOAD"):  # a sanitizer keeps what was freed for a while
            self.assertLess(larger - size, 4 << 20)
        self.assertEqual(counters["failures"], 0)
        self.assertGreater(counters["nodes"], UPDATES)


if __name__ == "__main__":
    unittest.main()
