"""Generated pages: random trees of Flet's controls on a real session, random mutations and updates, and a transcript
of all that can be told of them. Runs in an interpreter with Flet, with the accelerators named or with none:
    PYTHON pages.py --seeds A-B [--steps N] [--accelerators NAME,...|none] [--full] [--skip STEP.N,...]
One line per step: seed, step, a digest of the step's transcript; with --full the transcript itself.
Two runs of one seed are equal when nothing but Flet's own code decided what they say."""

import argparse
import asyncio
import gc
import hashlib
import importlib.util
import itertools
import logging
import os
import random
import secrets
import sys
import types
import warnings
import weakref
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = Path(os.environ.get("FLETBRIDGE_PYTHON", HERE.parents[1] / "build/release/lib/fletbridge/python"))


def accelerate(names):
    """Switches the named accelerators on, "all" or a list; ends the process if one of them is not on then."""
    sys.path.insert(0, str(PACKAGE))
    place = PACKAGE / "fletbridge/accelerate"
    spec = importlib.util.spec_from_file_location(
        "fletbridge.accelerate", place / "__init__.py", submodule_search_locations=[str(place)])
    package = importlib.util.module_from_spec(spec)
    package.hosted = True  # it switches nothing on by itself
    sys.modules["fletbridge.accelerate"] = package
    spec.loader.exec_module(package)
    verify = names == "verify"  # the transcript is that of Flet's own code, or verify has changed something
    names = "all" if verify else names
    wanted = tuple(package.TRIGGERS) if names == "all" else tuple(names.split(","))
    if not set(wanted) <= set(package.TRIGGERS):
        sys.exit("there is no accelerator %s" % names)
    if verify:
        package.switch_on(wanted, verify=True)
    else:
        package.switch_on(wanted)
    off = {name: why for name, why in package.state().items() if why is not None}
    if off and names != "all" or len(off) == len(wanted):
        sys.exit("not accelerated: %s" % off)
    return package


parser = argparse.ArgumentParser()
parser.add_argument("--seeds", default="0-9")
parser.add_argument("--steps", type=int, default=0, help="0: as many as the seed says")
parser.add_argument("--accelerators", default="none")
parser.add_argument("--full", action="store_true")
parser.add_argument("--skip", default="", help="STEP.N,...: what the seed does, but for these")
parser.add_argument("--ignore", default="", help="what is told of this counts for nothing")
options = parser.parse_args()
skipped = set(filter(None, options.skip.split(",")))
package = None
if options.accelerators != "none" and not options.accelerators.startswith("fault:"):
    package = accelerate(options.accelerators)

# A bridge that is there but leads nowhere: Flet's other server imports it.
bridge = types.ModuleType("dart_bridge")
sent = []
bridge.send_bytes = lambda port, packet: sent.append(bytes(packet))
sys.modules["dart_bridge"] = bridge

import flet as ft  # noqa: E402
import flet.canvas as cv  # noqa: E402
import msgpack  # noqa: E402
from flet.components import observable  # noqa: E402
from flet.controls.base_control import BaseControl  # noqa: E402
from flet.controls.context import _context_page  # noqa: E402
from flet.controls.id_counter import ControlId  # noqa: E402
from flet.messaging.flet_socket_server import FletSocketServer  # noqa: E402
from flet.messaging.session import Session  # noqa: E402

try:
    from flet.messaging.protocol import Message, MessageAction
except ImportError:  # 0.82
    from flet.messaging.protocol import ClientAction as MessageAction
    from flet.messaging.protocol import ClientMessage as Message
try:
    from flet.messaging.flet_dart_bridge_server import FletDartBridgeServer
except ImportError:  # 0.82
    FletDartBridgeServer = None

import app_classes as app  # noqa: E402
from transcript import SCALARS, Dump, attributes, held, settled  # noqa: E402

if options.accelerators.startswith("fault:"):
    from faults import FAULTS

    FAULTS[options.accelerators[len("fault:"):]]()

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
log = app.log
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


class Ordered(dict):
    """A set that keeps its order: Flet's own would iterate by address."""

    def add(self, item):
        self[item] = None


class OrderedWeak(weakref.WeakKeyDictionary):
    """A weak set that keeps its order, of an observable's listeners."""

    def add(self, item):
        self[item] = None

    def remove(self, item):
        del self[item]


observable.weakref = types.SimpleNamespace(WeakSet=OrderedWeak, ref=weakref.ref)


class Sent:
    """The queue of a server that has a client."""

    def put_nowait(self, packet):
        sent.append(bytes(packet))


def handler(event=None):
    log.append("handled")


async def slow_handler(event):
    log.append("handled later")


HANDLERS = (handler, slow_handler, None)
NAN = float("nan")
CHAOS = (None, 0, 1, -1, 2.5, NAN, float("inf"), "", "text", "Ω", True, False, b"bytes", 2**40, (1, "two"))
WILD = (10**25, object, "\ud800", {1, 2}, Ellipsis)  # what MessagePack cannot have


