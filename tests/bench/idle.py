#!/usr/bin/env python3
"""What wakes a running app that nobody touches: system calls that returned, thread by thread.

    tests/bench/idle.py [--seconds 10] [--app FILE] [VARIANT ...]

A variant is `3` (the default), `2:uds`, `1:uds`, or `original`, `bridge`: the two libraries in the way of a
packaged app (tools/packaged_host.cc). The app has drawn its first frame and its threads have rested for half
a second before strace is attached for so many seconds. A thread that sleeps through has no line.
The second count is the kernel's own, in another such time without strace: how often a thread left the
processor by itself. Ends with 1 if anything woke at all.
"""

import argparse
import collections
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/dart_vm"))
sys.dont_write_bytecode = True

import vm_host  # noqa: E402
from display import end_with_me  # noqa: E402

PYTHON = ROOT / "build/venv/1.0.5/bin/python"
LIBRARIES = {"original": vm_host.ORIGINAL, "bridge": vm_host.OURS}
FIRST_FRAME = "ui first frame"
# Attaching itself interrupts each thread's call once.
ATTACHING = 0.5


def start(variant, app):
    if variant in LIBRARIES:
        command = [vm_host.BIN.parent / "lib/fletbridge/fletbridge-packaged-host", "--debug", "--library", LIBRARIES[variant], "--label", variant,
                   "--python", PYTHON, "--python-home", vm_host.PYTHON_HOME, app]
    else:
        stage, _, transport = variant.partition(":")
        command = [vm_host.BIN / "fletbridge", "run", "--log-level", "debug", "--stage", stage, "--ui", "headless",
                   "--python", PYTHON, *(["--transport", transport] if transport else []), app]
    return subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True,
                            preexec_fn=end_with_me(signal.SIGKILL))


def wait_line(run, wanted, seconds):
    deadline = time.monotonic() + seconds
    while select.select([run.stderr], [], [], max(0, deadline - time.monotonic()))[0]:
        line = run.stderr.readline()
        if wanted in line:
            return
        if not line:
            break
    sys.exit(f"the app never said '{wanted}'")


def family(pid):
    """The process and its children: on stage 1 the app is one."""
    pids, todo = [], [pid]
    while todo:
        pid = todo.pop()
        pids.append(pid)
        for task in os.listdir(f"/proc/{pid}/task"):
            todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return pids


def switches(pids):
    """thread -> (its name, how often it has left the processor by itself)"""
    found = {}
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            status = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text()
            name = re.search(r"^Name:\s+(.*)$", status, re.M)[1]
            found[int(task)] = name, int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])
    return found


def wait_rest(pids, seconds=30):
    deadline = time.monotonic() + seconds
    before = switches(pids)
    while time.monotonic() < deadline:
        time.sleep(0.5)  # the time that is to pass without a wake-up
        now = switches(pids)
        if now == before:
            return
        before = now


def traced(pids, seconds):
    """thread -> calls that returned"""
    with tempfile.TemporaryDirectory(prefix="fletbridge-idle-") as folder:
        log = pathlib.Path(folder, "log")
        tracer = subprocess.Popen(["strace", "-f", "-ttt", "-o", log, *(f"-p{pid}" for pid in pids)],
                                  stderr=subprocess.DEVNULL, preexec_fn=end_with_me(signal.SIGKILL))
        time.sleep(seconds + ATTACHING)  # what is measured
        if tracer.poll() is not None:
            sys.exit("strace could not attach; is ptrace allowed here?")
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
        lines = log.read_text().splitlines()
    calls = collections.Counter()
    began = None
    for line in lines:
        thread, at, what = line.split(maxsplit=2)
        began = began or float(at)
        detached = "<detached ...>" in what or what.endswith("<unfinished ...>")
        if float(at) - began > ATTACHING and not detached:
            calls[int(thread), what.replace("<... ", "").split("(")[0].split()[0]] += 1
    return calls


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--app", type=pathlib.Path, default=ROOT / "examples/counter/main.py")
    parser.add_argument("variants", nargs="*", default=["3"])
    options = parser.parse_args()
    for variant in options.variants:
        if variant in LIBRARIES and not LIBRARIES[variant].exists():
            sys.exit(f"no {LIBRARIES[variant]} for {variant}; see bridge.py for where the libraries lie")
    woken = 0
    for variant in options.variants:
        run = start(variant, options.app.resolve())
        try:
            wait_line(run, FIRST_FRAME, 60)
            pids = family(run.pid)
            wait_rest(pids)
            before = switches(pids)
            time.sleep(options.seconds)  # what is measured
            after = switches(pids)
            calls = traced(pids, options.seconds)
        finally:
            run.kill()
            run.wait()
            run.stderr.close()
        print(f"{variant}: {sum(calls.values())} calls returned in {options.seconds:g} s, "
              f"{len(after)} threads in {len(pids)} process(es)")
        for thread, (name, count) in sorted(after.items()):
            by_name = ", ".join(f"{number} {call}" for (of, call), number in sorted(calls.items()) if of == thread)
            left = count - before.get(thread, (name, 0))[1]
            print(f"  {name:16} {by_name or 'no call'}; left the processor {left} times")
            woken += left
        woken += sum(calls.values())
    sys.exit(1 if woken else 0)


if __name__ == "__main__":
    main()
