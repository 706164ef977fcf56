#!/usr/bin/env python3
"""The app in a window against Flet's own `python app.py` with the same client: start, memory, clicks, rest.

    tests/bench/window.py [--rounds 10] [--clicks 0] [--idle 0] [--json FILE] [VARIANT ...]

A variant is `flet` (`python app.py`, Flet's own client in a process of its own), `view` (the same, with
FLET_VIEW_PATH naming our `flet`), or a stage and a hosting as `fletbridge compare` names them (`1:uds`, `2:uds`,
`2:uds@library`, `3`). All have Flet 0.82.2 and its client, but for `3`: a bridge into one process came with
0.86, so that there Flet is 1.0.5, and what it says is translated for the same client. A version may be
named: `2:uds/1.0.5`. What speeds up Flet's own Python is off, but in `2:uds+accelerators`. The first variant is
the baseline.

start   from the start of the first process until the counter's + is on the screen, as it stays
memory  PSS of all processes, two seconds after that; and again two seconds after the clicks (--clicks)
click   from a press of the mouse until another number is on the screen (--clicks)
idle    processor time of all processes in so many seconds without a touch (--idle)

The display is Xvfb, drawn by software, with the cache of shaders that everybody has; Flet's client is
unpacked, and each variant has been shown once, before. Needs build/release and the
environments in build/venv (tools/setup.sh, tools/demo.sh make them).
"""

import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from idle import family  # noqa: E402
from rounds import interleave, note, ratio, shown  # noqa: E402
from screen import AWAY, WIDTH, Screen  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN", ROOT / "build/release/bin"))
APP = ROOT / "examples/counter/main.py"
DEFAULT = ["flet", "1:uds", "2:uds", "3", "view"]
STRIP = (320, 400)  # the part of the window where the counter's row is
SETTLED = 2.0  # seconds after which nothing of the start moves any more
BETWEEN = 0.15  # seconds between two clicks: the button's own animation
PATIENCE = 60


