"""Steps on real apps: files, the clipboard, dates, sliders and the pointer; and steps made out of a recording."""

import json
import unittest

from harness import BIN, PYTHON_OF_2, E2E, Variant, every_variant

# Each app says what it heard, in the words of Flet's own events.
NOTES = """
import flet as ft

def main(page):
    said = ft.Text("nothing yet", key="said")
    note = ft.TextField(label="Note", key="note")
    picker, clipboard = ft.FilePicker(), ft.Clipboard()
    page.services.extend([picker, clipboard])

    async def save(e):
        where = await picker.save_file(file_name="note.txt", src_bytes=note.value.encode())
        said.value = f"saved {where}"

    async def load(e):
        files = await picker.pick_files(allow_multiple=True, with_data=True)
        said.value = "loaded " + ", ".join(f"{f.name}:{f.size}:{f.bytes.decode()}" for f in files)

    async def folder(e):
        said.value = f"folder {await picker.get_directory_path()}"

    async def copy(e):
        await clipboard.set(note.value)
        said.value = "copied"

    async def paste(e):
        note.value = await clipboard.get()
        said.value = "pasted"

    async def fail(e):
        try:
            await picker.save_file()
        except RuntimeError as error:
            said.value = f"failed: {error}"

    page.add(said, note, ft.Row([ft.Button(name, on_click=handler) for name, handler in (
        ("save", save), ("load", load), ("folder", folder), ("copy", copy), ("paste", paste), ("fail", fail))]))

ft.run(main)
"""

BOOKING = """
import datetime
import flet as ft

def main(page):
    said = ft.Column(key="said")

    def tell(text):
        said.controls.append(ft.Text(text))
        page.update()

    def local(value):
        return value.astimezone().strftime("%Y-%m-%d")

    day = ft.DatePicker(first_date=datetime.datetime(2026, 1, 1), last_date=datetime.datetime(2026, 12, 31),
                        on_change=lambda e: tell(f"day {local(day.value)}"),
                        on_dismiss=lambda e: tell("no day"))
    hour = ft.TimePicker(on_change=lambda e: tell(f"hour {hour.value}"))
    stay = ft.DateRangePicker(on_change=lambda e: tell(f"stay {local(stay.start_value)} {local(stay.end_value)}"))
    guests = ft.Slider(key="guests", min=1, max=9, divisions=8, value=2,
                       on_change_start=lambda e: tell(f"from {e.data}"),
                       on_change=lambda e: tell(f"guests {e.data}"),
                       on_change_end=lambda e: tell(f"to {e.data}"))
    price = ft.RangeSlider(key="price", min=0, max=100, start_value=10, end_value=90,
                           on_change=lambda e: tell(f"price {price.start_value} {price.end_value}"))
    page.add(guests, price, said, ft.Row([
        ft.Button("day", on_click=lambda e: page.show_dialog(day)),
        ft.Button("hour", on_click=lambda e: page.show_dialog(hour)),
        ft.Button("stay", on_click=lambda e: page.show_dialog(stay))]))

ft.run(main)
"""

# Flet 1.0.5 alone has buttons that open the dialog by themselves.
ACTION = """
import flet as ft

def main(page):
    said = ft.Text("nothing yet")

    def picked(e):
        said.value = "picked " + ", ".join(f.name for f in e.files)

    picker = ft.FilePicker(on_result=picked)
    page.services.append(picker)
    page.add(said, ft.Button("pick", action=ft.PickFiles(picker, allow_multiple=True)))

ft.run(main)
"""

LIST = """
import flet as ft

def main(page):
    said = ft.Column(key="said")
    state = {}

    def tell(text):
        said.controls.append(ft.Text(text))
        page.update()

    def hovered(name):
        return lambda e: tell(f"{name} {e.data}")

    def renamed(e):
        tell(f"renamed {name.value}")

    name = ft.TextField(label="Name", key="name", on_submit=renamed)
    page.add(
        ft.Button("send", on_hover=hovered("send"), on_click=lambda e: tell("sent")),
        ft.Container(ft.Text("card"), on_hover=hovered("card"), on_long_press=lambda e: tell("held card")),
        ft.ListTile(title=ft.Text("row"), on_click=lambda e: tell("row"), on_long_press=lambda e: tell("held row")),
        ft.GestureDetector(ft.Text("pad"), on_enter=lambda e: tell(f"in {e.kind.value}"),
                           on_hover=lambda e: tell("over"), on_exit=lambda e: tell("out"),
                           on_long_press_start=lambda e: tell("pressed"),
                           on_long_press_end=lambda e: tell(f"released {int(e.velocity.x)}")),
        ft.Checkbox("agree", on_change=lambda e: tell(f"agree {e.control.value}")),
        ft.RadioGroup(ft.Row([ft.Radio(value="a", label="A"), ft.Radio(value="b", label="B")]),
                      on_change=lambda e: tell(f"chose {e.control.value}")),
        name, said)

ft.run(main)
"""

