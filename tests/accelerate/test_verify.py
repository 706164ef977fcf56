"""verify: Flet's own code beside the native one, Flet's answer, each difference noted, the app's hooks called once.
Runs in an interpreter with Flet; each test in a process of its own, which verify changes for good."""

import os
import subprocess
import sys
import textwrap
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = os.environ.get("FLETBRIDGE_PYTHON", str(HERE.parents[1] / "build/release/lib/fletbridge/python"))

START = """
import importlib.util, os, sys
sys.path.insert(0, %r)
place = sys.path[0] + "/fletbridge/accelerate"
spec = importlib.util.spec_from_file_location("fletbridge.accelerate", place + "/__init__.py",
                                              submodule_search_locations=[place])
accelerate = importlib.util.module_from_spec(spec)
accelerate.hosted = True
sys.modules["fletbridge.accelerate"] = accelerate
spec.loader.exec_module(accelerate)
accelerate.switch_on(verify=True)
import asyncio
import flet as ft
from flet.controls.object_patch import DiffBuilder
from flet.messaging.flet_socket_server import FletSocketServer
from flet.messaging.protocol import Message, MessageAction
from flet.messaging.session import Session

class Queue:
    def put_nowait(self, packet):
        sent.append(packet)

sent = []
server = FletSocketServer(asyncio.new_event_loop())
server._FletSocketServer__send_queue = Queue()
session = Session(server)
page = session.page
server.send_message(Message(MessageAction.REGISTER_CLIENT, [session.get_page_patch()]))

def faulty(name, fault):
    \"\"\"As if the native code had that fault.\"\"\"
    native = vars(DiffBuilder)[name]
    def method(self, *arguments, **named):
        result = native.__get__(self)(*arguments, **named)
        if type(self) is DiffBuilder:
            fault(self)
        return result
    setattr(DiffBuilder, name, method)
""" % PACKAGE