class World:
    """A page and what is done to it, by one seed."""

    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(seed)
        secrets.choice = random.Random(seed).choice  # random_string()
        ControlId._counter = itertools.count(3)
        del log[:], sent[:]
        app.setters.clear()
        if FletDartBridgeServer is not None and seed % 2:
            self.server = FletDartBridgeServer(loop, 1)
        else:
            self.server = FletSocketServer(loop)
            self.server._FletSocketServer__send_queue = Sent()
        self.made = []  # weak references, in the order of creation
        self.kept = []  # controls that the app holds on to, on the page or not
        self.undo = []
        self.changing = None
        self.kind = self.rng.choice(("small", "small", "small", "data", "data", "chaos", "chaos", "deep", "components", "long"))
        self.session = Session(self.server)
        self.session._Session__pending_updates = Ordered()
        self.page = self.session.page
        self.endless = False
        _context_page.set(self.page)
        self.pool = self.makers()

    def close(self):
        task = self.session._Session__updates_task
        if task is not None:
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        for undo in reversed(self.undo):
            undo()
        _context_page.set(None)

    # What pages are made of.

    def makers(self):
        new = [self.text, self.text, self.text, self.row, self.row, self.button, self.icon_button, self.checkbox,
               self.container, self.column, self.field, self.stack, self.tile]
        if self.kind in ("data", "chaos"):
            new += [self.gauge, self.gauge, self.table, self.tabs, self.dropdown, self.canvas, self.list_tile,
                    self.card, self.slider, self.same, self.alike, self.picky, self.list_view, self.chart]
        if self.kind == "chaos":
            new += [self.meddler, self.odd, self.veiled, self.bare, self.frozen, self.tile, self.meddler]
        if self.rng.random() < 0.3:
            new += [self.meddler, self.picky, self.tile]
        return new

    def keep(self, control):
        self.made.append(weakref.ref(control))
        if self.rng.random() < 0.3:
            self.kept.append(control)
        return control

    def control(self, depth=2):
        rng = self.rng
        if self.kept and rng.random() < 0.04:
            return rng.choice(self.kept)
        make = rng.choice(self.pool)
        control = self.keep(make(depth))
        if rng.random() < 0.12:
            control.key = rng.choice(("a", "b", "c", 1, 2, True, ft.ScrollKey("s"), ft.ValueKey("v")))
        return control

    def controls(self, depth, most=4):
        return [self.control(depth - 1) for _ in range(self.rng.randrange(most + 1))] if depth > 0 else []

    def word(self):
        return self.rng.choice(("red", "green", "blue", "one", "two", "three", "Ω", ""))

    def text(self, depth):
        return ft.Text(self.word(), size=self.rng.choice((None, 10, 12.5)),
                       style=self.rng.choice((None, ft.TextStyle(size=3), ft.TextStyle(italic=True))),
                       spans=[ft.TextSpan(self.word(), on_click=self.rng.choice(HANDLERS))] if depth > 1 else [])

    def row(self, depth):
        return ft.Row(self.controls(depth), spacing=self.rng.choice((0, 5, 10)), wrap=self.rng.random() < 0.3)

    def column(self, depth):
        return ft.Column(self.controls(depth, 6), expand=self.rng.choice((None, True, 2)))

    def stack(self, depth):
        return ft.Stack(self.controls(depth))

    def list_view(self, depth):
        return ft.ListView(self.controls(depth, 8), spacing=1)

    def container(self, depth):
        rng = self.rng
        return ft.Container(
            content=self.control(depth - 1) if depth > 0 and rng.random() < 0.8 else None,
            padding=rng.choice((None, 5, ft.Padding(1, 2, 3, 4), ft.Padding.all(3))),
            border=rng.choice((None, ft.Border.all(1, "red"), ft.Border(top=ft.BorderSide(1, "blue")))),
            gradient=rng.choice((None, ft.LinearGradient(colors=["red", "blue"]))),
            shadow=rng.choice((None, ft.BoxShadow(blur_radius=2), [ft.BoxShadow(), ft.BoxShadow(spread_radius=1)])),
            animate=rng.choice((None, 100, ft.Animation(300, ft.AnimationCurve.EASE), ft.Duration(seconds=1))))

    def button(self, depth):
        rng = self.rng
        return ft.Button(self.word() or "b", on_click=rng.choice(HANDLERS), style=rng.choice((None, ft.ButtonStyle(
            color={ft.ControlState.HOVERED: "red", ft.ControlState.DEFAULT: "blue"},
            padding={ft.ControlState.DEFAULT: ft.Padding.all(2)},
            text_style=ft.TextStyle(size=4)))))

    def icon_button(self, depth):
        return ft.IconButton(ft.Icons.ADD, on_click=self.rng.choice(HANDLERS), tooltip=self.rng.choice((
            None, "tip", ft.Tooltip(message="m", padding=3))))

    def checkbox(self, depth):
        return ft.Checkbox(label=self.word(), value=self.rng.random() < 0.5, on_change=self.rng.choice(HANDLERS))

    def field(self, depth):
        return ft.TextField(self.word(), label=self.word(), multiline=self.rng.random() < 0.3, min_lines=1, max_lines=3,
                            prefix=ft.Text("p") if depth > 1 else None)

    def card(self, depth):
        return ft.Card(content=self.control(depth - 1) if depth > 0 else None)

    def list_tile(self, depth):
        return ft.ListTile(title=ft.Text(self.word()), leading=ft.Icon(ft.Icons.ADD), trailing=self.text(0))

    def slider(self, depth):
        return ft.Slider(value=self.rng.choice((1, 5)), min=0, max=10)

    def dropdown(self, depth):
        return ft.Dropdown(options=[ft.DropdownOption(key=word, text=word) for word in ("a", "b", "c")], value="a")

    def table(self, depth):
        return ft.DataTable(
            columns=[ft.DataColumn(ft.Text("one")), ft.DataColumn(ft.Text("two"))],
            rows=[ft.DataRow([ft.DataCell(ft.Text(self.word())), ft.DataCell(self.text(0))])
                  for _ in range(self.rng.randrange(4))])

    def tabs(self, depth):
        return ft.Tabs(length=2, content=ft.Column([
            ft.TabBar(tabs=[ft.Tab(label="one"), ft.Tab(label=ft.Text("two"))]),
            ft.TabBarView(controls=[ft.Text("first"), self.text(0)])]))

    def canvas(self, depth):
        paint = ft.Paint(stroke_width=2, color="red", gradient=ft.PaintLinearGradient((0, 0), (1, 1), ["red", "blue"]))
        return cv.Canvas([
            cv.Circle(1, 2, 3, paint),
            cv.Path([cv.Path.MoveTo(1, 2), cv.Path.LineTo(3, 4), cv.Path.Close()], paint=paint),
            cv.Text(1, 2, self.word(), ft.TextStyle(size=2))][:self.rng.randrange(4)])

    def chart(self, depth):
        """Data points inside series inside a chart, as the chart packages have them."""
        return app.Gauge(parts=[app.Plain(str(n), items=[app.Plain(str(m), m) for m in range(self.rng.randrange(4))])
                                for n in range(self.rng.randrange(4))])

    def tile(self, depth):
        rng = self.rng
        tile = app.Tile(title=self.word(), tags=[self.word() for _ in range(rng.randrange(3))],
                        plain=rng.choice((None, self.plain(1))))
        if rng.random() < 0.1:
            tile.fails = rng.choice(("build", "before_update", "did_mount", "will_unmount"))
        return tile

    def gauge(self, depth):
        return app.Gauge(controls=self.controls(depth), value=self.rng.choice((0, 1.5, NAN)),
                         grid=[[1, 2], [self.text(0), 3], []][:self.rng.randrange(4)],
                         table={"a": 1, "b": self.text(0), "c": {"d": [1]}} if self.rng.random() < 0.5 else {},
                         optional=self.rng.choice((None, [], [1], [self.text(0)])), anything=self.thing(1))

    def same(self, depth):
        return app.Same(value=self.thing(depth), children=[self.thing(depth - 1) for _ in range(3)] if depth > 0 else [])

    def alike(self, depth):
        return app.Alike(name=self.word(), value=self.thing(0))

    def picky(self, depth):
        return app.Picky(low=self.rng.choice((0, 0, 5, 20)), limit=self.rng.choice((None, [], [1, 2, 3])),
                         child=self.text(0) if depth > 1 else None)

    def meddler(self, depth):
        return app.Meddler(self.controls(depth), target=self.rng.choice(self.kept) if self.kept else None,
                           wish=self.rng.choice(("value", "append", "siblings", "pop", "parent", "shadow", "replace")))

    def odd(self, depth):
        return app.Odd(self.controls(depth), name=self.word())

    def veiled(self, depth):
        return app.Veiled(self.controls(depth), caption=self.word(), closed=self.rng.random() < 0.3)

    def bare(self, depth):
        return app.Bare(self.controls(depth))

    def frozen(self, depth):
        control = ft.Column(self.controls(depth))
        control._frozen = True
        return control

    def changed_class(self, depth):
        return self.changing(self.controls(depth), label=self.word())

    def plain(self, depth):
        rng = self.rng
        plain = app.Plain(self.word(), rng.choice((0, 1, NAN)), [self.word() for _ in range(rng.randrange(3))],
                          {"k": 1} if rng.random() < 0.3 else {}, on_thing=rng.choice(HANDLERS))
        if depth > 0:
            plain.inner = self.thing(depth - 1)
            plain.items.extend(self.thing(depth - 1) for _ in range(rng.randrange(3)))
        return plain

    def thing(self, depth):
        """A value that a property may have."""
        rng = self.rng
        kind = rng.randrange(22 if depth > 0 else 10)
        if kind < 4:
            return rng.choice(CHAOS)
        if kind < 5:
            return ft.Padding(1, rng.choice((0, 2)), 3, 4)
        if kind < 6:
            return ft.TextStyle(size=rng.choice((None, 1, 2)), font_family_fallback=["a", "b"])
        if kind < 7:
            return rng.choice((ft.Colors.RED, ft.FontWeight.BOLD, ft.Duration(milliseconds=5), ft.Icons.ADD))
        if kind < 8:
            return app.Speed(rng.choice((0, 1)), notes=["n"] if rng.random() < 0.5 else [])
        if kind < 9:
            return self.plain(depth - 1)
        if kind < 10:
            return rng.choice(([], {}, [1, 2], {"a": 1}, app.Names(["x"]), app.Table(y=1), ()))
        if kind < 13:
            return self.control(depth - 1)
        if kind < 15:
            return [self.thing(depth - 1) for _ in range(rng.randrange(4))]
        if kind < 17:
            return {rng.choice(("a", "b", 3, True, "c")): self.thing(depth - 1) for _ in range(rng.randrange(4))}
        if kind < 18:
            return app.Names(self.thing(depth - 1) for _ in range(rng.randrange(4)))
        if kind < 19:
            return app.Table({rng.choice("abc"): self.thing(depth - 1) for _ in range(rng.randrange(3))})
        if kind < 20:
            return (self.thing(depth - 1), 1)
        if kind < 21:
            return app.Unequal(self.word(), [self.thing(depth - 1)])
        if self.kind != "chaos" or rng.random() < 0.5:
            return rng.choice(WILD if rng.random() < 0.1 else CHAOS)
        return rng.choice((
            lambda: app.Shy([self.thing(0), self.thing(0)]), lambda: app.Fixed(self.word()),
            lambda: app.Slotted(self.word()), lambda: app.Unordered(self.word()), lambda: app.Moody(True),
            lambda: app.Moody(None), lambda: app.Plain, lambda: app.Item(self.word()), lambda: app.Model([1, [2]]),
            lambda: {1: 2, None: 3, "x": {4}}, lambda: handler, lambda: app.Speed(control=self.control(0))))()

    # What is there.

    def survey(self):
        """The controls, lists, dicts and other dataclasses under the page, in a fixed order."""
        found = types.SimpleNamespace(controls=[], lists=[], dicts=[], others=[], owners={})
        seen = set()
        pending = [(self.page, None)]
        while pending and len(seen) < 4000:
            value, owner = pending.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, list):
                found.lists.append(value)
                found.owners[id(value)] = owner
                pending += [(item, owner) for item in list.__iter__(value) if type(item) not in SCALARS]
            elif isinstance(value, dict):
                found.dicts.append(value)
                found.owners[id(value)] = owner
                pending += [(item, owner) for item in dict.values(value) if type(item) not in SCALARS]
            elif hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
                (found.controls if isinstance(value, BaseControl) else found.others).append(value)
                pending += [(item, value) for item in held(value) if type(item) not in SCALARS]
                values = getattr(value, "_values", None)
                if type(values) is dict:
                    pending += [(item, value) for item in values.values() if type(item) not in SCALARS]
        return found

    def holds(self, control, other):
        """Whether `other` is `control` or below it: no tree may hold itself."""
        pending, seen = [control], set()
        while pending:
            value = pending.pop()
            if value is other:
                return True
            if id(value) in seen or isinstance(value, (str, bytes)):
                continue
            seen.add(id(value))
            if isinstance(value, (list, tuple)):
                pending += list.__iter__(value) if isinstance(value, list) else value
            elif isinstance(value, dict):
                pending += dict.values(value)
            elif hasattr(type(value), "__dataclass_fields__"):
                pending += [item for name, item in attributes(value).items() if name != "_parent" and name[:2] != "__"]
        return False

    # What is done to it. Each takes the survey; what it raises is told.

    def insert(self, found):
        items = self.list_of(found)
        new = self.item_for(items)
        if not self.holds(new, found.owners[id(items)]):
            items.insert(self.rng.randrange(len(items) + 1), new)

    def append(self, found):
        items = self.list_of(found)
        for _ in range(self.rng.choice((1, 1, 2, 5))):
            new = self.item_for(items)
            if not self.holds(new, found.owners[id(items)]):
                items.append(new)

    def remove(self, found):
        items = self.filled(found)
        for _ in range(self.rng.choice((1, 1, 2))):
            if items:
                del items[self.rng.randrange(len(items))]

    def pop(self, found):
        self.filled(found).pop()

    def remove_equal(self, found):
        """As list.remove() does it: the first that is equal goes, which need not be the one that is meant."""
        items = self.filled(found)
        if items:
            items.remove(self.rng.choice(items))

    def move(self, found):
        items = self.filled(found)
        items.insert(self.rng.randrange(len(items)), items.pop(self.rng.randrange(len(items))))

    def reverse(self, found):
        self.filled(found).reverse()

    def sort(self, found):
        self.filled(found).sort(key=lambda item: (str(getattr(item, "value", item))[:3], type(item).__name__))

    def shuffle(self, found):
        self.rng.shuffle(self.filled(found))

    def swap(self, found):
        items = self.filled(found)
        a, b = self.rng.randrange(len(items)), self.rng.randrange(len(items))
        items[a], items[b] = items[b], items[a]

    def replace(self, found):
        items = self.filled(found)
        new = self.item_for(items)
        if not self.holds(new, found.owners[id(items)]):
            items[self.rng.randrange(len(items))] = new

    def clear(self, found):
        self.list_of(found).clear()

    def cut(self, found):
        items = self.filled(found)
        first = self.rng.randrange(len(items))
        last = first + self.rng.randrange(4)
        new = [self.item_for(items) for _ in range(self.rng.randrange(3))]
        if not self.holds(new, found.owners[id(items)]):
            items[first:last] = new

    def double(self, found):
        """The same item once more."""
        items = self.filled(found)
        items.append(self.rng.choice(list(list.__iter__(items))))

    def new_list(self, found):
        control = self.rng.choice(found.controls)
        if isinstance(getattr(control, "controls", None), list):
            control.controls = self.rng.choice((list, list, app.Names))(self.controls(2))

    def same_list(self, found):
        """Another list of the same items."""
        control = self.rng.choice(found.controls)
        if isinstance(getattr(control, "controls", None), list):
            control.controls = list(control.controls)

    def reparent(self, found):
        items, others = self.filled(found), self.list_of(found)
        at = self.rng.randrange(len(items))
        if not self.holds(list.__getitem__(items, at), found.owners[id(others)]):
            others.append(items.pop(at))

    def keep_and_drop(self, found):
        if self.kept and self.rng.random() < 0.6:
            control = self.rng.choice(self.kept)
            items = self.list_of(found)
            if not self.holds(control, found.owners[id(items)]):
                items.append(control)
        elif self.kept:
            self.kept.pop(self.rng.randrange(len(self.kept)))

    def set_property(self, found):
        control = self.rng.choice(found.controls)
        names = getattr(type(control), "_prop_defaults", None) or [
            name for name in type(control).__dataclass_fields__ if name[:1] != "_"]
        name = self.rng.choice(list(names))
        if name[:3] == "on_":
            value = self.rng.choice(HANDLERS)
        elif name in ("content", "title", "leading", "trailing", "prefix", "label"):
            value = self.rng.choice((None, self.word(), self.control(2)))
        elif name in ("visible", "disabled", "expand"):
            value = self.rng.random() < 0.7
        elif name == "key":
            value = self.rng.choice((None, "a", "b", 1))
        else:
            value = self.thing(2) if self.rng.random() < 0.4 else self.rng.choice(CHAOS)
        if not self.holds(value, control):
            setattr(control, name, value)

    def set_known(self, found):
        """What apps do all day."""
        control = self.rng.choice(found.controls)
        for name, values in (("value", (1, 2, "x", True, False)), ("text", ("a", "b")), ("spacing", (1, 2, 10)),
                             ("tooltip", ("t", None)), ("title", ("new", "")), ("label", ("l", None)), ("low", (0, 50))):
            if name in type(control).__dataclass_fields__:
                setattr(control, name, self.rng.choice(values))

    def set_equal(self, found):
        control = self.rng.choice(found.controls)
        names = list(getattr(control, "_values", None) or ())
        if names:
            name = self.rng.choice(names)
            value = getattr(control, name)
            setattr(control, name, list(value) if type(value) is list else value)

    def set_default(self, found):
        control = self.rng.choice(found.controls)
        defaults = getattr(type(control), "_prop_defaults", {})
        for name in list(getattr(control, "_values", {}))[:2]:
            setattr(control, name, defaults.get(name))

    def there_and_back(self, found):
        control = self.rng.choice(found.controls)
        old = control.visible if hasattr(control, "visible") else None
        if old is not None:
            control.visible = not old
            control.visible = old

    def toggle(self, found):
        for control in self.rng.sample(found.controls, min(2, len(found.controls))):
            if hasattr(control, "visible"):
                control.visible = not control.visible

    def set_structure(self, found):
        """A field that is a list, a dict or a dataclass by its declaration."""
        control = self.rng.choice(found.controls)
        names = sorted(name for name in getattr(type(control), "_structural_fields", ()) if name[:1] != "_")
        if names:
            value = self.thing(2) if self.rng.random() < 0.5 else self.rng.choice((None, [], {}, [self.control(1)]))
            if not self.holds(value, control):
                setattr(control, self.rng.choice(names), value)

    def set_data(self, found):
        if not found.others:
            return
        other = self.rng.choice(found.others)
        names = [name for name in type(other).__dataclass_fields__ if name[:1] != "_"]
        if names:
            value = self.thing(1) if self.rng.random() < 0.5 else self.rng.choice(CHAOS)
            if not self.holds(value, other):
                setattr(other, self.rng.choice(names), value)

    def set_data_twice(self, found):
        """Changed and changed back: a net-zero change."""
        for other in found.others[:3]:
            if isinstance(other, app.Plain):
                old = other.name
                other.name = "else"
                if self.rng.random() < 0.5:
                    other.name = old

    def set_dict(self, found):
        if found.dicts:
            table = self.rng.choice(found.dicts)
            value = self.thing(1)
            if not self.holds(value, found.owners[id(table)]):
                table[self.rng.choice(("a", "b", "c", 3, "new"))] = value

    def drop_from_dict(self, found):
        filled = [table for table in found.dicts if table]
        if filled:
            table = self.rng.choice(filled)
            del table[self.rng.choice(list(table))]

    def fail(self, found):
        for control in found.controls:
            if isinstance(control, app.Tile) and self.rng.random() < 0.3:
                control.fails = self.rng.choice((None, None, None, "before_update", "will_unmount", "did_mount"))
            if isinstance(control, app.Picky):
                control.limit = self.rng.choice((None, [], [1, 2, 3]))

    def hook_of_instance(self, found):
        """An attribute of the object in the place of a method of its class."""
        control = self.rng.choice(found.controls)
        number = len(log)
        name = self.rng.choice(("before_update", "build", "did_mount", "will_unmount", "is_isolated"))
        object.__setattr__(control, name, lambda: log.append("%s of its own %d" % (name, number)))

    def change_class(self, found):
        """Methods come and go while instances are on the page."""
        if self.changing is None:
            self.changing = app.changeable()
            self.pool = self.pool + [self.changed_class] * 3
            return
        name = self.rng.choice(("before_update", "build", "is_isolated", "did_mount", "label", "_migrate_state"))
        if name in vars(self.changing) and name != "label":
            delattr(self.changing, name)
        elif name == "label":
            self.changing.label = property(lambda it: "fixed", lambda it, value: log.append("label set"))
        elif name == "_migrate_state":
            self.changing._migrate_state = lambda it, other: BaseControl._migrate_state(it, other)
        else:
            setattr(self.changing, name, lambda it: log.append("late %s(%s)" % (name, it._i)))

    def change_flet(self, found):
        """A method of Flet's own classes, replaced by the app as they stand."""
        if self.undo:
            self.undo.pop()()
            return
        owner = self.rng.choice((ft.Text, ft.Container, ft.Row, ft.Control))
        old = vars(owner).get("before_update")
        owner.before_update = lambda it: log.append("patched %s" % it._i)

        def undo():
            if old is None:
                del owner.before_update
            else:
                owner.before_update = old

        self.undo.append(undo)

    def freeze(self, found):
        control = self.rng.choice(found.controls[1:] or found.controls)
        if hasattr(control, "_frozen"):
            del control._frozen
        elif self.rng.random() < 0.5 and control is not self.page:
            object.__setattr__(control, "_frozen", True)

    def share(self, found):
        """One value object in two places."""
        if found.others and found.controls:
            other, control = self.rng.choice(found.others), self.rng.choice(found.controls)
            if hasattr(control, "tooltip") and not self.holds(other, control):
                control.tooltip = other

    def dialog(self, found):
        dialogs = self.page._dialogs.controls
        if dialogs and self.rng.random() < 0.5:
            self.page.pop_dialog()
        else:
            self.page.show_dialog(self.keep(ft.AlertDialog(title=ft.Text(self.word() or "d"), content=self.control(1),
                                                           actions=[self.button(0)])))

    def snack(self, found):
        self.page.show_dialog(ft.SnackBar(ft.Text(self.word() or "s")))

    def overlay(self, found):
        if self.page.overlay and self.rng.random() < 0.5:
            self.page.overlay.pop()
        else:
            self.page.overlay.append(self.control(1))

    def service(self, found):
        service = self.keep(self.rng.choice((lambda: app.Watch(rate=self.rng.randrange(3)), ft.Clipboard))())
        if self.rng.random() < 0.4:
            self.kept.append(service)

    def view(self, found):
        views = self.page.views
        if len(views) > 1 and self.rng.random() < 0.5:
            views.pop()
        else:
            views.append(self.keep(ft.View(route="/%s" % self.word(), controls=self.controls(2),
                                           appbar=self.rng.choice((None, ft.AppBar(title=ft.Text("bar")))))))

    def page_property(self, found):
        page = self.page
        page.title = self.word()
        if self.rng.random() < 0.5:
            page.theme = self.rng.choice((None, ft.Theme(color_scheme_seed="red"), ft.Theme(
                text_theme=ft.TextTheme(body_large=ft.TextStyle(size=1)), font_family="f")))
        elif self.rng.random() < 0.5:
            page.floating_action_button = self.rng.choice((None, ft.FloatingActionButton(icon=ft.Icons.ADD)))

    def client_patch(self, found):
        control = self.rng.choice(found.controls)
        self.session.apply_patch(control._i, self.rng.choice((
            {"value": "typed"}, {"value": True}, {"selected_index": 1}, {"width": 3, "height": None},
            {"spacing": 10, "_private": 1}, {"value": ["a", 1]}, {"value": {"k": 1}}, {"value": []}, {"value": None},
            {"opacity": 7}, {"opacity": 0.5}, {"tooltip": {"message": "m"}}, {"padding": {"left": -1}})))

    def list_of(self, found):
        items = self.rng.choice(found.lists)
        return items if found.owners[id(items)] is not None else self.page.controls

    def filled(self, found):
        filled = [items for items in found.lists if len(items) > 0 and items is not self.page.views]
        if not filled:
            raise LookupError("no list")
        return self.rng.choice(filled)

    def item_for(self, items):
        first = next(list.__iter__(items), None)
        if first is None or isinstance(first, BaseControl) or self.rng.random() < 0.05:
            return self.control(1 if self.kind == "long" else 2)
        if isinstance(first, app.Plain):
            return self.plain(1)
        if isinstance(first, list):
            return [self.thing(0) for _ in range(2)]
        return self.thing(1) if self.rng.random() < 0.3 else self.rng.choice(CHAOS)

    # Declarative pages.

    def model_change(self, found=None):
        rng, model = self.rng, self.model
        choice = rng.randrange(12)
        if choice == 0 or not model.items:
            model.items.append(app.Item(self.word() + str(rng.randrange(6))))
        elif choice == 1:
            model.items.pop(rng.randrange(len(model.items)))
        elif choice == 2:
            model.items.reverse()
        elif choice == 3:
            item = rng.choice(model.items)
            item.text = self.word()
        elif choice == 4:
            item = rng.choice(model.items)
            item.done = not item.done
        elif choice == 5:
            model.title = rng.choice(("model", "other", "fail", "Ω"))
        elif choice == 6:
            model.mode ^= 1 << rng.randrange(8)
        elif choice == 7:
            app.setters["app"](rng.randrange(5))
        elif choice == 8:
            app.setters["app"](lambda value: value + 1)
        elif choice == 9:
            setter = app.setters.get(id(rng.choice(model.items)))
            if setter:
                setter(rng.random() < 0.5)
        elif choice == 10:
            model.items.insert(0, app.Item("first"))
        else:
            model.items = [item for item in model.items if not item.done] + [app.Item("new")]

    # Updates.

    def whole(self, found):
        self.page.update()

    def part(self, found):
        self.rng.choice(rooted(found.controls)).update()

    def parts(self, found):
        controls = rooted(found.controls)
        self.page.update(*self.rng.sample(controls, min(2, len(controls))))

    def nothing(self, found):
        pass

    def event(self, found):
        control = self.rng.choice(rooted(found.controls))
        name = self.rng.choice(("click", "change", "resize", "submit"))
        data = self.rng.choice((None, "x", True, {"width": 1, "height": 2}, {"x": 1}))
        above, seen = self.session._Session__index.get(control._i), set()
        while above is not None and id(above) not in seen:
            seen.add(id(above))
            above = above.parent
        if above is None:  # else it lies in itself, and Flet looks for its page for ever
            loop.run_until_complete(self.session.dispatch_event(control._i, name, data))

    def frozen_patch(self, found):
        """Two descriptions of one thing, as a component gives them."""
        owner = self.rng.choice(found.controls)
        old, new = (self.keep(self.container(2)) for _ in range(2))
        if self.rng.random() < 0.5:
            new.content, new.key = old.content, old.key
        self.session.patch_control(control={"_b": old}, prev_control={"_b": None}, parent=owner, path=[], frozen=True)
        self.session.patch_control(control={"_b": new}, prev_control={"_b": old}, parent=owner, path=[], frozen=True)

    def housekeeping(self, found):
        self.page._services.unregister_services()

    def connect(self, found):
        """What a client that registers again is given."""
        self.server.send_message(Message(MessageAction.PATCH_CONTROL, [self.session.get_page_patch()]))

    MUTATIONS = (
        [insert, append, append, remove, remove_equal, pop, move, reverse, sort, shuffle, swap, replace, clear, cut, double, new_list,
         same_list, reparent, keep_and_drop, set_known, set_known, set_known, toggle, set_property, set_property]
        + [set_equal, set_default, there_and_back, set_structure, set_data, set_data_twice, set_dict, drop_from_dict]
        + [fail, dialog, snack, overlay, service, view, page_property, client_patch, share])
    RARE = [hook_of_instance, change_class, change_flet, freeze]
    UPDATES = [whole] * 9 + [part] * 5 + [parts, event, event, nothing, frozen_patch, housekeeping]

    def attempt(self, what, *arguments):
        try:
            what(*arguments)
        except RecursionError:  # a control below itself: how deep that goes is a matter of how the walk is written
            self.endless = True
        except Exception as error:
            log.append("%s: %s" % (type(error).__qualname__, settled(str(error))))

    async def pump(self):
        """Lets the session's own scheduler of updates do its work."""
        for _ in range(5):
            await asyncio.sleep(0)
        task = self.session._Session__updates_task
        if task is not None and task.done():
            if not task.cancelled() and task.exception() is not None:
                error = task.exception()
                log.append("scheduler: %s: %s" % (type(error).__qualname__, settled(str(error))))
            self.session._Session__updates_task = None
            self.session.start_updates_scheduler()

    def first(self):
        rng = self.rng
        count = {"long": rng.choice((30, 60, 120)), "deep": 1}.get(self.kind, rng.randrange(1, 8))
        if self.kind == "components":
            self.model = app.Model([app.Item("item%d" % n) for n in range(rng.randrange(1, 6))])
            self.connect(None)

            async def render():
                self.page.render(app.App, self.model)
                await self.pump()

            loop.run_until_complete(render())
            return
        depth = {"long": 1, "deep": 7}.get(self.kind, 3)
        self.page.controls.extend(self.control(depth) for _ in range(count))
        if rng.random() < 0.8:
            self.connect(None)
        else:
            self.page.update()

    def does(self, step, number):
        """Begins what the step does as its `number`: chosen by itself, so that others can be left out."""
        self.rng.seed("%d %d %d" % (self.seed, step, number))
        return "%d.%d" % (step, number) not in skipped

    def step(self, step):
        if not self.does(step, 0):
            return
        rng = self.rng
        if self.kind == "components" and rng.random() < 0.9:
            count, whole = rng.choice((1, 1, 2, 3)), rng.random() < 0.2
            for number in range(1, count + 1):
                if self.does(step, number):
                    self.attempt(self.model_change)
            if whole:
                self.attempt(self.page.update)
            loop.run_until_complete(self.pump())
            return
        found, again = self.survey(), rng.random() < 0.5
        for number in range(1, rng.choice((0, 1, 1, 1, 2, 3, 5)) + 1):
            if not self.does(step, number):
                continue
            what = rng.choice(self.RARE if rng.random() < 0.04 else self.MUTATIONS)
            log.append("- %d.%d %s" % (step, number, what.__name__))
            self.attempt(what, self, found)
        if self.does(step, 9):
            found = self.survey() if again else found
            what = rng.choice(self.UPDATES)
            log.append("+ %d.9 %s" % (step, what.__name__))
            self.attempt(what, self, found)
        if self.kind == "components":
            loop.run_until_complete(self.pump())

    def told(self, step, last):
        """The transcript of the step that was made last."""
        if self.endless:
            return "a page without an end"
        lines = list(log) + list(map(told_packet, sent))
        if options.ignore:
            lines = [line for line in lines if options.ignore not in line]
        del log[:], sent[:]
        gc.collect()  # Flet's own code leaves cycles (tracebacks with their frames) that keep parents of controls alive
        if (self.seed + step) % 3 and step != last:
            return "\n".join(lines)  # the state is told at every third step and at the last
        index = self.session.index
        roots = [("page", self.page), ("index", [(key, index.get(key)) for key in list(index.keys())])]
        roots.append(("alive", "".join("0" if made() is None else "1" for made in self.made)))
        roots.append(("kept", self.kept))
        return "\n".join(lines) + "\n" + Dump(roots, self.seed % 4 == 3).text()


