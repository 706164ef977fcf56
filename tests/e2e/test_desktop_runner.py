"""The same app on Flet's own runner and on ours, side by side: what the X server says of the window."""

import re
import time

from harness import PATIENCE, PYTHON_OF_2, E2E, Variant
from windowed import APP, CLIENT, Windowed

ABOVE_ALL = ("WM_NAME", "_NET_WM_NAME", "WM_CLASS", "WM_PROTOCOLS", "WM_NORMAL_HINTS", "_NET_WM_WINDOW_TYPE",
             "_NET_WM_ICON", "_NET_WM_STATE", "WM_STATE", "_MOTIF_WM_HINTS", "_NET_WM_WINDOW_OPACITY",
             "WM_WINDOW_ROLE", "_GTK_APPLICATION_ID", "_GTK_THEME_VARIANT")
# What the app does, and by what it is seen to have happened: by the window's event, which changes the app's own value
# and would do so under the next step, and by how the window is.
STEPS = [
    ("window.title_bar_hidden = False", None, lambda seen: seen["place"][2:] == (1280, 720)),
    ("window.width = 800; window.height = 600", None, lambda seen: seen["place"][2:] == (800, 600)),
    ("page.title = 'Öther'", None, lambda seen: "Öther" in seen["properties"]),
    ("window.left = 100; window.top = 50", None, lambda seen: seen["place"][0] > 90),
    ("await window.center()", None, lambda seen: seen["place"][0] > 200),
    ("window.min_width = 500; window.min_height = 300", None, lambda seen: "500 by 300" in seen["properties"]),
    ("window.resizable = False", None, lambda seen: "maximum size" in seen["properties"]),
    ("window.resizable = True", None, lambda seen: "maximum size" not in seen["properties"]),
    ("window.maximized = True", "maximize", lambda seen: "MAXIMIZED" in seen["properties"]),
    ("window.maximized = False", "unmaximize", lambda seen: "MAXIMIZED" not in seen["properties"]),
    ("window.full_screen = True", "enter-full-screen", lambda seen: "FULLSCREEN" in seen["properties"]),
    ("window.full_screen = False", "leave-full-screen", lambda seen: "FULLSCREEN" not in seen["properties"]),
    ("window.minimized = True", "minimize", lambda seen: "Iconic" in seen["properties"]),
    ("window.minimized = False", "restore", lambda seen: "Iconic" not in seen["properties"]),
    ("window.skip_task_bar = True", None, lambda seen: "SKIP_TASKBAR" in seen["properties"]),
    # The window manager notes both later than the server, and would hide a window that is shown in between.
    ("window.visible = False", "hide",
     lambda seen: not seen["visible"] and "WM_STATE:  not found" in seen["properties"]),
    ("window.visible = True", "show", lambda seen: seen["visible"] and "window state: Normal" in seen["properties"]),
    ("window.always_on_top = True", None, lambda seen: True),  # this window manager does not heed it
    ("await window.to_front()", None, lambda seen: True),
    ("window.icon = 'nothing.ico'", None, lambda seen: True),
    ("window.opacity = 0.5", None, lambda seen: "2155905152" in seen["properties"]),
    ("window.frameless = True", None, lambda seen: "_MOTIF_WM_HINTS(" in seen["properties"]),
    ("window.prevent_close = True", None, lambda seen: True),
    ("await window.close()", "close", lambda seen: True),
]


class Side:
    """One run, on a display of its own."""

    def __init__(self, test, start):
        self.display = test.another_display(manager="blackbox")
        self.run = start(self.display)

    def begin(self):
        self.run.wait_line("^SHOWN", 60)
        (self.window,) = self.display.windows()

    def seen(self):
        return {"properties": self.display.property_of(self.window, *ABOVE_ALL),
                "place": self.display.place_of(self.window), "visible": self.window in self.display.windows(),
                "events": {line.split()[1] for line in self.run.text[0].splitlines() if line.startswith("EVENT")}}

    def do(self, line):
        self.run.write(line.encode() + b"\n")
        self.run.wait_line(f"^DONE {re.escape(line)}$", 20)

    def wait(self, wanted):
        deadline = time.monotonic() + 20 * PATIENCE
        while True:
            seen = self.seen()
            if wanted(seen) or time.monotonic() > deadline:
                return seen


class AsFletsOwnRunner(Windowed, E2E):
    python = PYTHON_OF_2

    def flets(self, display):
        return self.box.launch([PYTHON_OF_2, APP], stdin=-1, env={**display.environment, "FLET_VIEW_PATH": CLIENT})

    def ours(self, variant):
        return lambda display: self.start(APP, variant=variant, display=display, stdin=-1)

    def testTheWindowAndItsCallsAreTheSame(self):
        flets = Side(self, self.flets)
        ours = [Side(self, self.ours(Variant("1", "uds"))), Side(self, self.ours(Variant("2", "uds")))]
        for side in (flets, *ours):
            side.begin()
        for line, event, looks in STEPS:
            def happened(seen):
                return looks(seen) and (event is None or event in seen["events"])
            for side in (flets, *ours):
                side.do(line)
            expected = flets.wait(happened)
            self.assertTrue(happened(expected), f"Flet's own after {line}: {expected}")
            for side in ours:
                def same(seen):
                    nonlocal expected
                    if seen != expected:
                        expected = flets.seen()  # which may not have come to rest yet
                    return seen == expected
                seen = side.wait(same)
                self.assertEqual(seen, expected, f"after {line}{side.run.shown()}")
        for side in (flets, *ours):
            side.run.write(b"await window.destroy()\n")  # the answer may or may not come before the client is gone
            self.assertEqual(side.run.wait(15), 0, side.run.shown())
            self.assertEqual(side.run.text[0].splitlines()[-1], "AFTER")
            self.assertEqual(side.display.windows(), [])
