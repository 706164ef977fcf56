"""Controls, dataclasses and components as apps define them, for the generated pages."""

from dataclasses import dataclass, field
from typing import Any, Optional

import flet as ft

try:
    from flet.utils.validation import V
except ImportError:  # before 0.84
    V = None

log = []  # what happened in the order in which it happened; the world empties it after each step


class Refused(Exception):
    """What the hooks here raise."""


def note(control, hook):
    log.append("%s %s(%s)" % (hook, type(control).__qualname__, control._i))
    if getattr(control, "fails", None) == hook:
        raise Refused("%s of %s" % (hook, control._i))


class Names(list):
    """A list of the app's own."""


class Shy(list):
    """A list that says less than it has."""

    def __iter__(self):
        return iter(list.__getitem__(self, slice(0, max(0, len(self) - 1))))


class Table(dict):
    """A dict of the app's own."""


@dataclass
class Plain:
    """A dataclass that Flet has not seen before: it puts its own __setattr__ into it."""

    name: str = ""
    rank: Any = 0
    items: list = field(default_factory=list)
    table: dict = field(default_factory=dict)
    inner: Any = None
    on_thing: Any = None
    hidden: Any = field(default=None, metadata={"skip": True})


@dataclass(eq=False)
class Unequal:
    name: str = ""
    items: list = field(default_factory=list)


@dataclass(frozen=True)
class Fixed:
    """Frozen as dataclasses are: Flet cannot set an attribute of it."""

    name: str = ""


@dataclass(slots=True)
class Slotted:
    name: str = ""


@dataclass
class Unordered:
    """Its comparison with anything is an error."""

    name: str = ""

    def __eq__(self, other):
        raise Refused("compared")

    __hash__ = object.__hash__


class Moody:
    """No dataclass; equal to everything, or an error to compare. MessagePack cannot have it."""

    def __init__(self, answer):
        self.answer = answer

    def __eq__(self, other):
        if self.answer is None:
            raise Refused("compared")
        return self.answer

    __hash__ = object.__hash__


@ft.control
class Tile(ft.Container):
    """Own fields of every kind and every hook."""

    title: str = ""
    tags: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    plain: Optional[Plain] = None
    part: Plain = field(default_factory=Plain)
    fails: Optional[str] = field(default=None, metadata={"skip": True})

    def init(self):
        note(self, "init")

    def build(self):
        note(self, "build")
        if self.title and self.content is None:
            self.content = ft.Text("built " + self.title)

    def before_update(self):
        super().before_update()
        note(self, "before_update")
        # The text of a control has its address, which no two processes share.
        title = self.title if isinstance(self.title, (str, int, float)) else type(self.title).__name__
        self.tooltip = "%s of %d" % (title, len(self.tags))

    def did_mount(self):
        note(self, "did_mount")

    def will_unmount(self):
        note(self, "will_unmount")


@ft.control("Gauge", isolated=True)
class Gauge(ft.LayoutControl):
    """Isolated; lists of lists and dicts of controls."""

    value: float = 0
    controls: list[ft.Control] = field(default_factory=list)
    grid: list[list[Any]] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=dict)
    optional: Optional[list[Any]] = None
    anything: Any = None
    parts: list[Plain] = field(default_factory=list)


@ft.control("Meddler")
class Meddler(ft.Column):
    """Changes other nodes while it is compared."""

    target: Any = field(default=None, metadata={"skip": True})
    wish: str = field(default="", metadata={"skip": True})
    times: int = field(default=0, metadata={"skip": True})

    def before_update(self):
        note(self, "before_update")
        target, self.times = self.target, self.times + 1
        if target is None or self.times % 3 == 0:
            return
        if self.wish == "value":
            target.tooltip = "meddled %d" % self.times
        elif self.wish == "append":
            self.controls.append(ft.Text("mine %d" % self.times))
        elif self.wish == "siblings" and isinstance(getattr(target, "controls", None), list):
            target.controls.insert(0, ft.Text("theirs %d" % self.times))
        elif self.wish == "pop" and getattr(target, "controls", None):
            target.controls.pop()
        elif self.wish == "parent" and self.parent is not None:
            self.parent.tooltip = "child %d" % self.times
        elif self.wish == "shadow":
            target.before_update = lambda: log.append("shadowed before_update")
        elif self.wish == "replace":
            self.controls = [ft.Text("new %d" % self.times)]


@ft.control("Picky")
class Picky(ft.LayoutControl):
    """Validates itself, with a rule that can change its answer by what lies outside."""

    low: int = 0
    high: int = 10
    limit: Any = field(default=None, metadata={"skip": True})
    child: Any = None

    __validation_rules__ = V and (
        V.ensure(lambda self: self.low <= self.high, message=lambda self: "low %s high %s" % (self.low, self.high)),
        V.ensure(lambda self: self.limit is None or len(self.limit) < 3, message="too many"),
        V.ensure(lambda self: self.child is None or getattr(self.child, "visible", True), message="child hidden"),
    )


