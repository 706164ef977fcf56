"""Room: tools. What tools/demo.sh measures, and its tables: a page of 1,000 rows as people write them, by
`fletbridge compare`; then the counter, the same clicks over every variant, interleaved.

Each round starts the app anew on every variant, in rotated order, so that whatever slows the machine
for a while touches all alike. Ends with 1 and says why as soon as one run is not what it should be.
"""

import argparse
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = ROOT / "build/release/bin/fletbridge"
APP = ROOT / "examples/counter/main.py"
PYTHON = ROOT / "build/venv/1.0.5"
CLIENT = ROOT / "build/clients/0.82.2/flet"
# Stage, transport, and how many processes there must be.
VARIANTS = [("1", "uds", 2), ("1", "tcp", 2), ("2", "uds", 1), ("2", "tcp", 1), ("3", "ffi", 1)]
RUN_DEADLINE_S = 120
# A page of 1,000 rows, each a checkbox, a text and a button: Flet as it is, and what `fletbridge run` makes of it.
ROWS = "rows-1000"
ROWS_VARIANTS = ["flet:uds", "3+accelerators"]


class Failed(Exception):
    pass


def say(text):
    print(f"\033[1m[demo]\033[0m {text}", file=sys.stderr, flush=True)


def run(stage, transport, clicks, folder):
    """One run of the counter; returns its report, checked."""
    steps = folder / "steps.txt"
    report = folder / "report.json"
    steps.write_text(f'repeat {clicks} click text="+"\nexpect text="{clicks}"\nclose\n')
    report.unlink(missing_ok=True)
    command = [HOST, "run", APP, "--python", PYTHON, "--stage", stage, "--transport", transport]
    command += ["--ui", "headless", "--steps", steps, "--report", report]
    command = [str(part) for part in command]
    # A session of its own, so that a run that hangs is ended with all its processes.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=RUN_DEADLINE_S)
    except BaseException as why:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Failed(f"{' '.join(command)}\nhas not ended after {RUN_DEADLINE_S} s") from None
        raise
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}\nended with {process.returncode}:\n{output}")
    return json.loads(report.read_text())


def check(report, stage, transport, processes, clicks):
    used = report["used"]
    facts = [
        (used["stage"], stage, "stage"),
        (used["transport"], transport, "transport"),
        (used["fallbacks"], [], "fallbacks"),
        (len(report["processes"]), processes, "processes"),
        (report["latency_us"]["count"], clicks, "measured clicks"),
    ]
    for got, wanted, what in facts:
        if got != wanted:
            raise Failed(f"stage {stage} over {transport}: {what}: {got!r} instead of {wanted!r}")


def compare_rows(seconds, folder):
    """The results of `fletbridge compare` on the page of 1,000 rows."""
    out = folder / "rows.json"
    command = [HOST, "compare", "--python", PYTHON, "--workload", ROWS, "--stages", ",".join(ROWS_VARIANTS),
               "--time", seconds, "--json", out]
    command = [str(part) for part in command]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds + RUN_DEADLINE_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}\nended with {process.returncode}:\n{output}")
    return json.loads(out.read_text())


def interval(values):
    """The exact 95 % interval of the median, between two of the values; None for fewer than six."""
    values, n, out = sorted(values), len(values), 0
    while sum(math.comb(n, k) for k in range(out + 1)) / 2 ** n <= 0.025:
        out += 1
    return (values[out - 1], values[n - out]) if out else None


def with_interval(ratio, low_high):
    digits = 2 if ratio >= 0.1 else 3
    return f"{ratio:.{digits}f} [{low_high[0]:.{digits}f}, {low_high[1]:.{digits}f}]" if low_high else f"{ratio:.{digits}f}"


def ms(nanoseconds):
    return "-" if nanoseconds is None else f"{nanoseconds / 1e6:.3g} ms"


def print_rows(results):
    print()
    print("A page of 1,000 rows, each a checkbox, a text and a button: a click on the counter above them")
    print()
    print(f"{'':<34}{'clicks':>8}{'p50':>10}{'p99':>10}{'ratio of p50 [95 %]':>24}")
    names = ("Flet alone: python app.py", "fletbridge run --stage 3")
    for name, series in zip(names, results["workloads"][0]["results"]):
        ratio = series.get("ratio")
        shown = with_interval(ratio["estimate"], (ratio["low"], ratio["high"])) if ratio else "too few rounds"
        print(f"{name:<34}{series['count']:>8}{ms(series['p50']):>10}{ms(series['p99']):>10}"
              f"{'1' if name == names[0] else shown:>24}")
    print()
    print("Most of this gain is that of the accelerators, which `fletbridge run` has on by itself: they do natively what Flet")
    print("does in Python for each control of the page at every click. Tens of milliseconds at each click are felt.")
    for warning in results["warnings"]:
        print(f"Noise: {warning}")


