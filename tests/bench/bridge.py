#!/usr/bin/env python3
"""libdart_bridge.so, ours against the original, and both against Flet's own sockets.

    tests/bench/bridge.py [echo|enqueue|click|workloads] [--rounds N] [--json FILE] [--only TEXT]

echo       Asyncio echo, the Python side as Flet's: round trips of 64 B, 1 MiB and 16 MiB, and bytes per
           second one way. On three Dart VMs: `real`, the one of a Flutter engine; `fake`, which treats
           messages as the real one does; `inline`, the same without its change of threads. A round trip
           ends when the VM's thread has the answer. One way: batches of 32 MiB, answered once each;
           towards Dart the payloads are made beforehand, and each byte that arrives is
           read once, as a receiver would. Ratios are ours / original.
enqueue    How long DartBridge_EnqueueMessage keeps its caller, a thread that is not Python's, while a
           Python thread computes: calls every 2 ms by an absolute schedule. `python`: pure Python;
           `c`: long C calls that keep the GIL; `none`: nothing computes. A call that is late skips what
           it has missed. `slept`: calls in which the thread had to wait; `preempted`: calls in which
           another thread took the processor away, without which `undisturbed` is; `clock` is what the
           same thread sees between two readings of the clock: the machine's own noise.
click      Click -> patch of the counter, unmodified Flet, the same headless client: Flet's own socket,
           stages 1 and 3, and the two libraries in the way of a packaged app (tools/packaged_host.cc).
workloads  Ten thousand controls in one update: click -> patch. And 1,000 events in a burst: the client
           sends a drag of 1,000 moves without waiting; the app handles each and changes one text at
           the end; the figure is from the first event sent to the patch that answers the last. One
           sample is one burst, p99 of a run so few samples is nearly its worst.

Both libraries run with libpython opened in global scope, or the original's asyncio and MessagePack would
lack their C parts. The original: ../shared/baseline/libdart_bridge.so beside the source folder, or
FLETBRIDGE_ORIGINAL. Ours: build/release/lib/libdart_bridge.so, or FLETBRIDGE_BRIDGE. What is missing is
left out by name. Method: rounds.py.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import click_patch
import rounds

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/dart_vm"))
sys.dont_write_bytecode = True

import vm_host  # noqa: E402

MIB = 1 << 20
VENV = ROOT / "build/venv/1.0.5"
APPS = pathlib.Path(__file__).with_name("apps")
LIBRARIES = {"original": vm_host.ORIGINAL, "bridge": vm_host.OURS}

# scenario, VM, bytes of a message, messages
ECHO = [
    *[("echo", vm, 64, 1500) for vm in ("inline", "fake", "real")],
    *[("echo", vm, MIB, 200) for vm in ("inline", "fake", "real")],
    *[("echo", vm, 16 * MIB, 30) for vm in ("inline", "fake", "real")],
    *[(way, vm, size, 32 * MIB // size)
      for way in ("to-python", "to-dart") for vm in ("fake", "real") for size in (MIB, 16 * MIB)],
]


def libraries():
    present = []
    for name, path in LIBRARIES.items():
        if path.exists():
            present.append(name)
        else:
            print(f"left out: {name}, there is no {path}", file=sys.stderr)
    if not present:
        sys.exit("no bridge library at all: build the target dart_bridge, or set FLETBRIDGE_ORIGINAL")
    return present


def size_name(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size} B"


def echo(options, out):
    names = libraries()
    cases = ECHO
    if why := vm_host.why_no_real_vm():
        print(f"left out: the real VM, {why}", file=sys.stderr)
        cases = [case for case in ECHO if case[1] != "real"]
    cases = [case for case in cases if options.only in case_name(case)]

    known = {case_name(case): case for case in cases}

    def measure(name, case):
        scenario, vm, size, count = known[case]
        got = vm_host.run(LIBRARIES[name], scenario, vm=vm, display=display, bytes=size, count=count)
        if got["wrong"]:
            sys.exit(f"{name}: {got['wrong']} wrong messages in {case}")
        return got

    with contextlib.ExitStack() as stack:
        display = stack.enter_context(vm_host.Display()) if any(c[1] == "real" for c in cases) else None
        results, disturbed = rounds.interleave(names, options.rounds, measure, list(known))

    def figures(name, case, key):
        if case[0] == "echo":
            return [run[case_name(case)]["rtt_us"][key] for run in results[name]]
        return [statistics.median(run[case_name(case)]["bytes_per_second"]) for run in results[name]]

    heading = " ".join(f"{name + ' p50':>14} {'p99':>8}" for name in names)
    print(f"{'round trip, us':24} {heading}   bridge / original, p50, median of {options.rounds} rounds [95 %]")
    for case in (case for case in cases if case[0] == "echo"):
        line = " ".join(f"{statistics.median(figures(name, case, 'p50')):14.1f} "
                        f"{statistics.median(figures(name, case, 'p99')):8.1f}" for name in names)
        print(f"{case_name(case):24} {line}   {against(names, lambda n: figures(n, case, 'p50'))}")
    heading = " ".join(f"{name:>14} {'':8}" for name in names)
    print(f"{'one way, MiB/s':24} {heading}   bridge / original, bytes per second")
    for case in (case for case in cases if case[0] != "echo"):
        line = " ".join(f"{statistics.median(figures(name, case, '')) / MIB:14.0f} {'':8}" for name in names)
        print(f"{case_name(case):24} {line}   {against(names, lambda n: figures(n, case, ''))}")
    print(rounds.note(disturbed, options.rounds))
    out["echo"] = results


def case_name(case):
    scenario, vm, size, _ = case
    return f"{scenario} {size_name(size)} {vm}"


def against(names, figures):
    if len(names) < 2:
        return "-"
    return rounds.shown(rounds.ratio(figures("bridge"), figures("original")))


def enqueue(options, out):
    names = libraries()
    works = [work for work in ("python", "c", "none") if options.only in work]

    def measure(name, work):
        return vm_host.run(LIBRARIES[name], "enqueue", bytes=64, count=1500, work=work, limit_s=20)

    results, disturbed = rounds.interleave(names, options.rounds, measure, works)
    print(f"{'enqueue, us':18} {'calls':>6} {'p50':>9} {'p99':>9} {'max':>10}   {'undisturbed p99':>15} {'max':>10}   "
          f"{'slept':>6} {'preempted':>9}   {'clock max':>9}")
    for work in works:
        for name in names:
            runs = [run[work] for run in results[name]]
            if not all(run["arrived"] for run in runs):
                sys.exit(f"{name}: messages were lost while {work} was computing")
            call, undisturbed, clock = ([run[key] for run in runs] for key in ("call_us", "undisturbed_us", "clock_us"))
            print(f"{work + ' ' + name:18} {sum(c['count'] for c in call):6} "
                  f"{statistics.median(c['p50'] for c in call):9.1f} "
                  f"{statistics.median(c['p99'] for c in call):9.1f} {max(c['max'] for c in call):10.1f}   "
                  f"{statistics.median(c['p99'] for c in undisturbed):15.1f} "
                  f"{max(c['max'] for c in undisturbed):10.1f}   "
                  f"{sum(run['slept'] for run in runs):6} {sum(run['preempted'] for run in runs):9}   "
                  f"{max(c['max'] for c in clock):9.1f}")
    print(f"p50 and p99: median of {options.rounds} runs, max: of all; {rounds.note(disturbed, options.rounds)}")
    out["enqueue"] = results


def python_home(venv):
    return subprocess.run([venv / "bin/python", "-c", "import sys; print(sys.base_prefix)"],
                          capture_output=True, text=True, check=True).stdout.strip()


def run_app(variant, app, steps):
    """One run under the headless client; its report."""
    python = VENV / "bin/python"
    with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "steps.txt").write_text(steps)
        where = (app, folder / "steps.txt", folder / "report.json")
        label = variant.partition(":")[0]
        if label in LIBRARIES:
            subprocess.run([str(part) for part in (
                vm_host.BIN.parent / "lib/fletbridge/fletbridge-packaged-host", "--library", LIBRARIES[label], "--label", label, "--python", python,
                "--python-home", python_home(VENV), "--steps", where[1], "--report", where[2], app)],
                check=True, timeout=300, cwd=folder)
        elif label == "flet":
            click_patch.run_flet(variant, python, *where, folder)
        else:
            click_patch.run_stage(variant, python, *where, folder)
        return json.loads(where[2].read_text())


def app_variants(options):
    variants = ["flet:uds", "1:uds", "3", *(f"{name}:ffi" for name in libraries())]
    return [variant for variant in variants if variant == "flet:uds" or options.only in variant]


def latencies(options, out, name, app, steps, count, variants):
    def measure(variant):
        latency = run_app(variant, app, steps)["latency_us"]
        if latency["count"] < count:
            sys.exit(f"{variant}: {latency['count']} answers to {count} inputs")
        return latency

    results, disturbed = rounds.interleave(variants, options.rounds, measure)

    def all_of(variant, key):
        return [run[key] for run in results[variant]]

    print(f"{name:16} {'p50 us':>9} {'p99 us':>9}   ratios to {variants[0]}, median of {options.rounds} rounds [95 %]: "
          "p50, p99")
    for variant in variants:
        line = f"{variant:16} " + " ".join(f"{statistics.median(all_of(variant, key)):9.0f}" for key in ("p50", "p99"))
        line += "  "
        for key in ("p50", "p99"):
            line += f" {rounds.shown(rounds.ratio(all_of(variant, key), all_of(variants[0], key)))}"
        print(line)
    if "original:ffi" in variants and "original:ffi" != variants[0]:
        for variant in (v for v in ("3", "bridge:ffi") if v in variants):
            against_it = rounds.ratio(all_of(variant, "p50"), all_of("original:ffi", "p50"))
            print(f"{variant} / original:ffi, p50: {rounds.shown(against_it)}")
    print(rounds.note(disturbed, options.rounds))
    out[name] = results


def click(options, out):
    app = ROOT / "examples/counter/main.py"
    latencies(options, out, "click -> patch", app, f'repeat {options.clicks} click text="+"\nclose\n', options.clicks,
              app_variants(options))


def workloads(options, out):
    variants = app_variants(options)
    latencies(options, out, "10,000 controls", APPS / "ten_thousand.py",
              f'repeat {options.samples} click text="fill" 60s\nclose\n', options.samples, variants)
    latencies(options, out, "1,000 events", APPS / "burst.py",
              f"repeat {options.samples} drag key=pad from 0,0 to 1000,0 steps 1000 60s\n"
              f'expect text="{1000 * options.samples}"\nclose\n', options.samples, variants)


BENCHES = {"echo": echo, "enqueue": enqueue, "click": click, "workloads": workloads}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", help=", ".join(BENCHES) + "; all if none is named")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=400)
    parser.add_argument("--samples", type=int, default=8, help="updates or bursts in a run of the workloads")
    parser.add_argument("--only", default="", help="cases or variants whose name contains this")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    for name in options.bench:
        if name not in BENCHES:
            parser.error(f"no bench {name}; there are {', '.join(BENCHES)}")
    out = {"machine": rounds.machine(), "rounds": options.rounds}
    for number, name in enumerate(options.bench or BENCHES):
        if number:
            print()
        BENCHES[name](options, out)
        if options.json:
            options.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
