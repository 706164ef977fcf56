"""The comparison of a page: what generated pages (tests/accelerate) meet once in many thousand steps."""

import dataclasses
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


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        server = FletSocketServer(self.loop)
        server._FletSocketServer__send_queue = Queue()
        self.session = Session(server)
        self.page = self.session.page
        server.send_message(Message(MessageAction.REGISTER_CLIENT, [self.session.get_page_patch()]))

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


if __name__ == "__main__":
    unittest.main()
