"""The method of all benchmarks here: rounds, in each of which every variant runs once, in a random
order, in fresh processes; a variant's ratio is the median over the rounds of its figure divided by
the baseline's of the same round, with a bootstrap 95 % interval.
"""

import os
import pathlib
import random
import statistics
import sys

COMPILERS = {"cc1plus", "cc1", "ld", "clang", "clang-14", "clang++-14", "clang-tidy-14", "ninja", "lto1"}


def interval(ratios, draws=4000):
    """Bootstrap 95 % interval of the median."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[int(draws * 0.025)], medians[int(draws * 0.975)]


def ratio(figures, base):
    """Of two lists, round by round: median, and the ends of its interval."""
    ratios = [a / b for a, b in zip(figures, base)]
    return statistics.median(ratios), *interval(ratios)


def shown(three):
    return "{:.3f} [{:.3f}, {:.3f}]".format(*three)


def compilers_at_work():
    """Builds that run beside us and disturb the figures."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            count += pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in COMPILERS
        except OSError:
            pass
    return count


def interleave(variants, rounds, measure, cases=(None,)):
    """variant -> its results, one for each round; and the number of rounds beside which something was
    being compiled. With `cases`, a result is a dictionary of them, and the variants take turns within each
    case, so that what is compared lies close together in time.
    """
    results = {variant: [] for variant in variants}
    disturbed = 0
    for number in range(rounds):
        busy = compilers_at_work()
        turn = {variant: {} for variant in variants}
        for case in cases:
            for variant in random.sample(variants, len(variants)):
                turn[variant][case] = measure(variant) if case is None else measure(variant, case)
        for variant in variants:
            results[variant].append(turn[variant][None] if None in turn[variant] else turn[variant])
        disturbed += bool(busy or compilers_at_work())
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return results, disturbed


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} x {model}"


def note(disturbed, rounds):
    """The line under a table that says where its figures come from."""
    return f"{machine()}; " + (f"something was being compiled beside {disturbed} of {rounds} rounds"
                               if disturbed else "nothing was being compiled beside it")
