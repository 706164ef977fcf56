#!/usr/bin/env python3
"""Does `fletbridge compare` tell the truth of apps as people write them?

    tests/compare/truth.py                        200 comparisons of equal things, and each app with planted delays
    tests/compare/truth.py --count 20 --planted none
    tests/compare/truth.py --apps counter,grows --count 0 --seed 7

Room: tests/compare. The apps are in corpus/: the first sentence of each says its habit, a line `Truth:` what is to come
out. Both names of a comparison are the very same variant (--self-test), so whatever differs is either planted by the
app itself, in COMPARE_PLANTED (corpus/planted.py), or not there at all:

  equal     "faster" or "slower" is false, of any row and of its tail
  +2ms      in each handler of one of the two: found, and its size within 20 %
  +20%      so much of what the app's click takes: found, and its size within 20 %

What an interval is too wide for is measured again with more rounds. What cannot be measured is to be said, with the
reason that the app's docstring gives. Ends with 1 if more than one comparison of equal things in twenty was false, if a
size was wrong, if something was told as measured that cannot be, or if nothing was said.
"""

import argparse
import array
import ast
import concurrent.futures
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
BIN = Path(os.environ.get("FLETBRIDGE_BIN") or ROOT / "build/release/bin")
PYTHON = Path(os.environ.get("FLETBRIDGE_E2E_VENV") or ROOT / "build/venv/1.0.5") / "bin/python"
STAGES = ("1:uds", "2:uds", "3", "flet:uds")
ROUNDS = 6  # without which there is no verdict
MORE_ROUNDS = (6, 20)  # for a size
NEAR = 0.2  # of what was planted
DEADLINE = 300  # seconds of one comparison, which takes a fraction of it


@dataclasses.dataclass
class App:
    path: Path
    workload: str  # "clicks", "steps", "start-up", or "" if nothing can be measured
    reason: str = ""  # why not

    @property
    def name(self):
        return self.path.stem

    @property
    def steps(self):
        file = self.path.with_suffix(".steps")
        return file if file.exists() else None


