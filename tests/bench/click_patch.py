#!/usr/bin/env python3
"""Click -> patch latency of the stages against Flet's own sockets, with the same headless client.

    tests/bench/click_patch.py [--rounds 15] [--clicks 400] [--python VENV] [--app FILE] [--json FILE] [VARIANT ...]

A variant is `1:uds`, `1:tcp`, `2:uds`, `2:tcp`, `3`, the last three with a hosting where wanted
(`2:uds@static`, `3@interpreter`, `3@library`); or `flet:uds`, `flet:tcp`: `python app.py` in Flet's
embedded mode, started by this script without anything of ours, and our headless client connected to
it as Flet's own client would be. The first variant is the baseline.

Method: rounds; in each round every variant runs once, in a random order, in fresh processes. A run's
figure is the median over its clicks; a variant's ratio is the median over the rounds of its figure
divided by the baseline's of the same round, with a bootstrap 95 % interval. Needs build/release and
build/venv/1.0.5 (tools/demo.sh makes both).
"""

import argparse
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile

from rounds import interval

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN", ROOT / "build/release/bin"))
DEFAULT = ["flet:uds", "1:uds", "2:uds", "flet:tcp", "1:tcp", "2:tcp", "3", "3@library"]


def run_stage(variant, python, app, steps, report, folder):
    layout, _, hosting = variant.partition("@")
    stage, _, transport = layout.partition(":")
    command = [BIN / "fletbridge", "run", "--stage", stage, "--ui", "headless", "--python", python,
               "--steps", steps, "--report", report, "--quiet"]
    if transport:
        command += ["--transport", transport]
    if hosting:
        command += ["--hosting", hosting]
    subprocess.run([*map(str, command), str(app)], check=True, timeout=120, cwd=folder)


def run_flet(variant, python, app, steps, report, folder):
    """Flet alone, our client: what Flet does today."""
    environment = dict(os.environ, DISPLAY=os.environ.get("DISPLAY", ":0"), FLET_PLATFORM="linux")
    if variant == "flet:uds":
        url = str(folder / "app.sock")
        environment.update(FLET_SERVER_UDS_PATH=url, FLET_SERVER_PORT="0")
    else:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"tcp://localhost:{port}"
        environment.update(FLET_SERVER_PORT=str(port))
    server = subprocess.Popen([str(python), str(app)], env=environment, cwd=folder)
    try:
        client = dict(os.environ, FLETBRIDGE_UI="headless", FLETBRIDGE_STEPS=str(steps),
                      FLETBRIDGE_REPORT=str(report))
        subprocess.run([str(BIN / "flet"), url, str(folder / "pid")], env=client, check=True, timeout=120)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def measure(variant, python, app, clicks):
    with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as name:
        folder = pathlib.Path(name)
        steps = folder / "steps.txt"
        steps.write_text(f'repeat {clicks} click text="+"\nclose\n')
        report = folder / "report.json"
        (run_flet if variant.startswith("flet:") else run_stage)(variant, python, app, steps, report, folder)
        latency = json.loads(report.read_text())["latency_us"]
        if latency["count"] < clicks:
            sys.exit(f"{variant}: {latency['count']} answers for {clicks} clicks")
        return latency


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clicks", type=int, default=400)
    parser.add_argument("--app", type=pathlib.Path, default=ROOT / "examples/counter/main.py")
    parser.add_argument("--python", type=pathlib.Path, default=ROOT / "build/venv/1.0.5", help="virtual environment")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("variants", nargs="*", default=DEFAULT)
    options = parser.parse_args()
    python = options.python.absolute() / "bin/python"
    results = {variant: [] for variant in options.variants}
    for number in range(options.rounds):
        order = list(options.variants)
        random.shuffle(order)
        for variant in order:
            results[variant].append(measure(variant, python, options.app.resolve(), options.clicks))
        print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)

    def medians(variant, key):
        return [run[key] for run in results[variant]]

    base = options.variants[0]
    print(f"{'variant':20} {'p50 us':>8} {'p99 us':>8}   ratio of p50 to {base}, median of {options.rounds} rounds [95 %]")
    for variant in options.variants:
        ratios = [a / b for a, b in zip(medians(variant, "p50"), medians(base, "p50"))]
        low, high = interval(ratios)
        print(f"{variant:20} {statistics.median(medians(variant, 'p50')):8.0f} "
              f"{statistics.median(medians(variant, 'p99')):8.0f}   "
              f"{statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]")
    if options.json:
        options.json.write_text(json.dumps({"clicks": options.clicks, "runs": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
