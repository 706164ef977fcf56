"""Whether two controls are equal: the native answer is that of the __eq__() which dataclasses wrote."""

import dataclasses
import random
import time
import unittest

import accelerated

accelerated.switch_on("creation")

import flet as ft  # noqa: E402


class Heard:
    """A value whose comparisons are heard, in their order."""

    heard = []

    def __init__(self, name, answer=True):
        self.name, self.answer = name, answer

    def __eq__(self, other):
        if not isinstance(other, Heard):
            return False  # as a Prop asks of its default
        Heard.heard.append((self.name, other.name))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    __hash__ = None


@ft.control
class Plain(ft.Column):
    title: str = ""
    tags: list = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False)
    where: dict = dataclasses.field(default_factory=dict, metadata={"skip": True})


@ft.control
class ById(ft.Text):
    def __eq__(self, other):
        return isinstance(other, ById) and self.data == other.data


@ft.control(eq=False)
class Same(ft.Text):
    pass


@ft.control
class Watched(ft.Text):
    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


@ft.control
class Managed(ft.Text):
    title: str = ""


Managed.title = property(lambda self: "one for all", lambda self, value: None)


class Undecorated(ft.Row):
    pass


def pages(seed):
    """Controls of many classes, some of which are equal."""
    choose = random.Random(seed)
    texts = ["", "a", "b", "".join("ab"), 1, 1.0, True, None, float("nan")]
    made = []

    def leaf():
        kind = choose.randrange(9)
        word, other = choose.choice(texts), choose.choice(texts)
        if kind == 0:
            return ft.Text(word, size=choose.choice([None, 12, 12.0]), data=other)
        if kind == 1:
            return ft.Checkbox(label=str(word), value=choose.choice([True, False, 1, 0]))
        if kind == 2:
            return ft.IconButton(ft.Icons.ADD, tooltip=str(word), style=choose.choice(
                [None, ft.ButtonStyle(padding=choose.choice([1, 2, ft.Padding.all(1)]))]))
        if kind == 3:
            return ById(str(word), data=other)
        if kind == 4:
            return Same(str(word))
        if kind == 5:
            return Watched(str(word), data=other)
        if kind == 6:
            return Managed(str(word), title=str(other))
        if kind == 7:
            return ft.Container(leaf(), padding=choose.choice([1, 2]), key=choose.choice(["k", None, ft.ValueKey("k")]))
        control = ft.Text(str(word))
        control.tooltip, control.expand = str(other), choose.choice([True, 1, None])
        return control

    def row(depth):
        if depth == 0 or choose.random() < 0.3:
            made.append(leaf())
        else:
            items = [row(depth - 1) for _ in range(choose.randrange(3))]
            made.append(choose.choice([
                lambda: ft.Row(items), lambda: ft.Column(items, spacing=choose.choice([1, 10])),
                lambda: Undecorated(items),
                lambda: Plain(items, title=str(choose.choice(texts)), tags=["t"] * choose.randrange(2),
                              note=str(choose.random()), where={"x": choose.choice(texts)})])())
        return made[-1]

    for _ in range(12):
        row(3)
    return made


def asked(compare, *arguments):
    try:
        return compare(*arguments)
    except Exception as error:
        return type(error), str(error)


class Answers(unittest.TestCase):
    def test_those_of_generated_controls_are_those_of_dataclasses(self):
        equal = 0
        for seed in range(6):
            made = pages(seed)
            for one in made:
                for other in made:
                    flets = asked(type(one).__eq__, one, other)
                    ours = asked(lambda: one == other)
                    self.assertEqual(ours, one is other if flets is NotImplemented else flets, (seed, one, other))
                    self.assertEqual(one != other, not ours)
                    equal += ours is True and one is not other
        self.assertGreater(equal, 30)

    def test_a_foreign_value_is_compared_as_often_and_in_the_same_order(self):
        def made(answer=True):
            return Plain(title=Heard("title", answer), tags=[Heard("tag")], data=Heard("data"),
                         where={"here": Heard("where")})

        for answer in (True, False, 0, ValueError("no")):
            one, other = made(answer), made()
            Heard.heard.clear()
            flets = asked(Plain.__eq__, one, other), list(Heard.heard)
            Heard.heard.clear()
            self.assertEqual((asked(lambda: one == other), Heard.heard), flets)
            self.assertIn(("title", "title"), Heard.heard)

    def test_a_value_that_changes_the_control_while_it_is_compared_changes_no_answer(self):
        class Meddler:
            def __eq__(self, other):
                other.of.title = "changed"
                other.of.tags.append("changed")
                return True

        def made():
            control = Plain(title="a", data=Meddler())
            control.data.of = control
            return control

        one, other = made(), made()
        flets = Plain.__eq__(one, other)
        one, other = made(), made()
        self.assertEqual(one == other, flets)

    def test_a_class_that_is_changed_later_is_asked_anew(self):
        @ft.control
        class Changed(ft.Text):
            pass

        one, other = Changed("a"), Changed("b")
        self.assertNotEqual(one, other)
        Changed.__eq__ = lambda self, other: "changed"
        self.assertEqual(one == other, "changed")
        del Changed.__eq__
        self.assertEqual(one == other, asked(Changed.__eq__, one, other) is True)
        Changed.value = property(lambda self: "the same")
        self.assertEqual(one == other, asked(Changed.__eq__, one, other) is True)

    def test_a_control_that_has_lost_a_field_raises_what_python_raises(self):
        one, other = ft.Row(), ft.Row()
        del one.__dict__["controls"]
        self.assertEqual(asked(lambda: one == other), asked(ft.Row.__eq__, one, other))
        self.assertEqual(asked(lambda: one == other)[0], AttributeError)

    def test_a_page_that_holds_itself_ends_as_in_python(self):
        one, other = ft.Row(), ft.Row()
        one.controls.append(other)
        other.controls.append(one)
        self.assertEqual(asked(lambda: one == other)[0], RecursionError)


class Lists(unittest.TestCase):
    def test_a_row_is_found_and_removed_among_its_equals(self):
        def row(number):
            return ft.Row([ft.Checkbox(), ft.Text(f"row {number}"), ft.IconButton(ft.Icons.DELETE)])

        rows = [row(number % 50) for number in range(100)]
        self.assertEqual(rows.index(rows[70]), 20)  # the first that is equal
        self.assertIn(row(3), rows)
        self.assertNotIn(row(50), rows)
        wanted = rows[:20] + rows[21:]
        rows.remove(rows[70])
        self.assertTrue(all(one is other for one, other in zip(rows, wanted)))

    def test_it_takes_a_fraction_of_the_time(self):
        rows = [ft.Row([ft.Checkbox(), ft.Text(f"row {number}")]) for number in range(300)]
        last = ft.Row([ft.Checkbox(), ft.Text("none")])

        def flets():
            return any(ft.Row.__eq__(row, last) for row in rows)

        ratios = []
        for _ in range(9):
            times = []
            for find in (flets, lambda: last in rows):
                start = time.process_time()
                self.assertFalse(find())
                times.append(time.process_time() - start)
            ratios.append(times[1] / times[0])
        self.assertLess(sorted(ratios)[4], 0.8)


if __name__ == "__main__":
    unittest.main()
