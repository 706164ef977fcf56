"""The proof of sameness: generated pages with Flet's own code and with the accelerators, compared step by step in the
packets, the hooks, the exceptions and all that Flet keeps (pages.py). Says the first difference.
    python3 sameness.py --python PYTHON [--seeds A-B | --count STEPS] [--names NAME,...] [--shrink] [--package DIR]
Ends with 0 if there is none, with 1 and what differs else."""

import argparse
import difflib
import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PAGES = str(Path(__file__).resolve().parent / "pages.py")
CHUNK = 40  # seeds of a process
DEADLINE = 1200  # seconds of a process, which takes a few where the machine is quiet


def environment(package):
    known = dict(os.environ, PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore")
    if package:
        known["FLETBRIDGE_PYTHON"] = package
    return known


def start(options, names, seeds, *more):
    return subprocess.Popen(
        [options.python, "-B", PAGES, "--seeds", seeds, "--accelerators", names, *options.more, *more],
        text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(options.package),
        encoding="utf-8", errors="backslashreplace")


def output_of(process, seeds):
    try:
        return process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        output, error = process.communicate()
        lines = output.splitlines()
        return output, "%s\nnot at the end of seeds %s after %d s; the last line: %s" % (
            error, seeds, DEADLINE, lines[-1][:60] if lines else "none")


def both(options, seeds, *more):
    """The two transcripts, and how the processes ended."""
    pair = [start(options, names, seeds, *more) for names in (options.reference, options.names)]
    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(lambda process: output_of(process, seeds), pair))
    return [output for output, _ in outputs], [
        "%s: ended with %d: %s" % (names, process.returncode, (error.strip().splitlines() or [""])[-1])
        for process, names, (_, error) in zip(pair, (options.reference, options.names), outputs) if process.returncode]


def steps_of(text):
    """(seed, step) -> the text of the step, from a full transcript."""
    found = {}
    for part in text.split("=== seed ")[1:]:
        head, _, body = part.partition("\n")
        words = head.split()
        found[int(words[0]), int(words[2])] = body
    return found


def first_difference(texts):
    """(seed, step) of the first step that differs or is missing on one side, or None."""
    one, other = (text.splitlines() for text in texts)
    for mine, theirs in itertools.zip_longest(one, other):
        if mine != theirs:
            words = (mine or theirs).split()
            return int(words[0]), int(words[1])
    return None


def explain(options, seed, step, skip=""):
    """The step's difference as text; None if the seed shows none."""
    texts, failures = both(options, str(seed), "--full", "--steps", str(step), "--skip", skip)
    one, other = map(steps_of, texts)
    for key in sorted(set(one) | set(other)):
        if one.get(key) != other.get(key):
            mine, theirs = ((side.get(key) or "the process is not there any more").splitlines() for side in (one, other))
            lines = list(difflib.unified_diff(mine, theirs, options.reference, options.names, lineterm="", n=2))
            done = [line for line in mine if line[:2] in ("- ", "+ ")]
            shown = [line if len(line) < 600 else shorten(line, lines) for line in lines[:40]]
            return key, "\n".join([*failures, "step %d of seed %d does %s" % (key[1], key[0], "; ".join(done)), *shown])
    return (None, "\n".join(failures)) if failures else None


def shorten(line, lines):
    """A long line around its first difference from a line of the other side."""
    best = 0
    for other in lines:
        if other[:1] != line[:1] and other[1:12] == line[1:12]:
            common = os.path.commonprefix((line[1:], other[1:]))
            best = max(best, len(common))
    first = max(0, best - 120)
    return "%s%s%s%s" % (line[:1], "..." if first else "", line[1 + first:1 + first + 400], "...")


def shrink(options, seed, step):
    """Leaves out as much of what the seed does as still shows a difference; returns (what to skip, step)."""
    skip = []

    def still(more):
        found = explain(options, seed, step, ",".join(skip + more))
        return found and found[0]

    for number in range(1, step):
        if still(["%d.0" % number]):
            skip.append("%d.0" % number)
        else:
            for part in range(1, 6):
                if still(["%d.%d" % (number, part)]):
                    skip.append("%d.%d" % (number, part))
    for part in range(1, 6):
        if still(["%d.%d" % (step, part)]):
            skip.append("%d.%d" % (step, part))
    return ",".join(skip)


def tell(options, difference, failures):
    """Prints the first difference of a run, as small as it is wanted."""
    if failures:
        print("\n".join(failures))
    if difference is None:
        return
    seed, step = difference
    found = explain(options, seed, max(step, 1))
    if found is None:
        print("seed %d step %d differs, but not in a process of its own" % difference, flush=True)
        return
    print("A DIFFERENCE: --seeds %d --steps %d" % (seed, step))
    print(found[1], flush=True)
    if options.shrink:
        skip = shrink(options, seed, step)
        print("without --skip %s:" % skip)
        print(explain(options, seed, step, skip)[1])
        print("%s -B %s --seeds %d --steps %d --skip %s --full --accelerators %s" % (
            options.python, PAGES, seed, step, skip or "''", options.names), flush=True)


def counted(found):
    return "%d differences" % found if found else "no difference"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--package", default="", help="the directory with fletbridge/accelerate (default: the build)")
    parser.add_argument("--seeds", default="0-99")
    parser.add_argument("--count", type=int, default=0, help="as many seeds, from the first, as make this many steps")
    parser.add_argument("--steps", type=int, default=0, help="of each seed; 0: as many as the seed says")
    parser.add_argument("--names", default="all", help="the accelerators")
    parser.add_argument("--reference", default="none", help="what they are compared with")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="pairs of processes at once")
    parser.add_argument("--keep-going", type=int, default=0, help="end after this many differences, not after the first")
    parser.add_argument("--shrink", action="store_true", help="leave out what the difference does not need")
    options = parser.parse_args()
    # verify asks twice what a method answers.
    options.more = ["--ignore", "is_isolated"] if "verify" in (options.names, options.reference) else []
    first, _, last = options.seeds.partition("-")
    first, last = int(first), int(last or first)
    if options.count:
        last = first + 10**7
    began, steps, told, found = time.monotonic(), 0, 0, 0
    more = ["--steps", str(options.steps)] if options.steps else []

    def run(start_seed):
        seeds = "%d-%d" % (start_seed, min(start_seed + CHUNK - 1, last))
        return both(options, seeds, *more)

    pool = ThreadPoolExecutor(options.jobs)  # a difference ends the process, and what waits with it
    starts = iter(range(first, last + 1, CHUNK))
    waiting = [pool.submit(run, begin) for begin in itertools.islice(starts, options.jobs)]
    while waiting:
        texts, failures = waiting.pop(0).result()
        steps += texts[0].count("\n")
        difference = first_difference(texts)
        if difference or failures:
            tell(options, difference, failures)
            found += 1
            if found > options.keep_going:
                return 1
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print("%d steps, %s, %.0f s" % (steps, counted(found), told - began), flush=True)
        if options.count and steps >= options.count:
            break
        begin = next(starts, None)
        if begin is not None:
            waiting.append(pool.submit(run, begin))
    print("%d steps of seeds from %d, %s between %s and %s, %.0f s" % (
        steps, first, counted(found), options.reference, options.names, time.monotonic() - began))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
