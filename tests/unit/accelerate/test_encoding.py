"""The accelerator `encoding`: the same dictionaries, bytes, snapshots and exceptions as Flet's own encoder. Room: tests."""

import dataclasses
import datetime
import enum
import gc
import random
import resource
import sys
import unittest
from typing import Any, Optional

import accelerated

ACCELERATORS = accelerated.switch_on("encoding")

import flet as ft  # noqa: E402
import msgpack  # noqa: E402
from flet.messaging import flet_socket_server, protocol  # noqa: E402

OURS = protocol.configure_encode_object_for_msgpack
SNAPSHOTS = ("__prev_lists", "__prev_dicts", "__prev_classes")
ROUNDS = 2000


class Text(str):
    pass


class Number(int):
    pass


class Values(list):
    pass


class Sliced(list):
    def __getitem__(self, key):
        return ["sliced"] if isinstance(key, slice) else super().__getitem__(key)


class Mapping(dict):
    def copy(self):
        return {"copied": 1}


class Pretender:
    """Says that it is a list."""

    __class__ = list

    def __getitem__(self, key):
        return [1, 2]


class Equal:
    def __eq__(self, other):
        return True

    __hash__ = None


class Unequal:
    def __eq__(self, other):
        raise ValueError("is not to be compared")

    __hash__ = None


class Plain(enum.Enum):
    A = "a"
    B = 2


class Mixed(str, enum.Enum):
    A = "a"


class Flags(enum.IntFlag):
    A = 1


class Odd(enum.Enum):
    A = 1

    @property
    def value(self):
        return "odd"


@dataclasses.dataclass
class Point:
    x: int = 0
    y: Optional[float] = None
    more: list = dataclasses.field(default_factory=list)
    hidden: Any = dataclasses.field(default=1, metadata={"skip": True})
    on_change: Any = None
    on_plain: Any = dataclasses.field(default=None, metadata={"event": False})


@dataclasses.dataclass(frozen=True)
class Fixed:
    x: int = 0


@dataclasses.dataclass
class Slotted:
    __slots__ = ("x",)
    x: int


@dataclasses.dataclass
class Computed:
    x: int = 0

    def __getattribute__(self, name):
        return 7 if name == "x" else object.__getattribute__(self, name)


@dataclasses.dataclass
class Raising:
    x: int = 0


Raising.x = property(lambda self: 1 / 0)


@dataclasses.dataclass
class Lazy:
    def __getattr__(self, name):
        if name == "_frozen":
            return True
        raise AttributeError(name)


class Meta(type):
    def __getattr__(cls, name):
        raise AttributeError(name)


@dataclasses.dataclass
class Odder(metaclass=Meta):
    x: int = 3


@ft.control("Own")
class Own(ft.Control):
    title: str = "none"
    options: list = dataclasses.field(default_factory=list)
    settings: dict = dataclasses.field(default_factory=dict)
    point: Point = dataclasses.field(default_factory=Point)
    on_own: Any = None
    on_kept: Any = dataclasses.field(default=None, metadata={"event": False})
    _private: int = dataclasses.field(init=False, default=5)


@ft.control("Derived")
class Derived(Own):
    title: str = "derived"
    opacity: float = 0.5


def scalar(numbers):
    return numbers.choice([
        lambda: None, lambda: True, lambda: False, lambda: 0, lambda: 1, lambda: numbers.randrange(-2**33, 2**33),
        lambda: 2**63, lambda: -2**63, lambda: 0.5, lambda: float("nan"), lambda: 1.0, lambda: "", lambda: "none",
        lambda: "derived", lambda: "ü€𝄞", lambda: Text("text"), lambda: Number(7), lambda: b"bytes",
        lambda: bytearray(b"array"), lambda: memoryview(b"view"), lambda: Plain.A, lambda: Plain.B, lambda: Mixed.A,
        lambda: Flags.A, lambda: Odd.A, lambda: ft.MainAxisAlignment.START, lambda: ft.Icons.DELETE,
        lambda: ft.Colors.RED, lambda: datetime.datetime(2024, 5, 6, 7, 8), lambda: datetime.date(2024, 5, 6),
        lambda: datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc), lambda: datetime.time(7, 8),
        lambda: ft.Duration(seconds=3), lambda: (1, "two"), lambda: msgpack.ExtType(9, b"x"), lambda: Equal()])()


