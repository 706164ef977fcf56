"""The accelerator `events`: the same answers and the same exceptions as Flet's own functions. Room: tests."""

import copy
import dataclasses
import enum
import functools
import gc
import random
import re
import sys
import unittest
from dataclasses import InitVar
from typing import Callable, Optional

import accelerated

accelerated.switch_on("events")

import flet as ft  # noqa: E402
from flet.controls import base_control, control_event  # noqa: E402
from flet.utils import object_model  # noqa: E402

OURS = base_control.get_event_field_type
FLETS = OURS.__wrapped__


def outcome(function, *arguments):
    try:
        return "answers", function(*arguments)
    except Exception as error:
        return "raises", type(error), str(error), type(error.__cause__)


def control_classes():
    seen, open_classes = [], [ft.BaseControl]
    while open_classes:
        found = open_classes.pop()
        seen.append(found)
        open_classes += found.__subclasses__()
    return sorted(set(seen), key=lambda each: (each.__module__, each.__qualname__))


class EventTypes(unittest.TestCase):
    def same(self, control, field):
        for _ in range(3):
            flets, ours = outcome(FLETS, control, field), outcome(OURS, control, field)
            self.assertEqual(flets, ours)
            if flets[0] == "answers" and isinstance(flets[1], type):
                self.assertIs(flets[1], ours[1])
        return ours

    def test_every_event_of_every_control_has_the_type_that_Flet_finds(self):
        for module in dir(ft):  # Flet imports its controls when they are asked for
            getattr(ft, module, None)
        asked = 0
        for each in control_classes():
            control = each.__new__(each)
            for field in sorted(each.__dataclass_fields__):
                if field.startswith("on_"):
                    self.same(control, field)
                    asked += 1
        self.assertGreater(asked, 500)

    def test_a_field_that_is_none_has_no_type(self):
        self.assertEqual(("answers", None), self.same(ft.Button("a"), "on_nothing"))
        self.assertEqual(("answers", None), self.same(ft.Button("a"), 5))

    def test_it_is_in_the_place_where_Flet_calls_it(self):
        self.assertIs(base_control.get_event_field_type, control_event.get_event_field_type)
        self.assertEqual("get_event_field_type", OURS.__name__)

    def test_a_subclass_that_declares_the_event_anew_is_asked(self):
        @ft.control
        class Own(ft.Button):
            on_click: Optional[ft.EventHandler[ft.TapEvent]] = None

        self.assertEqual(("answers", ft.TapEvent), self.same(Own("a"), "on_click"))
        self.same(ft.Button("a"), "on_click")

    def test_annotations_that_change_later_are_looked_at_again(self):
        @ft.control
        class Own(ft.Button):
            on_own: Optional[ft.EventHandler[ft.TapEvent]] = None

        own = Own("a")
        self.assertIs(ft.TapEvent, self.same(own, "on_own")[1])
        Own.__annotations__["on_own"] = Optional[ft.EventHandler[ft.ScaleStartEvent]]
        self.assertIs(ft.ScaleStartEvent, self.same(own, "on_own")[1])
        Own.__annotations__ = {"on_own": Optional[ft.EventHandler[ft.HoverEvent]]}
        self.assertIs(ft.HoverEvent, self.same(own, "on_own")[1])
        del Own.__annotations__["on_own"]
        self.assertIs(None, self.same(own, "on_own")[1])
        Own.__annotations__["on_own"] = InitVar[int]
        self.assertIs(None, self.same(own, "on_own")[1])
        Own.__annotations__["on_own"] = "a text"
        self.assertEqual("raises", self.same(own, "on_own")[0])

    def test_a_name_that_can_be_resolved_later_is_resolved_then(self):
        @ft.control
        class Own(ft.Button):
            on_own: Optional[ft.EventHandler["LaterEvent"]] = None  # noqa: F821

        own = Own("a")
        missing = self.same(own, "on_own")
        self.assertEqual(("raises", RuntimeError), missing[:2])
        for name in ("first", "second"):
            globals()["LaterEvent"] = type(name, (ft.Event,), {})
            try:
                self.assertIs(globals()["LaterEvent"], self.same(own, "on_own")[1])
            finally:
                del globals()["LaterEvent"]
        self.assertEqual(missing, self.same(own, "on_own"))

    def test_a_callers_variables_decide_what_a_name_stands_for(self):
        @ft.control
        class Own(ft.Button):
            on_own: Optional[ft.EventHandler["Event"]] = None  # noqa: F821

        own = Own("a")

        def with_a_variable(function):
            Event = ft.TapEvent  # noqa: F841, N806
            return function(own, "on_own")

        def without(function):
            return function(own, "on_own")

        globals()["Event"] = ft.HoverEvent
        try:
            for call in (without, with_a_variable, without):
                self.assertIs(call(FLETS), call(OURS))
        finally:
            del globals()["Event"]

    def test_other_forms_of_annotation_are_left_to_Flet(self):
        for annotation in (Callable[[], None], Optional[Callable], Callable[[ft.TapEvent], None], int, None,
                           Optional[ft.EventHandler["ft.TapEvent"]], ft.ControlEventHandler["Own"],
                           ft.EventHandler["Optional[int]"], ft.EventHandler[ft.TapEvent] | None):
            @ft.control
            class Own(ft.Button):
                pass

            Own.__annotations__ = {"on_own": annotation}
            with self.subTest(annotation):
                self.same(Own("a"), "on_own")

    def test_classes_without_end_keep_nothing_alive(self):
        def one():
            @ft.control
            class Own(ft.Button):
                pass

            Own.__annotations__ = {"on_own": Optional[ft.EventHandler[type("E", (ft.Event,), {})]]}
            OURS(Own("a"), "on_own")

        for _ in range(1100):
            one()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(1100):
            one()
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, 20_000)  # 1100 classes are more than 80 000