@ft.control("Odd")
class Odd(ft.Column):
    """A class that does what it likes with attributes."""

    name: str = ""
    level: int = 0

    def __setattr__(self, name, value):
        if not name.startswith("_"):
            log.append("set %s" % name)
        super().__setattr__(name, value)


@ft.control("Veiled")
class Veiled(ft.Column):
    """Properties in the place of fields, an attribute that is not there, an answer of its own to is_isolated()."""

    caption: str = ""
    closed: bool = field(default=False, metadata={"skip": True})

    def is_isolated(self):
        log.append("is_isolated(%s)" % self._i)
        return self.closed

    def __getattr__(self, name):
        if name == "phantom":
            return "here"
        raise AttributeError(name)

    def _migrate_state(self, other):
        super()._migrate_state(other)
        log.append("migrate %s" % self._i)


@ft.control("Same", eq=False)
class Same(ft.LayoutControl):
    """Compared by identity."""

    value: Any = None
    children: list[Any] = field(default_factory=list)


@ft.control("Alike")
class Alike(ft.LayoutControl):
    """Compared by name alone, and hashed by it."""

    name: str = ""
    value: Any = None

    def __eq__(self, other):
        return isinstance(other, Alike) and other.name == self.name

    def __hash__(self):
        return hash(self.name)


@getattr(ft, "value", dataclass)
class Speed:
    """A value type of the app's own."""

    number: float = 0
    unit: str = "m/s"
    notes: list[str] = field(default_factory=list)
    control: Any = None


class Bare(ft.Column):
    """A subclass without the decorator: an instance attribute, no field."""

    wanted = 3

    def before_update(self):
        note(self, "before_update")


@ft.control("Watch")
class Watch(ft.Service):
    rate: int = 0

    def did_mount(self):
        log.append("did_mount Watch(%s)" % self._i)

    def will_unmount(self):
        log.append("will_unmount Watch(%s)" % self._i)


def changeable():
    """A class of its own for a page that changes the class while it stands."""

    @ft.control("Changing")
    class Changing(ft.Column):
        label: str = ""

    return Changing


# Declarative.


@ft.observable
@dataclass
class Item:
    text: str
    done: bool = False


@ft.observable
@dataclass
class Model:
    items: list = field(default_factory=list)
    title: str = "model"
    mode: int = 0


@ft.component
def Row(item, removed=None, keyed=False):
    flag, set_flag = ft.use_state(False)
    setters[id(item)] = set_flag

    def effect():
        log.append("effect %s" % item.text)
        return lambda: log.append("cleanup %s" % item.text)

    ft.use_effect(effect, [item.text])
    log.append("render Row %s" % item.text)
    return ft.Row(
        [
            ft.Checkbox(label=item.text, value=item.done, on_change=lambda e: None),
            ft.Text("on" if flag else "off", style=ft.TextStyle(size=12, italic=flag)),
            ft.IconButton(ft.Icons.DELETE, on_click=lambda e: removed and removed(item)),
        ]
    )


@ft.component
def Plainest(text):
    log.append("render Plainest %s" % text)
    if text == "fail":
        raise Refused("render")
    return ft.Text(text)


MemoPlainest = ft.memo(Plainest)


@ft.component
def Many(texts):
    log.append("render Many")
    return [ft.Text(text, key=text if len(text) % 2 else None) for text in texts]


@ft.component
def App(model):
    log.append("render App")
    count, set_count = ft.use_state(0)
    setters["app"] = set_count
    doubled = ft.use_memo(lambda: count * 2, [count])
    rows = [Row(item, keyed=True, key=item.text) if model.mode & 1 else Row(item) for item in model.items]
    head = ft.Text(model.title, size=20 + doubled, key=("head%d" % count) if model.mode & 2 else None)
    body = ft.Column(rows, spacing=count if model.mode & 4 else 5)
    tail = [MemoPlainest("memo %d" % (count // 3)), Plainest(model.title), ft.Container(Plainest("in %d" % doubled))]
    if model.mode & 8:
        tail.reverse()
    if model.mode & 16:
        tail.append(Tile(title=model.title))
    if model.mode & 32:
        head = ft.Button(model.title, on_click=lambda e: None)
    if model.mode & 64:
        tail.append(ft.Container(content=ft.Container(ft.Text("deep", key=count % 2), key="k%d" % (count % 2))))
    parts = [head, body, *tail]
    return ft.Column(parts, key="root") if model.mode & 128 == 0 else parts


setters = {}
