"""Prints the output of each test that failed, last lines only: where a log's end is all that is kept, it tells.

    python3 tools/failed_tests.py JUNIT_FILE...    as `ctest --output-junit` writes it
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LINES = 60


def has_failed(test):
    skipped = test.find("skipped")  # also of one whose program is not there, which is no choice of the test's own
    return test.find("failure") is not None or skipped is not None and "SKIP" not in skipped.get("message")


for file in sys.argv[1:]:
    for test in filter(has_failed, ElementTree.parse(file).iter("testcase")):
        lines = test.findtext("system-out", "").splitlines()
        print(f"\n-- {Path(file).stem}: {test.get('name')} failed after {float(test.get('time')):.0f} s")
        print(*lines[-LINES:], sep="\n")
