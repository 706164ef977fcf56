#!/usr/bin/env python3
"""What the accelerators are to gain, and what they gain: one interleaved run of `fletbridge compare` on its built-in
apps, with accelerators against without on the same stage, as a Markdown table with the target beside each figure.

    tests/bench/accelerators.py [--stage 3] [--time 1800] [--rounds N] [--python PYTHON] [--json FILE] [--from FILE]

A ratio is the median over the rounds of a round's figure, which is the median over its turns of the ratio of two blocks
that lie side by side in time; its interval is a bootstrap one of 95 %. A target is met if the ratio is below it, and
surely so if the whole interval is. `--from` makes the table of an older `--json`. Needs build/release and build/venv.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from rounds import compilers_at_work, interval, note, shown  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN", ROOT / "build/release/bin"))
SOCKET = "flet:uds"
# What, its workload, and the most that its ratio may be.
TARGETS = [
    ("click, counter on an empty page", "click", 0.5),
    ("click, 100 rows", "rows-100", 0.1),
    ("click, 1,000 rows", "rows-1000", 0.03),
    ("click, 5,000 rows", "rows-5000", 0.02),
    ("type into a field, 1,000 rows", "type-1000", 0.04),
    ("append one row to 1,000", "append-one", 0.04),
    ("remove one row of 1,000", "remove-one", 0.04),
    ("reverse 1,000 rows", "reverse", 0.15),
    ("1,000 new rows into a column that is there", "new-1000", 0.15),
    ("first frame of 1,000 rows", "first-rows-1000", 0.3),
    ("first frame of 10,000 texts", "first-texts-10000", 0.4),
    ("a component that renders 1,000 rows again, one changed", "component-1000", 0.2),
    ("click beside a computing thread", "busy", 0.3),
    ("that thread's time for a piece of work", "busy-thread", 1 / 0.95),
]
LEAST_ROUNDS = 6
JS = "js-framework"
JS_TARGET = 0.12
BUSY_P99_TARGET = 0.5
SOCKET_TARGET = 0.45
MILLISECONDS = 10  # of a start
MEBIBYTES = 2


class Run:
    """Results of `compare`, by workload and variant."""

    def __init__(self, results):
        self.results = results
        self.workloads = {w["name"]: w for w in results["workloads"]}

    def blocks(self, workload, variant):
        """(round, turn) -> block."""
        series = self.workloads.get(workload, {"results": []})["results"]
        return {(b["round"], b["turn"]): b for one in series if one["variant"] == variant for b in one["blocks"]}

    def by_round(self, above, below, combine=lambda a, b: a / b):
        """Of two (workload, variant): round -> the median of its turns."""
        above, below = self.blocks(*above), self.blocks(*below)
        rounds = {}
        for at in above.keys() & below.keys():
            if above[at]["p50"] and below[at]["p50"]:
                rounds.setdefault(at[0], []).append(combine(above[at]["p50"], below[at]["p50"]))
        return {number: statistics.median(values) for number, values in rounds.items()}

    def p99(self, workload, variant):
        """Round -> the 99th percentile of its blocks."""
        rounds = {}
        for (number, _), block in self.blocks(workload, variant).items():
            rounds.setdefault(number, []).extend(block["histogram"])
        tails = {}
        for number, buckets in rounds.items():
            rest = math.ceil(0.99 * sum(count for _, count in buckets))
            for value, count in sorted(buckets):
                rest -= count
                if rest <= 0:
                    tails[number] = value
                    break
        return tails

    def p50(self, workload, variant):
        for series in self.workloads.get(workload, {"results": []})["results"]:
            if series["variant"] == variant and series["p50"] is not None:
                value = series["p50"]
                return f"{value / 1e6:.2f} ms" if value < 1e7 else f"{value / 1e6:.0f} ms"
        return "-"


class Figure(tuple):
    """Median and the ends of its interval, and of how many rounds."""

    rounds = 0


def three(values):
    """Nothing if there is nothing."""
    values = list(values)
    if not values:
        return None
    figure = Figure((statistics.median(values), *interval(values)))
    figure.rounds = len(values)
    return figure


def verdict(figure, target):
    if figure is None:
        return "not measured"
    if figure.rounds < LEAST_ROUNDS:
        return "too few rounds"
    median, low, high = figure
    return "met" if high <= target else "met, not surely" if median <= target else "missed"


def row(what, run, workload, above, below, figure, target, said=None):
    value = said(figure) if figure and said else shown(figure) if figure else "-"
    bound = f"{target:.2f}".rstrip("0").rstrip(".") if said is None else said(target)
    return f"| {what} | {run.p50(workload, below)} | {run.p50(workload, above)} | {value} | {bound} | {verdict(figure, target)} |"


def table(results):
    run = Run(results)
    without = next(v["name"] for v in results["variants"] if v["name"] + "+accelerators" in
                   [other["name"] for other in results["variants"]])
    with_them = without + "+accelerators"
    lines = [f"| Flet {results['variants'][0]['flet']}, stage {without} | without | with | ratio [95 %] | at most | |",
             "|---|--:|--:|---|--:|---|"]
    for what, workload, target in TARGETS:
        figure = three(run.by_round((workload, with_them), (workload, without)).values())
        lines.append(row(what, run, workload, with_them, without, figure, target))
        if workload == "click":
            figure = three(run.by_round((workload, with_them), (workload, SOCKET)).values())
            lines.append(row("the same against Flet's own Unix socket", run, workload, with_them, SOCKET, figure,
                             SOCKET_TARGET))
        if workload == "rows-5000":
            # Other workloads, so other turns: of each round, the medians.
            of = [{number: statistics.median(block["p50"] for at, block in run.blocks(name, with_them).items()
                                             if at[0] == number)
                   for number in {at[0] for at in run.blocks(name, with_them)}} for name in (workload, "click")]
            figure = three(of[0][number] / of[1][number] for number in of[0].keys() & of[1].keys())
            lines.append(f"| 5,000 rows against the empty page, both with | {run.p50('click', with_them)} | "
                         f"{run.p50(workload, with_them)} | {shown(figure) if figure else '-'} | 2 | "
                         f"{verdict(figure, 2)} |")
        if workload == "busy":
            tails = run.p99(workload, with_them), run.p99(workload, without)
            figure = three(tails[0][number] / tails[1][number] for number in tails[0].keys() & tails[1].keys())
            lines.append(row("the same, p99 (p50 shown)", run, workload, with_them, without, figure, BUSY_P99_TARGET))
    js = [w["name"] for w in results["workloads"] if w["group"] == JS]
    by_workload = [run.by_round((name, with_them), (name, without)) for name in js]
    common = set.intersection(*map(set, by_workload)) if by_workload else set()
    figure = three(math.exp(statistics.fmean(math.log(ratios[number]) for ratios in by_workload)) for number in common)
    for name, ratios in zip(js, by_workload):
        one = three(ratios.values())
        lines.append(f"| {name} | {run.p50(name, without)} | {run.p50(name, with_them)} | "
                     f"{shown(one) if one else '-'} | | |")
    lines.append(f"| js-framework-benchmark, geometric mean of {len(js)} | | | {shown(figure) if figure else '-'} | "
                 f"{JS_TARGET} | {verdict(figure, JS_TARGET) if len(js) == 9 else 'not measured whole'} |")
    for what, workload, unit, target in (("start-up, difference", "start-up", 1e6, MILLISECONDS),
                                         ("memory after the first frame, difference", "memory", 1 << 20, MEBIBYTES)):
        figure = three(value / unit for value in run.by_round((workload, with_them), (workload, without),
                                                              lambda a, b: a - b).values())
        name = "ms" if unit == 1e6 else "MiB"
        value = "{:.1f} [{:.1f}, {:.1f}] ".format(*figure) + name if figure else "-"
        lines.append(f"| {what} | | | {value} | {target} {name} | {verdict(figure, target)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="3", help="a variant of ours, as compare names it")
    parser.add_argument("--time", type=float, default=1800, metavar="SECONDS")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--python", default=ROOT / "build/venv/1.0.5/bin/python")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from", dest="old", type=pathlib.Path)
    options = parser.parse_args()
    busy = compilers_at_work()
    if options.old:
        results = json.loads(options.old.read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as folder:
            out = options.json or pathlib.Path(folder, "results.json")
            workloads = [workload for _, workload, _ in TARGETS] + [JS, "start-up", "memory"]
            command = [BIN / "fletbridge", "compare", "--python", options.python, "--time", options.time, "--precision",
                       "0.01", "--stages", f"{SOCKET},{options.stage},{options.stage}+accelerators", "--workload",
                       ",".join(workloads), "--json", out]
            if options.rounds:
                command += ["--rounds", options.rounds]
            code = subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL).returncode
            if code:
                sys.exit(code)
            results = json.loads(out.read_text())
    print("\n".join(table(results)))
    rounds = results["rounds"]
    print(f"\n{rounds} rounds in {results['seconds']:.0f} s, {note(rounds if busy or compilers_at_work() else 0, rounds)}")
    for out in results["left_out"]:
        print(f"not measured: {out['workload']}: {out['why']}")
    for warning in results["warnings"]:
        print(f"note: {warning}")


if __name__ == "__main__":
    main()