def apps(names=None):
    found = []
    for path in sorted(CORPUS.glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        truth = re.search(r"^Truth: (?:(clicks|steps|start-up)|none, because (.+))\.$", said, re.M)
        if path.stem != "planted" and truth is None:
            raise SystemExit(f"{path}: its docstring says no Truth")
        if truth:
            found.append(App(path, truth[1] or "", truth[2] or ""))
    unknown = set(names or []) - {app.name for app in found}
    if unknown:
        raise SystemExit(f"no app {', '.join(sorted(unknown))} in {CORPUS}")
    return [app for app in found if not names or app.name in names]


@dataclasses.dataclass
class Run:
    """One comparison: what it said, in words and in figures."""

    app: App
    stage: str
    planted: str
    code: int | None = None  # None: it did not end in time
    text: str = ""
    results: dict = dataclasses.field(default_factory=dict)
    delays: list = dataclasses.field(default_factory=list)  # seconds, that were really planted
    seconds: float = 0

    @property
    def workloads(self):
        return self.results.get("workloads", [])

    @property
    def row(self):
        wanted = self.app.workload or "clicks"
        return next((w["results"] for w in self.workloads if w["name"] == wanted), [])

    @property
    def found(self):
        """The rows that are said to differ, those of single inputs and tails as well."""
        found = []
        for workload in self.workloads:
            for row in (workload, *workload.get("parts", [])):
                for series in row["results"][1:]:
                    for key in ("verdict", "verdict_p99"):
                        if series.get(key) in ("faster", "slower"):
                            found.append((row["name"] + (" p99" if key == "verdict_p99" else ""), series[key]))
        return found

    @property
    def p50(self):
        """Of several inputs that differ much, the mean of theirs."""
        if not self.row or self.row[0]["p50"] is not None:
            return self.row[0]["p50"] if self.row else None
        parts = next(w.get("parts", []) for w in self.workloads if w["results"] is self.row)
        known = [p["results"][0]["p50"] for p in parts if p["results"][0]["p50"] is not None]
        return statistics.mean(known) if known else None

    @property
    def measured(self):
        return bool(self.row) and all(series["count"] for series in self.row)

    def interval(self, what):
        return self.row[1].get(what) if len(self.row) > 1 else None

    @property
    def width(self):
        ratio = self.interval("ratio")
        return ratio["high"] / ratio["low"] - 1 if ratio else None


def compare(app, stage, planted="", rounds=ROUNDS, seed=1, more=()):
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        out = Path(folder) / "out.json"
        argv = [BIN / "fletbridge", "compare", "--python", PYTHON, "--self-test", "--stages", stage, "--workload",
                app.workload or "clicks", "--rounds", rounds, "--time", 10 + rounds * 5, "--precision", "0.01", "--seed",
                seed, "--json", out, *more]
        if app.steps:
            argv += ["--steps", app.steps]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FLET", "COMPARE_"))}
        env.update({"TMPDIR": folder, "COMPARE_PLANTED": planted, "COMPARE_PLANTED_LOG": f"{folder}/planted", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"})
        run = Run(app, stage, planted)
        began = time.monotonic()
        process = subprocess.Popen([str(a) for a in [*argv, app.path]], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            run.text = process.communicate(timeout=DEADLINE)[0]
            run.code = process.returncode
        except subprocess.TimeoutExpired:
            process.terminate()
            run.text = process.communicate()[0]
        run.seconds = time.monotonic() - began
        if out.exists():
            run.results = json.loads(out.read_text())
        if (log := Path(folder) / "planted").exists():
            run.delays = array.array("d", log.read_bytes()).tolist()
        return run


# What it says of a measurement, not of a failure.
REASONS = (r".*not measured: .*", r".*six rounds, without which.*", r".*no control on the first page.*")
FAILURES = (r".*left out: .*", r"fletbridge: .*")


def why_not(run, reasons=REASONS):
    """The line in which it says what it cannot measure, or nothing."""
    for pattern in reasons:
        line = re.search(pattern, run.text)
        if line:
            return line[0].removeprefix("note: ")
    return ""


def judge_equal(run):
    """A word for the table, and whether it is wrong."""
    if run.code is None:
        return "did not end", True
    if run.app.reason:
        if run.found or run.measured:
            return "measured what cannot be", True
        if run.app.reason not in run.text:
            return f"does not say that {run.app.reason}", True
        return "says why not", False
    if run.found:
        return "; ".join(f"{row} {verdict}" for row, verdict in run.found), True
    if run.interval("ratio"):
        return run.row[1]["verdict"], False
    return ("says why not", False) if why_not(run) else ("says nothing", True)


def judge_planted(run, truth_ns):
    """"sized", "open" (its interval holds the truth, but is too wide to say so), "said" or "wrong"."""
    if run.code is None:
        return "wrong"
    difference = run.interval("difference")
    if not run.measured or difference is None:
        return "said" if why_not(run) else "wrong"
    if run.row[1]["verdict"] == "slower" and abs(difference["estimate"] / truth_ns - 1) <= NEAR:
        return "sized"
    return "open" if difference["low"] <= truth_ns <= difference["high"] and run.row[1]["verdict"] != "faster" else "wrong"


def planted_spec(app, stage, seconds):
    return f"{stage} again={'start' if app.workload == 'start-up' else ''}+{seconds * 1e6:.0f}us"


def find_planted(app, stage, seconds, seed, rounds=MORE_ROUNDS, more=()):
    """Measures until the size is known or there are no more rounds; the last run, and what is to be thought of it."""
    for number in rounds:
        run = compare(app, stage, planted_spec(app, stage, seconds), number, seed, more)
        run.delays = run.delays or [seconds]  # a start's own is written by none behind it
        verdict = judge_planted(run, statistics.median(run.delays) * 1e9)
        if verdict in ("sized", "said"):
            break
    return run, verdict


def shown(ns):
    return "-" if ns is None else f"{ns / 1e6:.2f} ms"


class Note:
    """Lines as they come, and what is counted at the end."""

    def __init__(self):
        self.equal, self.planted, self.wrong = [], [], []

    def add_equal(self, run):
        word, wrong = judge_equal(run)
        self.equal.append((run, word, wrong))
        width = f"{run.width * 100:5.0f} %" if run.width else "      -"
        print(f"equal  {run.app.name:26} {run.stage:9} {shown(run.p50):>10} {width} {run.seconds:5.0f} s  "
              f"{'FALSE: ' if wrong else ''}{word}", flush=True)
        if word == "says why not" or (wrong and not run.found):
            print(f"         {why_not(run, REASONS + FAILURES)[:200] or run.text[-300:]}", flush=True)

    def add_planted(self, run, what, verdict):
        self.planted.append((run, what, verdict))
        difference = run.interval("difference") or {}
        found = ", ".join(f"{difference[k] / 1e6:.2f}" for k in ("low", "high")) if difference else ""
        print(f"{what:6} {run.app.name:26} {run.stage:9} {statistics.median(run.delays) * 1e3:7.2f} ms planted, "
              f"{shown(difference.get('estimate'))} [{found}] in {run.results.get('rounds', 0)} rounds: {verdict}", flush=True)
        if verdict in ("said", "wrong"):
            print(f"         {why_not(run, REASONS + FAILURES)[:200] or run.text[-300:]}", flush=True)

    def summary(self):
        false = [(run, word) for run, word, wrong in self.equal if wrong and run.found]
        other = [(run, word) for run, word, wrong in self.equal if wrong and not run.found]
        widths = [run.width for run, _, _ in self.equal if run.width]
        print()
        if self.equal:
            print(f"equal things: {len(self.equal)} comparisons, {len(false)} found a difference "
                  f"({100 * len(false) / len(self.equal):.1f} %), {sum(w == 'says why not' for _, w, _ in self.equal)} said "
                  f"why they cannot measure, {len(other)} were wrong in another way; "
                  f"median width of the intervals {100 * statistics.median(widths or [0]):.0f} %")
        for run, word in false + other:
            print(f"  {run.app.name} on {run.stage}: {word}")
        for what in dict.fromkeys(what for _, what, _ in self.planted):
            verdicts = [verdict for _, w, verdict in self.planted if w == what]
            print(f"{what} planted in {len(verdicts)} apps: " + ", ".join(
                f"{verdicts.count(v)} {v}" for v in ("sized", "open", "said", "wrong")))
        wrong = other + [p for p in self.planted if p[2] == "wrong"]
        return 1 if wrong or len(false) * 20 > len(self.equal) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="comparisons of equal things, over all apps in turn")
    parser.add_argument("--apps", help="these alone, with commas")
    parser.add_argument("--planted", default="2ms,20%", help="2ms, 20%%, both, or none")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of a comparison of equal things")
    parser.add_argument("--planted-rounds", default=",".join(map(str, MORE_ROUNDS)),
                        help="of one with a planted delay, and more if they do not do")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="comparisons at a time; more than one disturb one another")
    options = parser.parse_args()
    chosen = apps(options.apps.split(",") if options.apps else None)
    note = Note()
    typical = {}  # app -> p50 in seconds
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def equal(i):
            app = chosen[i % len(chosen)]
            # Each app comes to each stage, whatever their numbers are.
            stage = STAGES[(i + i // len(chosen) + options.seed) % len(STAGES)]
            return compare(app, stage, rounds=options.rounds, seed=options.seed * 100_000 + i)

        for run in pool.map(equal, range(options.count)):
            note.add_equal(run)
            if run.measured:
                typical.setdefault(run.app.name, (run.p50 or 0) / 1e9)

        def planted(job):
            i, (app, what) = job
            stage, seed = STAGES[(i + options.seed) % len(STAGES)], options.seed * 100_000 + 50_000 + i
            seconds = 0.002
            if what == "20%":
                if app.name not in typical:
                    known = compare(app, stage, rounds=1, seed=seed)
                    typical[app.name] = (known.p50 or 0) / 1e9
                seconds = max(20e-6, 0.2 * typical[app.name])
            return (*find_planted(app, stage, seconds, seed, [int(n) for n in options.planted_rounds.split(",")]), what)

        kinds = [] if options.planted == "none" else options.planted.split(",")
        jobs = [(app, what) for app in chosen if app.workload for what in kinds
                if not (app.workload == "start-up" and what == "2ms")]  # two of 800 are less than what differs by itself
        for run, verdict, what in pool.map(planted, enumerate(jobs)):
            note.add_planted(run, "+" + what, verdict)
    return note.summary()


if __name__ == "__main__":
    sys.exit(main())
