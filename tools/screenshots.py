#!/usr/bin/env python3
"""Room: tools. Makes examples/*/screenshot.png: each example in a real window, on a display that nobody sees.

    tools/screenshots.py [EXAMPLE ...]

Runs the example on stage 3 with --ui desktop under Xvfb, uses it a little as a person would, and keeps a
small picture of the window. Needs build/release, build/venv/1.0.5 and build/clients (tools/demo.sh makes
all three). Look at the pictures before they are committed.
"""

import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))

from display import Display, why_no_display  # noqa: E402

HOST = ROOT / "build/release/bin/fletbridge"
PYTHON = ROOT / "build/venv/1.0.5"
CLIENT = ROOT / "build/clients/0.82.2/flet"
COLOURS = 128
PATIENCE_S = 60
PART = (800, 450)  # of the window's 1280 x 720, as it is
# Where that part begins; None: the whole window, made smaller.
PLACES = {"chat": None, "counter": (240, 135)}
# What is done before the picture is taken, each when the window has come to rest: xdotool's words, in the window's
# own pixels, "_" for a blank.
USE = {
    "background": ["mousemove 60 70 click 1", "mousemove 160 70 click 1"],
    "chat": ["type Hello", "key Return", "mousemove 400 684 click 1", "type How_are_you?", "key Return"],
    "counter": ["mousemove 690 360 click 1"] * 3 + ["mousemove 4 716"],
    "drawing": ["mousemove 40 200 mousedown 1 " +
                " ".join(f"mousemove {40 + 8 * i} {200 + round(80 * math.sin(i / 4))} sleep 0.05" for i in range(1, 41)) +
                " mouseup 1 mousemove 4 716"],
    "long_list": ["mousemove 640 500 click 5 click 5"],
}


def settled(display, run, seconds=PATIENCE_S):
    """The display when it has not changed between two looks, and shows something."""
    deadline = time.monotonic() + seconds
    before = None
    while time.monotonic() < deadline and run.poll() is None:
        now = display.picture()
        if before is not None and now == before and not now.is_empty():
            return
        before = now
        time.sleep(0.5)
    sys.exit("the window did not come to rest")


def picture(example, folder):
    target = ROOT / "examples" / example / "screenshot.png"
    with Display() as display, open(folder / "log.txt", "w+") as log:
        environment = {**os.environ, **display.environment, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        run = subprocess.Popen(
            [str(part) for part in (HOST, "run", "--log-level", "debug", "--stage", "3", "--ui", "desktop", "--python",
                                    PYTHON, "--flet-client", CLIENT, ROOT / "examples" / example / "main.py")],
            stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while "ui first frame" not in (folder / "log.txt").read_text():
                if time.monotonic() > deadline or run.poll() is not None:
                    sys.exit(f"{example} was never shown:\n{(folder / 'log.txt').read_text()}")
                time.sleep(0.1)
            settled(display, run)
            for words in USE.get(example, []):
                subprocess.run(["xdotool", *(word.replace("_", " ") for word in words.split())], check=True,
                               env=environment, timeout=30)
                settled(display, run)
            display.save(folder / "whole.png")
        finally:
            run.terminate()
            run.wait(30)
    place = PLACES.get(example, (0, 0))
    shape = (["-resize", str(PART[0])] if place is None else
             ["-crop", f"{PART[0]}x{PART[1]}+{place[0]}+{place[1]}", "+repage"])
    subprocess.run(["convert", str(folder / "whole.png"), *shape, "-strip", "+dither", "-colors", str(COLOURS),
                    "-define", "png:compression-level=9", f"png8:{target}"], check=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")


def main():
    if why := why_no_display():
        sys.exit(why)
    for example in sys.argv[1:] or sorted(path.parent.name for path in ROOT.glob("examples/*/main.py")):
        with tempfile.TemporaryDirectory(prefix="fletbridge-screenshot-") as folder:
            picture(example, pathlib.Path(folder))


if __name__ == "__main__":
    main()