class Parameters(unittest.TestCase):
    def test_every_callable_has_as_many_as_inspect_says(self):
        class Holder:
            def none(self): ...
            def one(self, e): ...
            def any(*values): ...
            def only(*, a): ...
            def named(self, a=1, *, b=2, **c): ...
            def __call__(self, e): ...

            @staticmethod
            def static(a, b, /): ...

            @classmethod
            def of_class(cls, a): ...

        def plain(a, b=1, *c, d, e=2, **f): ...
        def with_signature(a): ...
        with_signature.__signature__ = __import__("inspect").signature(plain)
        def bad_signature(a): ...
        bad_signature.__signature__ = 5

        @functools.wraps(plain)
        def wrapping(): ...

        async def later(e): ...

        holder = Holder()
        callables = [lambda: 0, lambda e: 0, lambda *e: 0, plain, with_signature, bad_signature, wrapping, later,
                     holder, Holder, holder.none, holder.one, holder.any, holder.only, holder.named, holder.static,
                     holder.of_class, Holder.none, functools.partial(plain, 1), functools.partial(holder.one, 1),
                     len, print, int, dict.get, 5, None, functools.lru_cache(plain),
                     functools.partialmethod(plain), type, [].append]
        ours, flets = base_control.get_param_count, base_control.get_param_count.__wrapped__
        self.assertIs(ours, object_model.get_param_count)
        for each in callables:
            with self.subTest(each):
                self.assertEqual(outcome(flets, each), outcome(ours, each))


