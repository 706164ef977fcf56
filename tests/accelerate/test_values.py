"""Values that Flet sees through their own methods, and values that a client has set: the same with the accelerators as
without. Runs in an interpreter with Flet; each page in a process of its own."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

PACKAGE = os.environ.get("FLETBRIDGE_PYTHON", str(Path(__file__).resolve().parents[2] /
                                                "build/release/lib/fletbridge/python"))
PAGE = """
import asyncio, sys
from dataclasses import dataclass, field
from typing import Any
if sys.argv[1] == "all":
    sys.path.insert(0, sys.argv[2])
    import fletbridge.accelerate as accelerate
    assert accelerate.state()["diff"] is None, accelerate.state()
import flet as ft
from flet.messaging.flet_socket_server import FletSocketServer
from flet.messaging.protocol import Message, MessageAction
from flet.messaging.session import Session

sent = []
loop = asyncio.new_event_loop()
server = FletSocketServer(loop)
server._FletSocketServer__send_queue = type("Queue", (), {"put_nowait": lambda self, packet: sent.append(packet)})()
session = Session(server)
page = session.page
server.send_message(Message(MessageAction.REGISTER_CLIENT, [session.get_page_patch()]))
sent.clear()  # it holds a random name

class Shy(list):
    def __iter__(self):
        return iter(list.__getitem__(self, slice(0, max(0, len(self) - 1))))
    def __getitem__(self, place):
        return [*self] if isinstance(place, slice) else list.__getitem__(self, place)

class Secret(dict):
    def values(self):
        return [value for key, value in self.items() if key != "hidden"]
    def copy(self):
        return Secret(self)

@dataclass
class Note:
    text: str = ""
    place: Any = None

@ft.control("Holder")
class Holder(ft.LayoutControl):
    value: Any = None
    table: Any = None
    children: list[Any] = field(default_factory=list)

def told(*notes):
    for note in notes:
        parent = getattr(note, "_parent", None)
        print(note.text, type(parent and parent()).__name__, sorted(k for k in vars(note) if k.startswith("_")))

def update():
    try:
        page.update()
    except Exception as error:
        print(type(error).__name__, error)
    print([packet.hex() for packet in sent])
    sent.clear()
"""


def run(names, page):
    done = subprocess.run([sys.executable, "-B", "-c", PAGE + page, names, PACKAGE], capture_output=True, text=True,
                          timeout=60, env=dict(os.environ, PYTHONHASHSEED="0"))
    assert done.returncode == 0, done.stderr
    return done.stdout


class SamePages(unittest.TestCase):
    def same(self, page):
        self.assertEqual(run("none", page), run("all", page))


class TestValues(SamePages):
    def test_a_list_that_hides_an_item_when_it_is_walked_is_walked(self):
        self.same("""
one, two, three = Note("one"), Note("two"), Note("three")
holder = Holder(value=Shy([one, two]))
page.add(holder)
update()
told(one, two)
holder.value.insert(0, three)
update()
told(one, two, three)
print({name: (type(kept).__name__, len(kept)) for name, kept in getattr(holder, "__prev_lists").items()})
page.controls.clear()
update()
told(one, two, three)
""")

    def test_a_dictionary_with_values_and_copies_of_its_own_is_asked(self):
        self.same("""
from collections import OrderedDict, defaultdict
one, two, three = Note("one"), Note("two"), Note("three")
holder = Holder(table=Secret(shown=one, hidden=two), value=defaultdict(list, a=three))
page.add(holder)
update()
told(one, two, three)
for table in (Secret(shown=two, hidden=one), OrderedDict(a=one), {"a": two}):
    holder.table = table
    update()
    table["b"] = Note("more")
    update()
    told(one, two, three)
    print({name: (type(kept).__name__, len(kept)) for name, kept in getattr(holder, "__prev_dicts").items()})
""")

    def test_what_the_client_has_set_is_validated(self):
        self.same("""
slider = ft.Slider(value=5, min=0, max=10)
page.add(slider)
for value in (6, 11, 11, 7, "typed", 12, 5):
    session.apply_patch(slider._i, {"value": value})
    update()
    page.title = str(value)
    update()
""")


if __name__ == "__main__":
    unittest.main()
