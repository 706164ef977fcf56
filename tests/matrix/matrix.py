"""The matrix: each Flet on each stage, with the same apps and the same steps.

    python3 tests/matrix/matrix.py [--build DIR] [--flet VERSION,…] [--stage NAME,…] [--app NAME,…] [--rounds N]
                                   [--markdown FILE]

A cell is a Flet and a stage. In each, every app of tests/matrix/apps runs with its steps in the headless UI; each must
end with 0 and with the same control tree as on Flet's own newest generation and first stage: types, texts, values and
keys, without what generations name otherwise. A version that is not installed in build/venv is skipped by name. Prints
a line per cell with the start-up (to the first frame) and a click's p50 of the sync and the async counter: medians of
the rounds, the cells in turns. --markdown writes the table between the marks in that file. Ends with 1 if a cell fails.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"
VERSIONS = ("0.28.3", "0.82.2", "1.0.5")
STAGES = ("legacy", "1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi")
TIMED = ("counter", "counter_async")
DEADLINE = 180  # seconds for one run
MARK = "<!-- matrix: made by tests/matrix/matrix.py --markdown -->"

# What a person sees of the apps.
SEEN = ("Text", "Button", "Checkbox", "TextField", "Switch")


def plain(value):
    """A value without what only one generation says: numbers as texts, null for what is not set or false."""
    if isinstance(value, bool):
        return "true" if value else None
    if isinstance(value, (dict, list)):  # a control, which is met by itself
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value in (None, "", "false") else str(value)


def reduced(node):
    """The controls of a tree in their order: type, text, value, key and visibility of each that a person sees."""
    found = []

    def walk(node):
        if isinstance(node, list):
            for item in node:
                walk(item)
        if not isinstance(node, dict):
            return
        if node.get("_c") in SEEN:
            found.append((node["_c"], *(plain(node.get(name)) for name in ("content", "value", "label", "key")),
                          node.get("visible", True) is False))
        for child in node.values():
            walk(child)

    walk(node)
    return found


class Cell:
    def __init__(self, version, stage):
        self.version, self.stage = version, stage
        self.failures, self.trees = [], {}
        self.start, self.click = {}, {}

    def run(self, build, app):
        stage, _, transport = self.stage.partition(":")
        with tempfile.TemporaryDirectory(prefix="fletbridge-matrix-") as folder:
            command = [str(build / "bin" / "fletbridge"), "run", "--stage", stage, "--ui", "headless",
                       "--python", str(ROOT / "build" / "venv" / self.version),
                       "--steps", str(APPS / (app + ".steps")), "--report", folder + "/report.json"]
            if transport:
                command += ["--transport", transport]
            try:
                done = subprocess.run([*command, str(APPS / (app + ".py"))], cwd=folder, timeout=DEADLINE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            except subprocess.TimeoutExpired:
                return self.failures.append("%s: no end within %d s" % (app, DEADLINE))
            if done.returncode != 0:
                lines = done.stdout.strip().splitlines() or ["nothing said"]
                return self.failures.append("%s: exit code %d: %s" % (app, done.returncode, lines[0]))
            report = json.loads(Path(folder, "report.json").read_text())
            used = report["used"]["stage"]
            if used != stage:
                return self.failures.append("%s: ran on stage %s" % (app, used))
            self.trees[app] = reduced(json.loads(Path(folder, "tree.json").read_text()))
            self.start.setdefault(app, []).append(report["timeline_ms"]["first_frame"])
            self.click.setdefault(app, []).append(report["latency_us"]["p50"])
        return None

    def compare(self, model):
        for app, tree in self.trees.items():
            if app in model and model[app] != tree:
                for ours, theirs in zip(tree + [None], model[app] + [None]):
                    if ours != theirs:
                        self.failures.append("%s: the tree has %s in place of %s" % (app, ours, theirs))
                        break

    def figures(self):
        found = []
        for app in TIMED:
            found.append(("%.0f ms" % statistics.median(self.start[app]), "%.2f ms" % (statistics.median(self.click[app]) / 1000))
                         if app in self.start else ("-", "-"))
        return found


def table(cells):
    lines = ["| Flet | stage | | sync: start, click | async: start, click |", "|---|---|---|---|---|"]
    for cell in cells:
        (a, b), (c, d) = cell.figures()
        lines.append("| %s | %s | %s | %s, %s | %s, %s |" % (cell.version, cell.stage, "fails" if cell.failures else "passes", a, b, c, d))
    return lines


def write_into(path, lines):
    text = path.read_text()
    first = text.index(MARK) + len(MARK)
    path.write_text(text[:first] + "\n" + "\n".join(lines) + "\n" + text[text.index(MARK, first):])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--flet", default=",".join(VERSIONS))
    parser.add_argument("--stage", default=",".join(STAGES))
    parser.add_argument("--app", default=",".join(sorted(path.stem for path in APPS.glob("*.steps"))))
    parser.add_argument("--rounds", type=int, default=1, help="runs of each counter, for its figures")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    options.build = options.build.resolve()

    versions = []
    for version in options.flet.split(","):
        if (ROOT / "build" / "venv" / version / "bin" / "python").exists():
            versions.append(version)
        else:
            print("skipped: Flet %s is not in build/venv (tools/setup.sh makes it)" % version)
    if not versions:
        sys.exit("no Flet of these is installed")
    cells = [Cell(version, stage) for version in versions for stage in options.stage.split(",")]
    apps = options.app.split(",")
    for app in apps:
        for cell in cells:
            cell.run(options.build, app)
    for _ in range(options.rounds - 1):
        for app in TIMED:
            for cell in cells:
                if app in apps and not cell.failures:
                    cell.run(options.build, app)
    model = max(cells, key=lambda cell: (len(cell.trees), cell.version)).trees
    for cell in cells:
        cell.compare(model)
        (a, b), (c, d) = cell.figures()
        print("%-7s %-7s %-5s  sync: start %8s, click %8s   async: start %8s, click %8s"
              % (cell.version, cell.stage, "FAIL" if cell.failures else "pass", a, b, c, d))
        for failure in cell.failures:
            print("        " + failure)
    if options.markdown:
        write_into(options.markdown, table(cells))
    failed = sum(bool(cell.failures) for cell in cells)
    print("%d of %d cells pass" % (len(cells) - failed, len(cells)))
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