NOTES_STEPS = """
type text="Note" "first"
click text="save"
answer save_file "{here}/out.txt"
expect text="saved {here}/out.txt"
answer pick_files "{here}/out.txt" "{here}/two.txt"
click text="load"
expect text="loaded out.txt:5:first, two.txt:3:two"
click text="load"
answer FilePicker.pick_files none
expect text="loaded "
click text="folder"
answer get_directory_path "{here}"
expect text="folder {here}"
click text="fail"
answer save_file error "no portal"
expect text="failed: no portal"
click text="copy"
expect clipboard "first"
clipboard "from elsewhere"
click text="paste"
wait text="pasted" 5s
expect text="from elsewhere" type=TextField
"""

BOOKING_STEPS = """
click text="day"
pick type=DatePicker 2026-03-04
expect text="day 2026-03-04"
expect no text="no day"
click text="day"
dismiss type=DatePicker
expect text="no day"
click text="hour"
pick type=TimePicker 14:05
expect text="hour 14:05:00"
click text="stay"
pick type=DateRangePicker 2026-05-01 2026-05-09
expect text="stay 2026-05-01 2026-05-09"
slide key=guests 4 steps 2
expect text="from 2.0"
expect text="guests 3.0"
expect text="guests 4.0"
expect text="to 4.0"
slide key=price 20,60
expect text="price 20.0 60.0"
"""

LIST_STEPS = """
hover text="send"
expect text="send True"
hover text="card"
expect text="send False"
expect text="card True"
long_press text="card"
expect text="held card"
hover text="pad"
expect text="card False"
expect text="in mouse"
expect text="over"
leave
expect text="out"
long_press text="row"
expect text="held row"
long_press text="pad"
expect text="pressed"
expect text="released 0"
click text="row"
check text="agree" true
expect text="agree True"
click text="B"
expect text="chose b"
type text="Name" "Ann \\"A\\""
submit text="Name"
expect text="renamed Ann \\"A\\""
"""


class Base(E2E):
    def setUp(self):
        super().setUp()
        (self.box.app / "two.txt").write_text("two")

    def ends(self, source, steps, code=0, variant=None, **more):
        run = self.box.headless(variant or self.variant, self.box.write("app.py", source),
                                steps=steps.replace("{here}", str(self.box.app)), **more)
        self.assertEqual(run.wait(40), code, run.shown())
        return run

    def tree(self, source, steps, variant, name, options=(), **more):
        """The page after the steps."""
        file = self.box.home / name
        self.ends(source, f"{steps}\nsleep 300ms\ntree {file}\n", variant=variant, options=options, **more)
        return json.loads(file.read_text())


@every_variant
class RealApps:
    __test_base__ = Base

    def testFilesAndTheClipboardOfANotesApp(self):
        self.ends(NOTES, NOTES_STEPS)
        self.assertEqual((self.box.app / "out.txt").read_text(), "first")

    def testDatesTimesAndSlidersOfABookingApp(self):
        self.ends(BOOKING, BOOKING_STEPS)
        self.ends(BOOKING, BOOKING_STEPS, env={"TZ": "America/New_York"})

    def testFilesThatAButtonLetsThePersonPickByItself(self):
        self.ends(ACTION, 'click text="pick"\nanswer pick_files two.txt app.py\nexpect text="picked two.txt, app.py"\n'
                          'answer pick_files two.txt\nclick text="pick"\nexpect text="picked two.txt"\n')

    def testThePointerOverAList(self):
        self.ends(LIST, LIST_STEPS)