def print_table(reports, rounds, clicks, seconds):
    def middle(variant, value):
        return statistics.median(value(report) for report in reports[variant])

    def against_first(variant, value):
        ratios = [value(ours) / value(first) for ours, first in zip(reports[variant], reports[VARIANTS[0]])]
        return with_interval(statistics.median(ratios), interval(ratios))

    def start_up(report):
        return report["timeline_ms"]["first_frame"]

    def p50(report):
        return report["latency_us"]["p50"]

    flet = reports[VARIANTS[0]][0]["flet"]
    python = reports[VARIANTS[0]][0]["python"]
    print()
    print(f"The counter of Flet {flet} on Python {python}: {rounds * clicks} clicks on each")
    print()
    print(f"{'stage':<7}{'transport':<11}{'processes':>9}{'start-up ms':>13}{'ratio [95 %]':>20}{'p50 µs':>9}{'p99 µs':>9}"
          f"{'ratio of p50 [95 %]':>21}")
    for variant in VARIANTS:
        stage, transport, processes = variant
        p99 = middle(variant, lambda r: r["latency_us"]["p99"])
        first = variant == VARIANTS[0]
        print(f"{stage:<7}{transport:<11}{processes:>9}{middle(variant, start_up):>13.0f}"
              f"{'1' if first else against_first(variant, start_up):>20}{middle(variant, p50):>9.0f}{p99:>9.0f}"
              f"{'1' if first else against_first(variant, p50):>21}")
    own = sorted(p50(report) for report in reports[VARIANTS[0]])
    print()
    print(f"Noise: the {rounds} rounds of stage 1 over uds, the same thing each time, have a p50 from {own[0]:.0f} to {own[-1]:.0f} µs.")
    print("Look at the brackets, not at the ratio: they hold 95 % of what it may be in truth, and where 1 lies in them no")
    print("difference is shown. At a click on so small a page nobody sees one on any stage; what a person has of it is the")
    print("one process in place of two, and the start.")
    print()
    print("Start-up: from the start of fletbridge to the first frame. p50 and p99: from a click to the")
    print(f"first patch that answers it. Each figure is the median of {rounds} rounds' own figures, with")
    print(f"{clicks} clicks a round (the first, slower ones too) and the variants taking turns; a ratio, of the rounds' own.")
    print(f"{os.cpu_count()} CPUs, {platform.machine()}, Linux {platform.release()}; {seconds:.0f} s.")
    print()
    print("Your own app: build/release/bin/fletbridge compare your/app.py --html report.html")


def why_no_window():
    """Why a run would open no window here, as the doctor says it; None if it would."""
    doctor = subprocess.run([str(HOST), "doctor", "--json", "--python", str(PYTHON), *client_option()],
                            capture_output=True, text=True, timeout=RUN_DEADLINE_S)
    window = json.loads(doctor.stdout)["window"]
    return next((window[part]["reason"] for part in ("display", "gtk", "client") if not window[part]["ok"]), None)


def client_option():
    return ["--flet-client", str(CLIENT)] if CLIENT.exists() else []


def show_windows(seconds, folder):
    """The counter in a window, for a moment on each stage."""
    if why := why_no_window():
        say(f"no window to show: {why}")
        return
    for stage, processes in (("1", 2), ("2", 1), ("3", 1)):
        report = folder / "window.json"
        command = [HOST, "run", "--ui", "desktop", "--stage", stage, "--python", PYTHON, "--report", report, "--quiet",
                   *client_option(), APP]
        with open(folder / "window.log", "w+") as log:  # GTK has much to say
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.terminate()
            try:
                process.wait(RUN_DEADLINE_S)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            if process.returncode not in (0, 128 + signal.SIGTERM):  # a person may have closed it
                raise Failed(f"the window on stage {stage} ended with {process.returncode}:\n"
                             f"{(folder / 'window.log').read_text()}")
        result = json.loads(report.read_text())
        if len(result["processes"]) != processes:
            raise Failed(f"the window on stage {stage} has {len(result['processes'])} processes")
        times = result["timeline_ms"]
        say(f"a window on stage {stage}, {processes} process{'es' * (processes > 1)}: shown after "
            f"{times['window_shown'] or 0:.0f} ms, drawn after {times['frame_drawn'] or 0:.0f} ms")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/demo.sh", description="Measures a page of 1,000 rows, and the counter on every stage.")
    parser.add_argument("--rows", type=float, default=15, metavar="SECONDS",
                        help="how long the page of 1,000 rows is measured (default: 15; 0: not)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds (default: 6, the fewest that give an interval)")
    parser.add_argument("--clicks", type=int, default=500, help="clicks on each variant (default: 500)")
    parser.add_argument("--window", type=float, default=3, metavar="SECONDS",
                        help="how long a window is shown on each stage, where there is a display (default: 3; 0: none)")
    options = parser.parse_args()
    if not 1 <= options.rounds <= options.clicks:
        parser.error("--rounds must be at least 1 and at most --clicks")
    return options


def main():
    options = parse_arguments()
    clicks = math.ceil(options.clicks / options.rounds)
    reports = {variant: [] for variant in VARIANTS}
    rows = None
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fletbridge-demo-") as folder:
        if options.rows > 0:
            say(f"a page of 1,000 rows, on Flet alone and on stage 3, for some {options.rows:.0f} s")
            rows = compare_rows(options.rows, Path(folder))
        for turn in range(options.rounds):
            first = turn % len(VARIANTS)
            for variant in VARIANTS[first:] + VARIANTS[:first]:
                stage, transport, processes = variant
                report = run(stage, transport, clicks, Path(folder))
                check(report, stage, transport, processes, clicks)
                reports[variant].append(report)
                say(f"round {turn + 1} of {options.rounds}: stage {stage} over {transport}, "
                    f"{clicks} clicks, p50 {report['latency_us']['p50']:.0f} µs")
        if options.window > 0:
            show_windows(options.window, Path(folder))
    if rows:
        print_rows(rows)
    print_table(reports, options.rounds, clicks, time.monotonic() - begin)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files go
    try:
        main()
    except Failed as why:
        sys.exit(f"demo failed: {why}")
    except KeyboardInterrupt:
        sys.exit(130)