def bad(numbers):
    return numbers.choice([
        lambda: 2**64, lambda: "\ud800", lambda: {1, 2}, lambda: len, lambda: (lambda: 0), lambda: Unequal(),
        lambda: object(), lambda: Raising.__new__(Raising), lambda: Slotted(1), lambda: Fixed(1), lambda: Point, lambda: Plain,
        lambda: 1j, lambda: range(3), lambda: Pretender(), lambda: ft.Text, lambda: NotImplemented])()


def value(numbers, depth=0, rare=0.02):
    if numbers.random() < rare:
        return bad(numbers)
    if depth > 3 or numbers.random() < 0.6:
        return scalar(numbers)
    inner = lambda: value(numbers, depth + 1, rare)  # noqa: E731
    return numbers.choice([
        lambda: [inner() for _ in range(numbers.randrange(4))],
        lambda: {f"k{n}": inner() for n in range(numbers.randrange(4))},
        lambda: {n: inner() for n in range(numbers.randrange(3))},
        lambda: Values([inner()]), lambda: Sliced([inner()]), lambda: Mapping(a=1), lambda: (inner(), inner()),
        lambda: Point(x=inner(), more=[inner()], on_change=inner(), on_plain=inner()),
        lambda: Computed(), lambda: Lazy(), lambda: Odder(inner()),
        lambda: ft.Padding.all(numbers.randrange(3)), lambda: ft.TextStyle(size=numbers.randrange(20), weight=None),
        lambda: ft.Border.all(1, "red"), lambda: control(numbers, depth + 1, rare)])()


def control(numbers, depth=0, rare=0.02):
    inner = lambda: value(numbers, depth + 1, rare)  # noqa: E731
    made = numbers.choice([
        lambda: ft.Text("a text", size=numbers.randrange(20)), lambda: ft.Row([ft.Text("a"), ft.Checkbox()]),
        lambda: ft.Column([control(numbers, depth + 1, rare) for _ in range(numbers.randrange(3 if depth < 3 else 1))]),
        lambda: ft.Container(ft.Text("b"), padding=3, on_click=lambda e: 0), lambda: ft.Button("c", on_click=print),
        lambda: ft.TextField(value="d"), lambda: ft.IconButton(ft.Icons.DELETE), lambda: ft.Dropdown(),
        lambda: Own(title="own"), lambda: Derived(), lambda: ft.DataTable(columns=[], rows=[]),
        lambda: ft.NavigationBar(destinations=[])])()
    for field in numbers.sample(dataclasses.fields(made), min(3, len(dataclasses.fields(made)))):
        if field.metadata.get("skip") or field.name in ("_i", "_c") or numbers.random() < 0.3:
            continue
        try:
            setattr(made, field.name, inner())
        except Exception:  # what cannot be compared with the field's default
            continue
    if numbers.random() < 0.1:
        object.__setattr__(made, "_frozen", True)
    return made


def snapshots_of(given, seen, found):
    """Every object in `given` that has snapshots, with them."""
    if id(given) in seen or type(given) in (Pretender, Raising, Computed):
        return
    seen.add(id(given))
    held = getattr(given, "__dict__", None)
    if isinstance(held, dict):
        found.append((given, {name: held.get(name) for name in SNAPSHOTS}, list(held)))
        for each in list(held.values()):
            snapshots_of(each, seen, found)
    elif isinstance(given, dict):
        for each in given.values():
            snapshots_of(each, seen, found)
    elif isinstance(given, (list, tuple)):
        for each in list.__iter__(given) if isinstance(given, list) else given:
            snapshots_of(each, seen, found)


