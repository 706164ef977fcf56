#!/usr/bin/env python3
"""libdart_bridge.so, ours against the original.

    tests/bench/bridge.py [echo|enqueue] [--rounds N] [--json FILE] [--only TEXT]

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

Both libraries run with libpython opened in global scope, or the original's asyncio and MessagePack would
lack their C parts. The original: ../shared/baseline/libdart_bridge.so beside the source folder, or
FLETBRIDGE_ORIGINAL. Ours: build/release/lib/libdart_bridge.so, or FLETBRIDGE_BRIDGE. What is missing is
left out by name. Method: rounds.py. Whole apps on the original: `fletbridge compare --stages 3,original:ffi`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys

import rounds

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/dart_vm"))
sys.dont_write_bytecode = True

import vm_host  # noqa: E402
from display import Display  # noqa: E402

MIB = 1 << 20
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
        display = stack.enter_context(Display()) if any(c[1] == "real" for c in cases) else None
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


BENCHES = {"echo": echo, "enqueue": enqueue}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", help=", ".join(BENCHES) + "; all if none is named")
    parser.add_argument("--rounds", type=int, default=10)
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
