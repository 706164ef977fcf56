"""The comparison of a page: what generated pages (tests/accelerate) meet once in many thousand steps."""

import dataclasses
import sys
import unittest

import accelerated

accelerated.switch_on("diff")

import asyncio  # noqa: E402

import flet as ft  # noqa: E402
from flet.messaging.flet_socket_server import FletSocketServer  # noqa: E402
from flet.messaging.protocol import Message, MessageAction  # noqa: E402
from flet.messaging.session import Session  # noqa: E402


@dataclasses.dataclass
class Plain:
    name: str = ""


class Queue:
    def put_nowait(self, packet):
        pass


class OnAPage(unittest.TestCase):
    def setUp(self):
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        server = FletSocketServer(self.loop)
        server._FletSocketServer__send_queue = Queue()
        self.session = Session(server)
        self.page = self.session.page
        server.send_message(Message(MessageAction.REGISTER_CLIENT, [self.session.get_page_patch()]))


class Snapshots(OnAPage):
    def test_a_class_as_a_value_stays_noted_while_it_stays_the_value(self):
        text = ft.Text("a")
        self.page.add(text)
        text.tooltip = Plain  # a dataclass, of which dataclasses.is_dataclass() says yes
        with self.assertRaises(TypeError):
            self.page.update()  # Flet cannot make a page of it, once
        for _ in range(2):
            self.page.update()
            self.assertEqual(getattr(text, "__prev_classes"), {"tooltip": Plain})
        text.tooltip = None
        self.page.update()
        self.assertEqual(getattr(text, "__prev_classes"), {})


class Untouched(OnAPage):
    """What has not changed costs no call of Python, however many there are of it."""

    KINDS = {
        "containers": lambda: ft.Container(ft.Text("a"), padding=ft.Padding.all(1), bgcolor="red", border_radius=4),
        "cards": lambda: ft.Card(ft.Text("a"), elevation=3),
        "images": lambda: ft.Image(src="a.png"),
        "animated containers": lambda: ft.Container(animate=ft.Animation(300), offset=ft.Offset(0.5, 0), scale=1.5),
        "gradients": lambda: ft.Container(gradient=ft.LinearGradient(colors=["red", "blue"], stops=[0.25, 1.0])),
        "buttons with a style": lambda: ft.TextButton("a", style=ft.ButtonStyle(color="red")),
        "icon buttons": lambda: ft.IconButton(ft.Icons.ADD, icon_color="red", tooltip="b"),
        "tiles": lambda: ft.ListTile(title=ft.Text("a"), leading=ft.Icon(ft.Icons.ADD), trailing=ft.Checkbox()),
        "fields": lambda: ft.TextField(label="a"),
    }

    def calls_of_an_update(self, make, count):
        number = ft.Text("0")
        column = ft.Column([make() for _ in range(count)])
        self.page.clean()
        self.page.add(number, column)
        self.page.update()
        number.value = "1"
        calls = 0

        def count_calls(frame, event, argument):
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count_calls)
        try:
            self.page.update()
        finally:
            sys.setprofile(None)
        return calls

    def test_does_not_grow_with_the_page(self):
        for name, make in self.KINDS.items():
            with self.subTest(name):
                self.assertEqual(self.calls_of_an_update(make, 100), self.calls_of_an_update(make, 1))

    def test_a_list_inside_of_a_dictionary_is_compared_as_flet_does(self):
        control = ft.Container()
        self.page.add(control)
        sent = []
        self.session.connection.send_message = lambda message: sent.append(message.body.patch)
        for change in (lambda table: table.update(more=[1, 2.5]), lambda table: table.update(more=[1, 2.5]),
                       lambda table: table.update(more=[1, 3.5]), lambda table: table["more"].append(7),
                       lambda table: table.update(more=[1, 3.5, 7]), lambda table: table.pop("more")):
            change(control._internals)
            self.page.update()
        told = [[op[2:] for op in patch[1:]] for patch in sent]
        # What is changed in place is no change for Flet, whose snapshot holds the same list.
        self.assertEqual(told, [[["more", [1, 2.5]]], [[1, 3.5]], [["more"]]])


if __name__ == "__main__":
    unittest.main()