class EventData(unittest.TestCase):
    """What Flet makes of an event's data, with its own functions in their places and with ours."""

    def setUp(self):
        self.module = sys.modules["flet.utils.from_dict"]

    def both(self, kind, data):
        results = []
        ours = {name: getattr(self.module, name) for name in ("get_type_hints", "convert_value")}
        for use in (lambda each: each.__wrapped__, lambda each: each, lambda each: each):
            for name, each in ours.items():
                setattr(self.module, name, use(each))
            results.append(outcome(lambda: self.held(self.module.from_dict(kind, copy.deepcopy(data)))))
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], results[2])
        return results[0]

    def held(self, made):
        """With the classes of what it holds, which a comparison would not tell."""
        if dataclasses.is_dataclass(made):
            return type(made), {name: self.held(value) for name, value in vars(made).items()
                                if name != "_i"}  # counted
        if isinstance(made, (list, tuple)):
            return type(made), [self.held(each) for each in made]
        if isinstance(made, dict):
            return type(made), {key: self.held(each) for key, each in made.items()}
        return type(made), re.sub("0x[0-9a-f]+", "", repr(made))

    def test_events_of_Flet_are_made_of_any_data_as_Flet_makes_them(self):
        for name in dir(ft):
            getattr(ft, name, None)
        kinds = [each for each in vars(ft).values() if isinstance(each, type) and dataclasses.is_dataclass(each)]
        numbers = random.Random(11)
        pool = [None, True, 3, -1, 2.5, "a", "", [], [1], {}, {"x": 1.0, "y": 2.0}, [{"x": 1}], {"a": {"b": 1}},
                "start", "center", "mouse", b"x", (1, 2), {"width": 5}, ft.MainAxisAlignment.START, "portrait"]
        answered = 0
        for kind in kinds:
            for _ in range(4):
                data = {"control": 5, "name": "a"}
                for field in dataclasses.fields(kind):
                    if numbers.random() < 0.8:
                        data[field.metadata.get("data_field", field.name)] = numbers.choice(pool)
                with self.subTest(kind=kind, data=data):
                    answered += self.both(kind, data)[0] == "answers"
        self.assertGreater(answered, 200)

    def test_a_drag_has_its_offsets(self):
        data = {"control": 5, "name": "pan_update", "l": {"x": 1.0, "y": 2.0}, "g": {"x": 3.0, "y": 4.0}, "pd": 1.0}
        self.assertEqual("answers", self.both(ft.DragUpdateEvent, data)[0])

    def test_annotations_and_names_that_change_are_looked_at_again(self):
        events = sys.modules[ft.DragUpdateEvent.__module__]
        data = {"control": 5, "name": "pan_update", "l": {"x": 1.0, "y": 2.0}, "g": {"x": 3.0, "y": 4.0}, "pd": "a"}
        before = self.both(ft.DragUpdateEvent, data)
        own = dict(ft.DragUpdateEvent.__annotations__)
        self.addCleanup(ft.DragUpdateEvent.__annotations__.update, own)
        ft.DragUpdateEvent.__annotations__["primary_delta"] = ft.Orientation
        self.assertEqual("raises", self.both(ft.DragUpdateEvent, data)[0])
        ft.DragUpdateEvent.__annotations__["primary_delta"] = "NobodyHasThis"
        self.both(ft.DragUpdateEvent, data)
        events.NobodyHasThis = ft.Orientation
        try:
            self.assertEqual("raises", self.both(ft.DragUpdateEvent, data)[0])
        finally:
            del events.NobodyHasThis
        self.both(ft.DragUpdateEvent, data)
        ft.DragUpdateEvent.__annotations__.update(own)
        self.assertEqual(before, self.both(ft.DragUpdateEvent, data))

    def test_classes_of_the_app_are_made_as_Flet_makes_them(self):
        class Kind(enum.Enum):
            A = "a"

        @dataclasses.dataclass
        class Inner:
            kind: Optional[Kind] = None
            many: "list[Kind]" = dataclasses.field(default_factory=list)

        @dataclasses.dataclass
        class Own(ft.Event):
            inner: Inner = None
            table: Optional[dict[str, Inner]] = None
            either: "int | None" = None

        for data in ({"inner": {"kind": "a", "many": ["a"]}}, {"inner": {"kind": "b"}}, {"inner": 5},
                     {"table": {"x": {"kind": "a"}}}, {"table": [1]}, {"either": 3}, {"inner": None}, {}):
            self.both(Own, {"control": 1, "name": "n", **data})


class Places(unittest.TestCase):
    """`parent` and `page`, asked as Flet's property asks and as ours does."""

    def both(self, name, control):
        ours = vars(ft.BaseControl)[name].fget
        results = outcome(ours.__wrapped__, control), outcome(ours, control)
        self.assertEqual(results[0], results[1])
        return results[1]

    def test_a_tree_has_the_same_parents_and_page_as_with_Flet(self):
        import asyncio
        import weakref

        from flet.messaging.connection import Connection
        from flet.messaging.session import Session
        from flet.pubsub.pubsub_hub import PubSubHub

        async def run():
            connection = Connection()
            connection.loop = asyncio.get_running_loop()
            connection.pubsubhub = PubSubHub(loop=connection.loop)
            session = Session(connection)
            random_numbers = random.Random(5)
            controls = [session.page]
            for number in range(200):
                control = ft.Text(str(number))
                control._parent = weakref.ref(random_numbers.choice(controls))
                controls.append(control)
            for control in controls:
                self.assertIs(session.page, self.both("page", control)[1])
                self.both("parent", control)
            return session

        asyncio.run(run())

    def test_one_without_a_page_raises_what_Flet_raises(self):
        self.assertEqual(("raises", RuntimeError), self.both("page", ft.Text("a"))[:2])
        self.assertEqual(("answers", None), self.both("parent", ft.Text("a")))

    def test_odd_parents_are_as_with_Flet(self):
        class Falsy(ft.Text):
            def __bool__(self):
                return False

        class OwnParent(ft.Text):
            parent = property(lambda self: ft.Text("another"))

        class Raising(ft.Text):
            @property
            def parent(self):
                raise ValueError("no parent today")

        for control in (Falsy("a"), OwnParent("a"), Raising("a")):
            self.both("page", control)
            child = ft.Text("b")
            child._parent = lambda control=control: control
            self.both("page", child)
            self.both("parent", child)
        for value in (None, 0, 5, lambda: None):
            child = ft.Text("b")
            child._parent = value
            self.both("page", child)
            self.both("parent", child)

    def test_the_traceback_of_a_control_without_a_page_is_Flets(self):
        try:
            ft.Text("a").page
        except RuntimeError as error:
            frames = []
            at = error.__traceback__
            while at:
                frames.append(at.tb_frame.f_code.co_name)
                at = at.tb_next
        self.assertEqual(["test_the_traceback_of_a_control_without_a_page_is_Flets", "page"], frames)


if __name__ == "__main__":
    unittest.main()