def same(left, right):
    """Equal, and of the same things in the same order: no comparison of the values' own."""
    if type(left) is not type(right):
        return False
    if type(left) is dict:
        return [*map(id, left)] == [*map(id, right)] and all(map(same, left.values(), right.values())) or (
            [*left] == [*right] and all(map(same, left.values(), right.values())))
    if type(left) in (list, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left is right or (isinstance(left, (str, int, float, bytes)) and repr(left) == repr(right))


class SameAsFlet(unittest.TestCase):
    def setUp(self):
        self.flets = OURS.__wrapped__(ft.BaseControl)
        self.ours = OURS(ft.BaseControl)

    def pack(self, encoder, given):
        try:
            return "bytes", msgpack.packb([2, given], default=encoder)
        except Exception as error:
            return "raises", type(error), str(error)

    def forget(self, given):
        found = []
        snapshots_of(given, set(), found)
        for each, _, _ in found:
            for name in SNAPSHOTS:
                each.__dict__.pop(name, None)

    def compare(self, given):
        results = []
        for encoder in (self.flets, self.ours):
            self.forget(given)
            packed = self.pack(encoder, given)
            found = []
            snapshots_of(given, set(), found)
            results.append((packed, found))
        (flets, kept), (ours, own) = results
        self.assertEqual(flets, ours)
        self.assertEqual(len(kept), len(own))
        for (one, flets_snapshots, names), (other, our_snapshots, our_names) in zip(kept, own):
            self.assertIs(one, other)
            self.assertEqual(names, our_names)
            self.assertTrue(same(flets_snapshots, our_snapshots), (one, flets_snapshots, our_snapshots))
        return ours

    def test_random_controls_and_values_are_encoded_as_Flet_does(self):
        numbers = random.Random(20)
        kinds = {"bytes": 0, "raises": 0}
        for number in range(ROUNDS):
            with self.subTest(number):
                kinds[self.compare(value(numbers) if number % 3 == 0 else control(numbers))[0]] += 1
        self.assertGreater(kinds["bytes"], ROUNDS / 4)
        self.assertGreater(kinds["raises"], ROUNDS / 100)

    def test_every_control_of_Flet_is_encoded_as_Flet_does(self):
        open_classes, seen, encoded = [ft.BaseControl], set(), 0
        for name in dir(ft):  # Flet imports its controls when they are asked for
            getattr(ft, name, None)
        numbers = random.Random(3)
        while open_classes:
            found = open_classes.pop()
            open_classes += [each for each in found.__subclasses__() if each not in seen]
            seen.add(found)
            try:
                made = found()
            except Exception:  # abstract, or with arguments
                continue
            for field in dataclasses.fields(made):
                if numbers.random() < 0.5 and field.init:
                    try:
                        setattr(made, field.name, value(numbers, 2, 0))
                    except Exception:
                        continue
            self.compare(made)
            encoded += 1
        self.assertGreater(encoded, 80)

    def test_the_list_that_is_sent_is_the_snapshot_and_no_list_of_the_app(self):
        row, own = ft.Row([ft.Text("a")]), Own(options=[1], settings={"a": 1})
        for control, field, snapshot in ((row, "controls", "__prev_lists"), (own, "options", "__prev_lists"),
                                         (own, "settings", "__prev_dicts")):
            result = self.ours(control)
            self.assertIs(result[field], getattr(control, snapshot)[field])
            self.assertIsNot(result[field], getattr(control, field))
        self.assertIs(own.point, getattr(own, "__prev_classes")["point"])

    def test_a_class_that_changes_is_looked_at_again(self):
        @ft.control("Changing")
        class Changing(ft.Control):
            title: str = "none"
            rows: list = dataclasses.field(default_factory=list)

        made = Changing(title="a", rows=[1])
        made.extra = 5
        self.compare(made)
        if hasattr(Changing, "_structural_fields"):
            Changing._structural_fields = frozenset({*Changing._structural_fields, "extra"})
            self.assertIn(b"extra", self.compare(made)[1])
            Changing._override_props = {"width": 9}
            self.assertIn(b"width", self.compare(made)[1])
            Changing._root_defaults = {"title": "a"}
            self.assertNotIn(b"title", self.compare(made)[1])
            Changing._event_fields = frozenset({"title"})
            Changing._root_defaults = {}
            self.compare(made)
            del Changing._structural_fields
            self.compare(made)
            made._values = None
            self.compare(made)
        Changing = dataclasses.dataclass(init=False)(Changing)
        self.compare(made)
        Changing.rows = property(lambda self: [4, 5])
        self.compare(made)
        Changing.__getattribute__ = lambda self, name: object.__getattribute__(self, name)
        self.compare(made)

    def test_hooks_that_change_what_is_being_encoded_end_as_with_Flet(self):
        class Adds:
            def __init__(self, target):
                self.target = target

            def __eq__(self, other):
                held = getattr(self.target, "_values", None)
                if held is not None:
                    held[f"n{len(held)}"] = 1
                return False

            __hash__ = None

        for encoder in (self.flets, self.ours):
            own = Own()
            if hasattr(own, "_values"):
                own._values["title"] = Adds(own)
                own._values["opacity"] = 0.1
                with self.assertRaisesRegex(RuntimeError, "dictionary changed size during iteration"):
                    encoder(own)

    def test_a_class_that_ends_its_plan_while_it_is_encoded_does_no_harm(self):
        class Resets:
            def __init__(self, target):
                self.target = target

            def __eq__(self, other):
                self.target.note = self
                for number in range(300):
                    kept = type(f"T{number}", (Own,), {})
                    OURS(ft.BaseControl)(dataclasses.dataclass(kept)())
                return False

            __hash__ = None

        own = Own()
        own.settings = {"a": 1}
        object.__setattr__(own, "_private", Resets(Own))
        result = [self.ours(own) for _ in range(20)][0]
        self.assertIs(own._private, result["_private"])

    def test_cycles_end_as_with_Flet(self):
        row = ft.Row()
        row.controls = [ft.Column([row])]
        held = []
        held.append(held)
        for given in (row, Point(more=held)):
            self.assertEqual(self.pack(self.flets, given), self.pack(self.ours, given))

    def test_an_error_of_the_app_is_none_of_ours(self):
        before = ACCELERATORS.counters()["failures"]
        for given in (Raising.__new__(Raising), Point(x=Unequal()), lambda: 0):
            self.assertEqual("raises", self.pack(self.ours, given)[0])
        self.assertEqual(before, ACCELERATORS.counters()["failures"])

    def test_a_traceback_shows_Flets_own_encoder(self):
        try:
            self.ours(lambda: 0)
        except RuntimeError as error:
            self.assertEqual("encode_object_for_msgpack", error.__traceback__.tb_next.tb_frame.f_code.co_name)

    def test_other_classes_of_controls_are_known_by_their_class(self):
        for kind in (ft.Text, int, Point):
            flets, ours = OURS.__wrapped__(kind), OURS(kind)
            for given in (ft.Text("a"), Point(3), Own()):
                self.assertEqual(self.pack(flets, given), self.pack(ours, given))
        for wrong in ((), (1, 2), (None,)):
            self.assertEqual(self.made(OURS.__wrapped__, wrong), self.made(OURS, wrong))

    def made(self, function, arguments):
        try:
            return type(function(*arguments)(Point())).__name__
        except Exception as error:
            return str(error)


class Places(unittest.TestCase):
    def test_it_is_where_Flet_sends_messages(self):
        self.assertIs(OURS, flet_socket_server.configure_encode_object_for_msgpack)
        self.assertIs(OURS(ft.BaseControl), OURS(ft.BaseControl))

    def test_a_page_of_controls_is_encoded_without_Flets_code(self):
        before = ACCELERATORS.counters()
        rows = [ft.Row([ft.Checkbox(), ft.Text(f"row {n}"), ft.IconButton(ft.Icons.DELETE)]) for n in range(100)]
        msgpack.packb(rows, default=OURS(ft.BaseControl))
        after = ACCELERATORS.counters()
        self.assertGreaterEqual(after["nodes"] - before["nodes"], 400)
        self.assertEqual(before["fallbacks"], after["fallbacks"])
        self.assertEqual(before["failures"], after["failures"])


class Leaks(unittest.TestCase):
    def test_updates_without_end_leave_references_and_memory_as_they_were(self):
        numbers = random.Random(8)
        kept = [control(numbers, rare=0) for _ in range(50)] + [bad(numbers) for _ in range(10)]
        watched = [None, True, "title", protocol, Own, Point, ft.Text, ft.BaseControl, *kept]
        encoder = OURS(ft.BaseControl)

        def run(times):
            for _ in range(times):
                for each in kept:
                    try:
                        msgpack.packb(each, default=encoder)
                    except Exception:
                        continue

        run(20)
        gc.collect()
        counts, objects = [sys.getrefcount(each) for each in watched[3:]], len(gc.get_objects())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run(100)
        gc.collect()
        self.assertEqual(counts, [sys.getrefcount(each) for each in watched[3:]])
        self.assertLess(abs(len(gc.get_objects()) - objects), 50)
        run(100)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory, 4096)

    def test_classes_without_end_are_not_kept(self):
        encoder = OURS(ft.BaseControl)

        def one():
            made = dataclasses.make_dataclass("Made", [("x", int, 1), ("y", list, dataclasses.field(default_factory=list))])
            encoder(made())

        for _ in range(50):
            one()
        gc.collect()
        before = sum(isinstance(each, type) for each in gc.get_objects())
        for _ in range(300):
            one()
        gc.collect()
        self.assertLess(sum(isinstance(each, type) for each in gc.get_objects()) - before, 10)


if __name__ == "__main__":
    unittest.main()