class FailedSteps(Base):
    variant = Variant("3", "ffi")

    def fails(self, source, steps, *parts):
        err = self.ends(source, steps, code=1).text[1]
        for part in parts:
            self.assertRegex(err, part)

    def testTheNearestIsNamed(self):
        self.fails(NOTES, 'click text="sav" 100ms\n', r'not found after 100 ms; nearest: text="save"; on the screen:')
        self.fails(NOTES, 'click key=sayd 100ms\n', r"nearest: key=said;")
        self.fails(NOTES, 'click type=Buton 100ms\n', r"nearest: type=Button;")

    def testAnAnswerThatNobodyAsksForIsAFailure(self):
        self.fails(NOTES, 'answer save_file "/tmp/x"\nclick text="copy"\n',
                   r'step 1 \(line 1\): answer save_file "/tmp/x": the app has not called save_file')

    def testWhatCannotBePickedIsSaid(self):
        self.fails(NOTES, 'click text="load"\nanswer pick_files /nowhere/at/all\n', "there is no file /nowhere/at/all")
        self.fails(BOOKING, 'click text="day"\npick type=DatePicker 2027-01-01 100ms\n', "its last date is 2026-12-31")
        self.fails(BOOKING, "slide key=guests 10 100ms\n", "10 is outside of its range, 1 to 9, after 100 ms")

    def testACallWithoutAnAnswerSaysWhichStepGivesIt(self):
        self.ends(NOTES, 'click text="fail"\nexpect text="failed: fletbridge headless does not know the method '
                         'save_file; the steps may say: answer save_file VALUE"\n')


class Generation2(Base):
    @unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
    def testTheSameStepsLeadTheSameAppsOfFlet082(self):
        for variant in (Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi")):
            for source, steps in ((NOTES, NOTES_STEPS), (BOOKING, BOOKING_STEPS), (LIST, LIST_STEPS)):
                self.ends(source, steps, variant=variant, python=PYTHON_OF_2)


class OfARecording(Base):
    def made(self, file):
        run = self.box.launch([BIN / "fletbridge", "inspect", file, "--steps"])
        self.assertEqual(run.wait(20), 0, run.shown())
        return run.text[0]

    def testTheyLeadToTheSamePageOnAnotherStage(self):
        for name, source, steps in (("notes", NOTES, NOTES_STEPS), ("booking", BOOKING, BOOKING_STEPS),
                                    ("list", LIST, LIST_STEPS)):
            with self.subTest(name):
                record = self.box.home / f"{name}.rec"
                before = self.tree(source, steps, Variant("1", "uds"), f"{name}-a.json", ["--record", record])
                text = self.made(record)
                self.assertNotIn("\n# ", text, "nothing is left out")
                self.assertEqual(self.tree(source, text, Variant("3", "ffi"), f"{name}-b.json"), before, text)

    def testTheyAreWhatAPersonWouldWrite(self):
        record = self.box.home / "list.rec"
        self.ends(LIST, 'click text="row"\ntype text="Name" "Ann"\nsubmit text="Name"\ncheck text="agree" true\n'
                        'click text="B"\nhover text="send"\nleave\nlong_press text="card"\nresize 640 480\n',
                  variant=Variant("1", "uds"), options=["--record", record])
        self.assertEqual(self.made(record).splitlines()[1:], [
            'click type=ListTile', 'type key="name" "Ann"', 'submit key="name"', 'check text="agree" true',
            'click text="B"', 'hover text="send"', 'leave', 'long_press type=Container text="card"', 'resize 640 480'])

    def testWhatATerminalMightHeedIsNoStep(self):
        record = self.box.home / "escape.rec"
        app = LIST.replace('"send"', '"\\x1b[31msend"')
        self.ends(app, 'click type=Button\nclick text="row"\n', variant=Variant("1", "uds"),
                  options=["--record", record])
        self.assertEqual(self.made(record).splitlines()[1:], ["click type=Button", "click type=ListTile"])
        self.ends(LIST, 'type key=name "a\x1bb"\n', variant=Variant("1", "uds"), options=["--record", record])
        self.assertEqual(self.made(record).splitlines()[1:],
                         [r'# has characters that no step can say: type key="name" "a\x1bb"'])

    def testWhatTheAppRaisedIsExpected(self):
        record = self.box.home / "raised.rec"
        app = NOTES.replace("async def fail(e):", "async def fail(e):\n        raise KeyError('lost')")
        self.ends(app, 'click text="fail"\n', code=1, variant=Variant("1", "uds"), options=["--record", record])
        text = self.made(record)
        self.assertEqual(text.splitlines()[1:], ['click text="fail"', "expect crash \"'lost'\""])
        self.ends(app, text, variant=Variant("2", "uds"))


if __name__ == "__main__":
    unittest.main()
