"""Steps beside a window: what they do is seen there, and pictures are taken of it."""

import os
import struct
import unittest
import zlib

import windowed
from harness import E2E, Variant

FORM = """
import flet as ft

def main(page):
    page.title = "Form"
    said = ft.Text("nothing", key="said")
    name = ft.TextField(label="Name", key="name", value="")
    where = ft.FilePicker()
    page.services.append(where)

    clipboard = ft.Clipboard()
    page.services.append(clipboard)

    def go(e):
        said.value = f"hello {name.value}"

    async def copy(e):
        await clipboard.set("copied")
        said.value = "copied it"

    async def paste(e):
        said.value = f"pasted {await clipboard.get()}"

    async def save(e):
        said.value = f"saved {await where.save_file()}"

    red = ft.Container(width=200, height=100, bgcolor=ft.Colors.RED, key="red", visible=False)

    def show(e):
        red.visible = True

    page.add(name, ft.Button("go", on_click=go), ft.Button("save", on_click=save), said, red,
             ft.Button("show", on_click=show), ft.Button("copy", on_click=copy), ft.Button("paste", on_click=paste))

ft.run(main)
"""

MOVES = FORM.replace("    page.add(", "    day, at = ft.DatePicker(), ft.TimePicker()\n    page.add(ft.Button('day', on_click=lambda e: "
                     "page.show_dialog(day)), ft.Button('time', on_click=lambda e: page.show_dialog(at)), "
                     "ft.Slider(max=50, on_change=lambda e: setattr(said, 'value', str(e.control.value))), ")


class Png:
    """Eight bits a channel, which the client writes."""

    def __init__(self, path):
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
        at, packed = 8, b""
        while at < len(data):
            size, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + size]
            if kind == b"IHDR":
                self.width, self.height, depth, colours = struct.unpack(">IIBB", body[:10])
                assert depth == 8
                self.channels = {2: 3, 6: 4}[colours]
            elif kind == b"IDAT":
                packed += body
            at += 12 + size
        raw, stride = zlib.decompress(packed), self.width * self.channels
        before, self.rows = bytearray(stride), []
        for y in range(self.height):
            line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            self._undo(raw[y * (stride + 1)], line, before)
            self.rows.append(before := line)

    def _undo(self, kind, line, up):
        for i in range(len(line)):
            a = line[i - self.channels] if i >= self.channels else 0
            b, c = up[i], up[i - self.channels] if i >= self.channels else 0
            if kind == 1:
                line[i] = (line[i] + a) & 255
            elif kind == 2:
                line[i] = (line[i] + b) & 255
            elif kind == 3:
                line[i] = (line[i] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                line[i] = (line[i] + nearest) & 255

    def count(self, colour):
        n = self.channels
        return sum(bytes(row[i:i + 3]) == colour for row in self.rows for i in range(0, len(row), n))


class WindowSteps(windowed.Windowed, E2E):
    RED = bytes((0xF4, 0x43, 0x36))

    def steps(self, variant, steps, source=FORM, code=0):
        run = self.start(self.box.write("app.py", source), variant=variant, steps=steps)
        self.assertEqual(run.wait(90), code, run.shown())
        return run

    def testAPictureShowsWhatTheStepsHaveDone(self):
        for variant in (Variant("3", "ffi"), Variant("1", "uds")):
            before, after = self.box.name("before.png"), self.box.name("after.png")
            run = self.steps(variant, f'wait text="nothing" 60s\nscreenshot {before}\nclick text="show"\n'
                                      f'wait key="red" 10s\nscreenshot {after}\n')
            before, after = Png(before), Png(after)
            self.assertEqual((before.width, before.height), (after.width, after.height))
            self.assertGreater(before.width, 400)
            self.assertEqual(before.count(self.RED), 0)
            self.assertAlmostEqual(after.count(self.RED), 200 * 100, delta=200)
            used = run.report()["used"]
            self.assertEqual((used["ui"], used["mode"]), ("desktop", "relayed"))

    def testAPictureShowsTheEndOfWhatTheWindowStillMoves(self):
        # A field's label moves out of the way of its text; dialogs come and go.
        at_once, later = self.box.name("at_once.png"), self.box.name("later.png")
        self.steps(Variant("3", "ffi"), f'type key=name "W"\nclick text="day"\npick type=DatePicker 2026-03-04\n'
                   f'click text="time"\npick type=TimePicker 14:30\nclick text="go"\nslide type=Slider 40 steps 20\n'
                   f'screenshot {at_once}\nsleep 3s\nscreenshot {later}\n', MOVES)
        self.assertEqual(Png(at_once).rows, Png(later).rows)

    def testWhatIsTypedIsSeenInTheWindowAndHeardByTheApp(self):
        empty, typed = self.box.name("empty.png"), self.box.name("typed.png")
        self.steps(Variant("2", "uds"), f'wait text="nothing" 60s\nscreenshot {empty}\ntype key=name "WWWW"\n'
                   f'screenshot {typed}\nclick text="go"\nexpect text="hello WWWW"\n')
        self.assertNotEqual(Png(empty).rows, Png(typed).rows)

    def testACallThatTheStepsAnswerOpensNoDialog(self):
        self.steps(Variant("3", "ffi"), 'wait text="nothing" 60s\nclick text="save"\nanswer save_file "/tmp/x"\n'
                                        'expect text="saved /tmp/x"\n')

    def testTheClipboardIsTheStepsAndTheDesktops(self):
        self.steps(Variant("1", "uds"), 'wait text="nothing" 60s\nclick text="copy"\nexpect clipboard "copied"\n'
                   'expect text="copied it" 10s\nclipboard "from a step"\nclick text="paste"\n'
                   'expect text="pasted from a step"\n')

    def testAStepThatFailsEndsTheWindowAndTheRun(self):
        run = self.steps(Variant("1", "tcp"), 'wait text="nothing" 60s\nclick text="gone" 100ms\n', code=1)
        self.assertIn('step 2 (line 2): click text="gone" 100ms: not found', run.text[1])
        run = self.steps(Variant("3", "ffi"), 'wait text="nothing" 60s\nscreenshot /no/such/folder/x.png\n', code=1)
        self.assertIn("cannot write /no/such/folder/x.png", run.text[1])

    def testWithoutAWindowThereIsNoPicture(self):
        run = self.box.headless(Variant("3", "ffi"), self.box.write("app.py", FORM), steps="screenshot x.png\n")
        self.assertEqual(run.wait(30), 1, run.shown())
        self.assertIn("there is no window to take a picture of; run the steps with --ui desktop", run.text[1])
        self.assertFalse(os.path.exists(self.box.app / "x.png"))


if __name__ == "__main__":
    unittest.main()