def rooted(controls):
    """Those whose parents have an end. Flet looks for the page of a control from parent to parent, which in a circle (a
    control that was put below itself) never ends."""
    def ends(control):
        for _ in range(1000):
            if control is None:
                return True
            control = control.parent
        return False
    return list(filter(ends, controls))


def told_packet(packet):
    if b"Traceback (most recent call last)" in packet and b"\x92\x06" in packet[:8]:
        # What Flet tells of an error says the frames of Python, and what is native has none.
        body = msgpack.unpackb(packet[packet.index(b"\x92\x06"):])
        return "packet of an error: %s" % settled(repr(body).partition("Traceback")[0])
    return "packet %s" % packet.hex()


def main():
    first, _, last = options.seeds.partition("-")
    out = sys.stdout
    gc.disable()  # a collection at another allocation is another order of events
    World(0).close()
    gc.collect()
    gc.freeze()
    for seed in range(int(first), int(last or first) + 1):
        world = World(seed)
        steps = world.rng.choice((10, 20, 40, 80))
        steps = options.steps or steps
        for step in range(steps + 1):
            if step:
                world.attempt(world.step, step)
            else:
                world.attempt(world.first)
            told = world.told(step, steps)
            if options.full:
                out.write("=== seed %d step %d (%s)\n%s\n" % (seed, step, world.kind, told))
            else:
                digest = hashlib.blake2b(told.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
                out.write("%d %d %s\n" % (seed, step, digest))
            if world.endless:
                break
        out.flush()
        world.close()
        del world
        gc.collect()
        gc.freeze()  # what is left are modules and caches: no collection of the next page looks at them
    if package is not None:
        print("counters %s" % package.counters(), file=sys.stderr)
        if options.accelerators == "verify":
            print("unverified %s" % sys.modules["fletbridge.accelerate.verify"].reasons, file=sys.stderr)
            for line in package.differences():
                print("difference %s" % line, file=sys.stderr)
            counted = package.counters()
            sys.exit(3 if package.differences() or not counted["compared"] + counted["answers"] else 0)


if __name__ == "__main__":
    main()