class TestVerify(unittest.TestCase):
    def run_app(self, text):
        run = subprocess.run([sys.executable, "-B", "-c", START + textwrap.dedent(text)], capture_output=True,
                             text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run

    def test_an_update_is_compared_and_its_packet_is_flets(self):
        self.run_app("""
            text = ft.Text("a")
            page.add(text, ft.Row([ft.Text("b"), ft.Button("c")]))
            text.value = "d"
            page.update()
            counters = accelerate.counters()
            assert accelerate.state()["diff"] is None, accelerate.state()
            assert counters["compared"] >= 2 and counters["differences"] == counters["unverified"] == 0, counters
            assert counters["nodes"] > 5, counters
            assert sent[-1].endswith(b"value\\xa1d"), sent[-1]
        """)

    def test_another_operation_is_told_with_its_update_and_flets_is_sent(self):
        run = self.run_app("""
            text = ft.Text("a")
            page.add(text)
            faulty("_compare_values", lambda self: self._item_replaced([], "title", "made up"))
            text.value = "b"
            page.update()
            assert b"made up" not in sent[-1] and sent[-1].endswith(b"value\\xa1b"), sent[-1]
            assert accelerate.counters()["differences"] == 1
            [line] = accelerate.differences()
            assert line.startswith("update of Page(1): Flet answers "), line
            text.update()
        """)
        self.assertEqual(run.stderr.count("fletbridge: verify: "), 1, run.stderr)  # the first one

    def test_another_state_is_told_and_flets_is_kept(self):
        self.run_app("""
            text = ft.Text("a")
            page.add(text)
            def fault(self):
                text._dirty["value"] = None
                page.views[0].controls.append(ft.Text("made up"))
            faulty("_compare_values", fault)
            text.value = "b"
            page.update()
            assert text._dirty == {}, text._dirty
            assert page.views[0].controls == [text]
            [line] = accelerate.differences()
            assert "Flet leaves" in line, line
        """)

    def test_another_exception_is_told_and_flets_is_raised(self):
        self.run_app("""
            def fault(self):
                raise ValueError("made up")
            faulty("_compare_values", fault)
            page.title = "t"
            page.update()
            assert b"title" in sent[-1]
            [line] = accelerate.differences()
            assert "the native code ValueError: made up" in line, line
        """)

    def test_hooks_of_the_app_are_called_once_and_their_changes_are_there_once(self):
        self.run_app("""
            calls = []

            @ft.control
            class Tile(ft.Column):
                def build(self):
                    calls.append("build")
                    self.controls.append(ft.Text("built"))

                def before_update(self):
                    calls.append("before_update")
                    self.tooltip = str(len(calls))
                    self.controls.append(ft.Text(str(len(calls))))

            tile = Tile()
            page.add(tile)
            assert calls == ["build", "before_update"], calls
            page.update()
            assert calls == ["build", "before_update", "before_update"], calls
            assert [text.value for text in tile.controls] == ["built", "2", "3"]
            assert accelerate.differences() == [], accelerate.differences()
            assert accelerate.counters()["unverified"] == 0
        """)

    def test_a_hook_that_the_native_code_leaves_out_is_told(self):
        self.run_app("""
            @ft.control
            class Tile(ft.Column):
                def before_update(self):
                    pass

            page.add(Tile())
            from flet.controls.base_control import BaseControl
            native = vars(DiffBuilder)["_compare_values"]
            DiffBuilder._compare_values = lambda self, *arguments, **named: None
            page.update()
            [line] = accelerate.differences()
            assert "Tile(" in line and ").before_update() is not called" in line, line
        """)

    def test_a_hook_that_raises_raises_once_and_as_it_does(self):
        self.run_app("""
            calls = []

            @ft.control
            class Tile(ft.Column):
                def before_update(self):
                    calls.append(1)
                    raise LookupError("mine")

            try:
                page.add(Tile())
            except LookupError as error:
                assert str(error) == "mine"
            else:
                raise AssertionError("nothing was raised")
            assert calls == [1] and accelerate.differences() == [], accelerate.differences()
            assert accelerate.counters()["compared"] == 2  # with the page's first
        """)

    def test_no_more_than_a_hundred_differences_are_kept_and_all_are_counted(self):
        self.run_app("""
            faulty("_compare_values", lambda self: self._item_replaced([], "title", "made up"))
            for number in range(130):
                page.title = str(number)
                page.update()
            assert len(accelerate.differences()) == 100
            assert accelerate.counters()["differences"] == 130
        """)

    def test_what_cannot_be_verified_is_counted_with_its_reason(self):
        self.run_app("""
            text = ft.Text("a")
            page.add(text)
            object.__setattr__(text, "before_update", lambda: None)
            page.update()
            assert accelerate.counters()["unverified"] == 1
            from fletbridge.accelerate import verify
            assert verify.reasons == {"an instance has a before_update of its own": 1}
        """)

    def test_a_hook_that_a_hook_gives_to_an_instance_is_called_once(self):
        self.run_app("""
            calls = []
            text = ft.Text("a")

            @ft.control
            class Giver(ft.Column):
                def before_update(self):
                    text.before_update = lambda: calls.append(1)

            page.add(Giver(), text)
            assert calls == [1], calls
            assert accelerate.differences() == [] and accelerate.counters()["unverified"] == 1
        """)

    def test_nothing_is_kept_alive(self):
        self.run_app("""
            import gc, weakref
            gc.disable()
            text = ft.Text("a")
            page.add(text)
            alive = weakref.ref(text)
            del text
            page.controls.clear()
            page.update()
            assert alive() is None
        """)

    def test_generated_pages_are_told_as_by_flet_alone_and_show_no_difference(self):
        run = subprocess.run(
            [sys.executable, "-B", str(HERE / "sameness.py"), "--python", sys.executable, "--names", "verify",
             "--seeds", "0-39"], capture_output=True, text=True, timeout=500)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