class Bench:
    def __init__(self, screen, home):
        self.screen = screen
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("FLET", "XDG_", "PYTHON"))}
        self.environment |= screen.environment | {"HOME": str(home)}
        del self.environment["MESA_SHADER_CACHE_DISABLE"]  # as a person has it; warm, and below this HOME
        self.home = home
        self.boxes = {}  # variant -> the boxes of minus, number and plus, and what plus looks like

    def client(self):
        """Where Flet has unpacked its client."""
        found = list((self.home / ".flet/client").glob("*/flet"))
        return found[0] if found else ROOT / "build/clients/0.82.2/flet"

    def start(self, variant, report):
        layout, _, more = variant.partition("+")
        layout, _, version = layout.partition("/")
        layout, _, hosting = layout.partition("@")
        stage, _, transport = layout.partition(":")
        version = version or ("1.0.5" if stage == "3" else "0.82.2")
        python = ROOT / "build/venv" / version / "bin/python"
        environment = dict(self.environment)
        if stage in ("flet", "view"):
            command = [python, APP]
            if stage == "view":
                environment |= {"FLET_VIEW_PATH": str(BIN), "FLETBRIDGE_UI": "desktop",
                                "FLETBRIDGE_FLET_CLIENT": str(self.client()), "FLETBRIDGE_REPORT": str(report)}
        else:
            command = [BIN / "fletbridge", "run", "--quiet", "--stage", stage, "--ui", "desktop", "--python", python,
                       "--accelerators", "all" if more == "accelerators" else "none",
                       "--flet-client", self.client(), "--report", report]
            if transport:
                command += ["--transport", transport]
            if hosting:
                command += ["--hosting", hosting]
            command.append(APP)
        with open(self.home / "errors.txt", "wb") as errors:  # GTK always has some
            return subprocess.Popen(list(map(str, command)), env=environment, cwd=self.home, stderr=errors,
                                    stdout=subprocess.DEVNULL)

    def end(self, variant, run):
        pids = [pid for pid in family(run.pid)] if run.poll() is None else []
        if variant.partition("/")[0] in ("flet", "view"):
            # Flet heeds no SIGTERM; ours ends with its app.
            run.kill()
            for pid in pids[1:] if variant == "flet" else []:
                os.kill(pid, signal.SIGKILL)
        else:
            run.terminate()
        run.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.screen.wait_look((0, STRIP[0], WIDTH, STRIP[1]), lambda now: not now.strip(b"\0"), PATIENCE) is None:
            self.fail(variant, "its window is still on the screen")

    def fail(self, variant, what):
        sys.exit(f"{variant}: {what}\n{(self.home / 'errors.txt').read_text()}")

    def learn(self, variant):
        """Where the counter's row is, and how the last thing of it looks."""
        run = self.start(variant, self.home / "report.json")
        try:
            deadline = time.monotonic() + PATIENCE
            boxes = before = None
            while boxes is None or len(boxes) != 3 or boxes != before:
                if time.monotonic() > deadline or run.poll() is not None:
                    self.fail(variant, "the counter never came on the screen")
                time.sleep(SETTLED)
                before, boxes = boxes, self.screen.picture().things(*STRIP)
            self.boxes[variant] = boxes, self.screen.look(boxes[2])
        finally:
            self.end(variant, run)

    def measure(self, variant, clicks, idle):
        (minus, number, plus), plus_looks = self.boxes[variant]
        report = self.home / "report.json"
        report.unlink(missing_ok=True)
        figures = {}
        began = time.monotonic()
        run = self.start(variant, report)
        try:
            seen = self.screen.wait_look(plus, lambda now: now == plus_looks, PATIENCE)
            if seen is None:
                self.fail(variant, "the counter never came on the screen")
            figures["start ms"] = (seen - began) * 1e3
            time.sleep(SETTLED)
            figures["PSS MiB"] = memory(run.pid)
            if idle:
                before = processor(run.pid)
                time.sleep(idle)
                figures["idle ms"] = (processor(run.pid) - before) * 1e3
            if clicks:
                figures["click ms"] = statistics.median(self.click(variant, clicks)) * 1e3
                time.sleep(SETTLED)
                figures["PSS MiB after"] = memory(run.pid)
        finally:
            self.end(variant, run)
        if report.exists():
            figures["timeline"] = json.loads(report.read_text())["timeline_ms"]
        return figures

    def click(self, variant, count):
        (minus, number, plus), _ = self.boxes[variant]
        times = []
        for turn in range(count):
            left, top, right, bottom = (plus, minus)[turn % 2]  # one digit, so that nothing moves
            self.screen.move((left + right) // 2, (top + bottom) // 2)
            time.sleep(BETWEEN)
            before = self.screen.look(number)
            pressed = self.screen.press()
            seen = self.screen.wait_look(number, lambda now: now != before, PATIENCE)
            if seen is None:
                self.fail(variant, f"click {turn + 1} changed nothing")
            times.append(seen - pressed)
        self.screen.move(*AWAY)
        time.sleep(BETWEEN)
        return times


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def memory(pid):
    """MiB, of the process and its children; what is shared is divided."""
    texts = [pathlib.Path(f"/proc/{one}/smaps_rollup").read_text() for one in family(pid)]
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) for text in texts) / 1024


def processor(pid):
    """Seconds that they have run, with their threads that have ended."""
    stats = [pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in family(pid)]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("variants", nargs="*", default=DEFAULT)
    options = parser.parse_args()
    with Screen() as screen, tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as home:
        bench = Bench(screen, pathlib.Path(home))
        for variant in options.variants:
            bench.learn(variant)
        results, disturbed = interleave(options.variants, options.rounds,
                                        lambda variant: bench.measure(variant, options.clicks, options.idle))

    base = options.variants[0]
    for figure in [name for name in results[base][0] if name != "timeline"]:
        print(f"{figure:20} {'median':>8}   ratio to {base}, median of {options.rounds} rounds [95 %]")
        for variant in options.variants:
            values, bases = ([run[figure] for run in results[one]] for one in (variant, base))
            compared = shown(ratio(values, bases)) if all(bases) else "the baseline has 0 in it"
            print(f"{variant:20} {statistics.median(values):8.1f}   {compared}")
        print()
    for variant in options.variants:
        times = [run["timeline"] for run in results[variant] if "timeline" in run]
        if times:
            print(f"{variant:20} " + ", ".join(
                f"{name} {statistics.median(values):.0f}" for name in times[0]
                if (values := [one[name] for one in times if one[name] is not None])))
    print(note(disturbed, options.rounds))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files go
    main()
