"""A display whose pixels are looked at where they lie, and a mouse that costs nothing to move.

Room: tests/bench. The pictures of tests/e2e/display.py take 200 ms each, which is longer than what is
measured here: Xvfb keeps its screen in a file, so that a look is a read of memory and no request to it.
"""

import ctypes
import mmap
import pathlib
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from display import HEIGHT, WIDTH, Display, Picture  # noqa: E402

LOOK = 0.0002  # seconds between two looks
AWAY = (4, HEIGHT - 4)  # where the pointer, which is on the screen as well, covers nothing


class Screen(Display):
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fletbridge-screen-")
        self.options = ("-fbdir", self.folder.name)
        super().__enter__()
        with open(pathlib.Path(self.folder.name, "Xvfb_screen0"), "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        # An XWD file: 25 numbers, the window's name, the colours of 12 bytes each, then the rows.
        header = struct.unpack(">25I", self.memory[:100])
        bits, self.stride, colours = header[11], header[12], header[19]
        assert bits == 32, f"{bits} bits a pixel"
        self.begin = header[0] + colours * 12
        self.x11, self.xtest = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self.x11.XOpenDisplay.restype = ctypes.c_void_p
        self.connection = ctypes.c_void_p(self.x11.XOpenDisplay(self.name.encode()))
        self.move(*AWAY)
        return self

    def __exit__(self, *_):
        super().__exit__()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def look(self, box):
        """The bytes within (left, top, right, bottom)."""
        left, top, right, bottom = box
        first = self.begin + left * 4
        return b"".join(self.memory[first + y * self.stride:first + y * self.stride + (right - left) * 4]
                        for y in range(top, bottom))

    def picture(self):
        rows = self.look((0, 0, WIDTH, HEIGHT))
        data = bytearray(WIDTH * HEIGHT * 3)
        for i in range(3):
            data[i::3] = rows[2 - i::4]
        return Picture(bytes(data))

    def wait_look(self, box, wanted, seconds):
        """When, by time.monotonic(), what is in the box was as `wanted(bytes)` says; None if never."""
        deadline = time.monotonic() + seconds
        while True:
            seen = wanted(self.look(box))
            now = time.monotonic()
            if seen:
                return now
            if now > deadline:
                return None
            time.sleep(LOOK)

    def move(self, x, y):
        self.xtest.XTestFakeMotionEvent(self.connection, -1, int(x), int(y), ctypes.c_ulong(0))
        self.x11.XSync(self.connection, 0)

    def press(self):
        """A click where the pointer is; the time at which it was sent."""
        for down in (1, 0):
            self.xtest.XTestFakeButtonEvent(self.connection, 1, down, ctypes.c_ulong(0))
        now = time.monotonic()
        self.x11.XFlush(self.connection)
        return now
