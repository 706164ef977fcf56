"""A real display that nobody sees: its windows, pictures of it, a mouse and a keyboard.

Room: tests/e2e; tests/bench, tests/dart_vm, tests/traffic and tools/screenshots.py use it. Xvfb is started by the test on a number that was free, and ends with the test however
that ends. Pictures are raw pixels; what is looked for in them is told by regions, not by fonts.
"""

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

WIDTH, HEIGHT = 1280, 720  # as large as the client's window: there is no window manager to place it
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
CLIENT_MESSAGE = 33


def why_no_display():
    """Why there can be none on this machine, as one line; None if there can."""
    for program in ("Xvfb", "xdotool", "xprop", "setxkbmap", "import", "blackbox", "weston"):
        if shutil.which(program) is None:
            return f"there is no {program}; run tools/setup.sh"
    return None


def end_with_me(how=signal.SIGTERM):
    """For preexec_fn: the child gets this signal when this process's main thread ends."""
    me = os.getpid()

    def in_child():
        LIBC.prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != me:
            os._exit(1)

    return in_child


class Picture:
    """Three bytes a pixel."""

    def __init__(self, data):
        self.data = data

    def __eq__(self, other):
        return self.data == other.data

    def row(self, y, left=0, right=WIDTH):
        at = y * WIDTH * 3
        return self.data[at + left * 3:at + right * 3]

    def part(self, box):
        left, top, right, bottom = box
        return b"".join(self.row(y, left, right) for y in range(top, bottom))

    def blank(self, box):
        """One colour only."""
        part = self.part(box)
        return part == part[:3] * (len(part) // 3)

    def pixel(self, x, y):
        return self.row(y, x, x + 1)

    def is_empty(self):
        """One colour, or nothing at all."""
        return len(self.data) == 0 or self.data == self.data[:3] * (len(self.data) // 3)

    def things(self, top, bottom, gap=8):
        """What stands side by side in this strip on an even ground: boxes, from the left."""
        ground = self.pixel(2, top) * WIDTH
        columns = set()
        for y in range(top, bottom):
            row = self.row(y)
            if row != ground:
                columns |= {i // 3 for i in range(0, len(row), 3) if row[i:i + 3] != ground[:3]}
        boxes = []
        for x in sorted(columns):
            if boxes and x - boxes[-1][1] <= gap:
                boxes[-1][1] = x
            else:
                boxes.append([x, x])
        return [(left, top, right + 1, bottom) for left, right in boxes]


class Display:
    def __init__(self, *options, manager=None, keyboard=None):
        """`options`: further ones of Xvfb; `manager`: the program that places the windows; `keyboard`: a layout
        other than the US one."""
        self.options, self.manager_name, self.keyboard = options, manager, keyboard
        self.server = self.manager = None

    def __enter__(self):
        read, write = os.pipe()
        self.server = subprocess.Popen(
            # Without -noreset the keyboard is the default one again when setxkbmap, its only client, has gone.
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-noreset",
             *self.options],
            pass_fds=[write], stderr=subprocess.DEVNULL, preexec_fn=end_with_me())
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip() if select.select([pipe], [], [], 30)[0] else ""
        if not number:
            self.__exit__()
            raise RuntimeError("Xvfb opened no display within 30 s; run tools/setup.sh")
        self.name = f":{number}"
        self.environment = {"DISPLAY": self.name, "LIBGL_ALWAYS_SOFTWARE": "1", "GDK_BACKEND": "x11",
                            "MESA_SHADER_CACHE_DISABLE": "true", "GSETTINGS_BACKEND": "memory",
                            "NO_AT_BRIDGE": "1"}
        if self.keyboard:
            self._run("setxkbmap", self.keyboard)
        if self.manager_name:
            self._manage()
        return self

    def __exit__(self, *_):
        for program in (self.manager, self.server):
            if program is not None:
                program.terminate()
                program.wait(30)

    def _manage(self):
        self.manager = subprocess.Popen([self.manager_name], env={**os.environ, "DISPLAY": self.name},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=end_with_me())
        deadline = time.monotonic() + 30
        while not re.search(r"window id # 0x", self.property_of("-root", "_NET_SUPPORTING_WM_CHECK")):
            assert time.monotonic() < deadline, f"{self.manager_name} manages nothing"

    def _run(self, *argv):
        return subprocess.run(argv, env={**os.environ, "DISPLAY": self.name}, check=True, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def picture(self):
        return Picture(self._run("import", "-silent", "-window", "root", "-depth", "8", "rgb:-"))

    def save(self, path):
        self._run("import", "-silent", "-window", "root", str(path))

    def wait(self, wanted, timeout, alive=lambda: True):
        """Takes pictures until one is as `wanted`, and returns it; None if none is in time."""
        deadline = time.monotonic() + timeout
        while True:
            picture = self.picture()
            if wanted(picture):
                return picture
            if time.monotonic() > deadline or not alive():
                return None

    def click(self, box, button=1, times=1):
        left, top, right, bottom = box
        self._run("xdotool", "mousemove", str((left + right) // 2), str((top + bottom) // 2),
                  "click", "--repeat", str(times), str(button))

    def focus(self, window):
        """Where nobody manages windows, none has the keyboard by itself."""
        self._run("xdotool", "windowfocus", "--sync", str(window))

    def type(self, text):
        self._run("xdotool", "type", text)

    def press(self, *keys):
        self._run("xdotool", "key", *keys)

    def property_of(self, window, *names):
        """As xprop tells it; one that is not there says so."""
        where = (window,) if window == "-root" else ("-id", str(window))
        found = subprocess.run(["xprop", *where, *names], env={**os.environ, "DISPLAY": self.name},
                               text=True, capture_output=True, timeout=30)
        return found.stdout

    def place_of(self, window):
        """Its left and top on the screen, width and height."""
        text = self._run("xdotool", "getwindowgeometry", "--shell", str(window)).decode()
        return tuple(int(re.search(rf"^{name}=(-?\d+)", text, re.M)[1]) for name in ("X", "Y", "WIDTH", "HEIGHT"))

    def windows(self, *how):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", *(how or ("--name", "."))], text=True,
                               env={**os.environ, "DISPLAY": self.name}, capture_output=True, timeout=30)
        return [int(line) for line in found.stdout.split()]

    def title(self, window):
        return self._run("xdotool", "getwindowname", str(window)).decode().strip()

    def close_window(self, window):
        """What a click on a window's close button sends."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong

        class Message(ctypes.Structure):  # XClientMessageEvent, in the room of an XEvent
            _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
                        ("display", ctypes.c_void_p), ("window", ctypes.c_ulong),
                        ("message_type", ctypes.c_ulong), ("format", ctypes.c_int),
                        ("data", ctypes.c_long * 5), ("pad", ctypes.c_long * 24)]

        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        assert display.value, f"no display {self.name}"
        message = Message(type=CLIENT_MESSAGE, window=window, format=32,
                          message_type=x11.XInternAtom(display, b"WM_PROTOCOLS", 0))
        message.data[0] = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
        x11.XCloseDisplay(display)


class WaylandDisplay(Display):
    """A Wayland compositor in such a display, as large as it: what comes to it goes to the one window."""

    folder = None

    def __enter__(self):
        super().__enter__()
        self.folder = tempfile.mkdtemp(prefix="fletbridge-weston-")
        socket_path = os.path.join(self.folder, "wayland")
        environment = {**os.environ, **self.environment, "XDG_RUNTIME_DIR": self.folder}
        self.manager = subprocess.Popen(
            ["weston", "--no-config", "--backend=x11-backend.so", "--shell=kiosk-shell.so", "--idle-time=0",
             f"--width={WIDTH}", f"--height={HEIGHT}", "--socket=wayland"], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_me())
        deadline = time.monotonic() + 30
        while not (os.path.exists(socket_path) and self.windows()):
            assert time.monotonic() < deadline and self.manager.poll() is None, "weston opens no display"
        for name in ("DISPLAY", "GDK_BACKEND"):
            del self.environment[name]
        self.environment["WAYLAND_DISPLAY"] = socket_path
        return self

    def windows(self):
        """The compositor's own: those in it are not X's."""
        return super().windows("--class", "weston")

    def __exit__(self, *_):
        super().__exit__()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
