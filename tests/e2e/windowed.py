"""What the tests with a real window share: a display each, runs that open their window on it.

Room: tests/e2e. The two pairs of an app's Flet and a client are the same classes with another `python`.
"""

import os
import tempfile
import unittest

from display import Display, why_no_display
from harness import APPS, PATIENCE, PYTHON, PYTHON_OF_2, ROOT, every_variant

CLIENTS = ROOT / "build/clients"
CLIENT = CLIENTS / "0.82.2/flet"
APP = APPS / "window.py"
# Where apps/window.py has its things.
FIELD, PLUS = (20, 20, 420, 70), (500, 20, 600, 80)
ECHO, NUMBER, ROWS = (20, 110, 420, 160), (500, 110, 600, 160), (20, 200, 620, 600)


def why_no_window(client=CLIENT):
    if not (client / "lib/libflutter_linux_gtk.so").exists():
        return f"no client in {client.relative_to(ROOT)}; run tools/setup.sh"
    return why_no_display()


@unittest.skipIf(why_no_window(), why_no_window())
class Windowed:
    python, client = PYTHON, CLIENT
    keyboard = None

    def setUp(self):
        super().setUp()
        self.display = self.another_display(keyboard=self.keyboard)

    kind_of_display = Display

    def another_display(self, **how):
        display = self.kind_of_display(**how)
        self.addCleanup(display.__exit__)  # also of one that has begun only
        return display.__enter__()

    def start(self, *app, variant=None, options=(), env=None, display=None, **more):
        return self.box.run(variant or self.variant, *app, ui="desktop", python=self.python,
                            options=["--flet-client", self.client, *options],
                            env={**(display or self.display).environment, **(env or {})}, **more)

    def shown(self, **more):
        """apps/window.py, which has said that it is on the screen."""
        run = self.start(APP, stdin=-1, **more)
        run.wait_line("^SHOWN", 60)
        return run

    def see(self, run, wanted, what):
        picture = self.display.wait(wanted, 40 * PATIENCE, run.alive)
        if picture is None:
            handle, path = tempfile.mkstemp(prefix="fletbridge-test-", suffix=".png")
            os.close(handle)
            self.display.save(path)
            self.fail(f"{what} was never seen; the screen is in {path}{run.shown()}")
        return picture

    def window_titled(self, title):
        titles = {self.display.title(window): window for window in self.display.windows()}
        self.assertIn(title, titles)
        return titles[title]


def both_pairs(cls, translated, native):
    """Flet 1.0.5 on the client of 0.82.2, and 0.82.2 on its own."""
    for name, python, generation, variants in (("Translated", PYTHON, 3, translated),
                                               ("Native", PYTHON_OF_2, 2, native)):
        pair = type(f"{cls.__name__}{name}", (cls,), {"python": python, "generation": generation,
                                                      "__module__": cls.__module__, "__doc__": cls.__doc__})
        every_variant(pair, variants)
