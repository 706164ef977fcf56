#!/usr/bin/env python3
"""What recording costs: click -> patch latency with --record and without, on each stage.

    tests/bench/recording.py [--rounds 15] [--clicks 400] [--stages 1 3] [--app FILE]

Method: that of rounds.py. A click and its patch are two packets, both taken down between the moment
at which the click is sent and the one at which its patch has come: half of the difference of the
medians is what a packet costs. Then the time of one call of the recorder.
Needs build/release and build/venv/1.0.5.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from rounds import interleave, interval, note, ratio, shown

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN", ROOT / "build/release/bin"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clicks", type=int, default=400)
    parser.add_argument("--stages", nargs="+", default=["1", "3"])
    parser.add_argument("--app", type=pathlib.Path, default=ROOT / "examples/counter/main.py")
    parser.add_argument("--python", type=pathlib.Path, default=ROOT / "build/venv/1.0.5", help="virtual environment")
    options = parser.parse_args()

    def measure(variant):
        stage, recorded = variant
        with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as name:
            folder = pathlib.Path(name)
            (folder / "steps.txt").write_text(f'repeat {options.clicks} click text="+"\nclose\n')
            command = [BIN / "fletbridge", "run", "--stage", stage, "--ui", "headless", "--quiet",
                       "--python", options.python, "--steps", "steps.txt", "--report", "report.json"]
            if recorded:
                command += ["--record", "session.rec"]
            subprocess.run([*map(str, command), str(options.app.resolve())], check=True, timeout=120, cwd=folder)
            latency = json.loads((folder / "report.json").read_text())["latency_us"]
            if latency["count"] < options.clicks:
                sys.exit(f"{variant}: {latency['count']} answers for {options.clicks} clicks")
            return latency["p50"]

    variants = [(stage, recorded) for stage in options.stages for recorded in (False, True)]
    results, disturbed = interleave(variants, options.rounds, measure)
    for stage in options.stages:
        plain, recorded = results[stage, False], results[stage, True]
        packet = [(b - a) / 2 for a, b in zip(plain, recorded)]
        print(f"stage {stage}: {statistics.median(plain):.0f} us, recorded {statistics.median(recorded):.0f} us, "
              f"ratio {shown(ratio(recorded, plain))}; a packet costs "
              f"{shown((statistics.median(packet), *interval(packet)))} us")
    print(note(disturbed, options.rounds))
    # On the event loop alone, without the noise of a whole run.
    with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as folder:
        subprocess.run([str(BIN / "recorder_cost"), f"{folder}/session.rec"], check=True, timeout=120)


if __name__ == "__main__":
    main()
