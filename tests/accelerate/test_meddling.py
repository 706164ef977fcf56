"""Hooks that change the page while it is compared, and controls that are shown twice: what Flet meets then, the
accelerators meet too. Runs in an interpreter with Flet; each page in a process of its own."""

import unittest

from test_values import SamePages

MEDDLER = """
@ft.control("Meddler")
class Meddler(ft.Column):
    deed: Any = field(default=None, metadata={"skip": True})
    times: int = field(default=0, metadata={"skip": True})
    def before_update(self):
        print("before_update of", type(self).__name__, self._i - first)
        self.times += 1
        if self.deed is not None:
            self.deed(self)

@ft.control("Told")
class Told(ft.Column):
    def build(self):
        print("build of", self._i - first)
    def before_update(self):
        print("before_update of", type(self).__name__, self._i - first)

first = ft.Text("")._i
def calm():
    holder = ft.Column(rows)
    page.add(holder)
    update()
    update()
    return holder
"""


class TestMeddling(SamePages):
    def same(self, page):
        super().same(MEDDLER + page)

    def test_a_control_that_is_shown_twice_in_a_list(self):
        self.same("""
text = ft.Text("a", spans=[])
twice = ft.Container(content=text)
rows = [twice]
holder = calm()
span = ft.TextSpan("new")
for shown, spans in (([twice, twice], [span]), ([twice, twice], []), ([twice], [span]), ([twice, twice], []), ([twice, twice], [span])):
    holder.controls[:] = shown
    text.spans[:] = spans
    update()
""")

    def test_a_hook_that_puts_a_sibling_before_itself(self):
        for extra in ("", "page.title = 'other'", "holder.controls.pop()", "holder.controls.reverse()",
                      "holder.controls.append(ft.Text('more'))"):
            with self.subTest(extra):
                self.same("""
def insert(it):
    if it.times == at:
        it.parent.controls.insert(0, ft.Text("before"))
rows = [ft.Text("a"), Meddler(deed=insert), ft.Text("b"), Told(), ft.Row(), Told(), ft.Text("c")]
at = 4
holder = calm()
for _ in range(3):
    %s
    update()
    rows[3].visible = not rows[3].visible
    update()
""" % extra)

    def test_a_hook_that_takes_siblings_away(self):
        for extra in ("", "holder.controls.insert(0, ft.Text('first'))", "holder.controls.reverse()"):
            with self.subTest(extra):
                self.same("""
def cut(it):
    if it.times in (3, 5, 6):
        del it.parent.controls[-2:]
rows = [ft.Text("a"), Meddler(deed=cut), ft.Text("b"), Told(), Told(), ft.Row(), Told(), ft.Text("c")]
holder = calm()
for _ in range(4):
    %s
    update()
""" % extra)

    def test_a_hook_of_a_control_that_comes_changes_the_list_that_it_comes_in(self):
        self.same("""
def insert(it):
    if it.times < 3:
        coming.insert(0, ft.Text("before"))
rows = [ft.Text("a")]
holder = calm()
coming = [ft.Text("b"), Meddler(deed=insert), Told()]
holder.controls.append(ft.Row(coming))
update()
update()
""")

    def test_a_dictionary_that_grows_while_its_controls_come(self):
        self.same("""
def grow(it):
    table["more"] = 1
rows = [ft.Text("a")]
holder = calm()
table = {"one": Meddler(deed=grow), "two": Told()}
holder.controls.append(Holder(table=table))
update()
""")

    def test_a_hook_that_gives_its_parent_what_it_had_not(self):
        self.same("""
def give(it):
    if it.times == 3:
        it.parent.content2 = Told()
        it.parent.tooltip = "given"
@ft.control("Card2")
class Card2(ft.LayoutControl):
    content: Any = None
    content2: Any = None
    controls: list[Any] = field(default_factory=list)
rows = [Card2(controls=[Meddler(deed=give), ft.Text("x")])]
holder = calm()
for _ in range(3):
    update()
""")


del SamePages  # it has no tests of its own

if __name__ == "__main__":
    unittest.main()
