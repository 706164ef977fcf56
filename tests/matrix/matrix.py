"""The matrix: each Flet on each stage, with the same apps and the same steps.

    python3 tests/matrix/matrix.py [--build DIR] [--flet VERSION,…] [--stage NAME,…] [--app NAME,…] [--rounds N]
                                   [--markdown FILE] [--pythons] [--differences]

A cell is a Flet and a stage. In each, every app of tests/matrix/apps runs with its steps in the headless UI; each must
end with 0 and with the same control tree as on Flet's own newest generation and first stage: types, texts, values and
keys, without what generations name otherwise. A version that is not installed in build/venv is skipped by name. Prints
a line per cell with the start-up (to the first frame) and a click's p50 of the sync and the async counter: medians of
the rounds, the cells in turns. --markdown writes the table between the marks in that file. Ends with 1 if a cell fails.

--pythons adds the newest Flet with every other CPython from 3.10 on that the machine has (PATH, pyenv), each in an
environment that is made once in build/venv; what is not there is skipped by name.

--differences finds out what an app sees on each Flet and stage, Flet 0.1 with its own broker among them, and writes it to
tests/matrix/differences.json and, as a table, to MIGRATION.md; with it no other app runs.
"""

import argparse
import json
import os
import shutil
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
DIFFERENCES_MARK = "<!-- matrix: made by tests/matrix/matrix.py --differences -->"
DIFFERENCES = Path(__file__).resolve().parent / "differences.json"
OLDEST = "0.1.65"  # whose fletd is the broker of stage legacy; it has no other stage
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

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
    def __init__(self, version, stage, venv=None):
        self.version, self.stage = version, stage
        self.venv = venv or version
        self.failures, self.trees = [], {}
        self.start, self.click = {}, {}

    def launch(self, build, app, steps, folder):
        stage, _, transport = self.stage.partition(":")
        command = [str(build / "bin" / "fletbridge"), "run", "--stage", stage, "--ui", "headless",
                   "--python", str(ROOT / "build" / "venv" / self.venv),
                   "--steps", str(steps), "--report", folder + "/report.json"]
        if transport:
            command += ["--transport", transport]
        return subprocess.run([*command, str(APPS / (app + ".py"))], cwd=folder, timeout=DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def facts(self, build, tells_of_handlers=True):
        """What an app sees here: name -> what. None, and a failure, if it does not run."""
        with tempfile.TemporaryDirectory(prefix="fletbridge-matrix-") as folder:
            steps = Path(folder, "steps.txt")
            steps.write_text('wait text="Fail" 60s\ntree tree.json\n')
            done = self.launch(build, "facts", steps, folder)
            if done.returncode != 0:
                return self.failures.append("facts: exit code %d: %s" % (done.returncode, done.stdout))
            report = json.loads(Path(folder, "report.json").read_text())
            found = {"processes": ", ".join(process["role"] for process in report["processes"])}
            for control in reduced(json.loads(Path(folder, "tree.json").read_text())):
                name, equals, value = (control[2] or "").partition(" = ")
                if equals:
                    found[name] = value
            if tells_of_handlers:
                steps.write_text('click text="Fail" 60s\nexpect crash "on purpose" 3s\n')
                told = self.launch(build, "facts", steps, folder).returncode == 0
                found["an exception of a handler is"] = "told to the UI" if told else "printed alone"
        return found

    def run(self, build, app):
        stage = self.stage.partition(":")[0]
        with tempfile.TemporaryDirectory(prefix="fletbridge-matrix-") as folder:
            try:
                done = self.launch(build, app, APPS / (app + ".steps"), folder)
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
        lines.append("| %s | %s | %s | %s, %s | %s, %s |" % (cell.venv, cell.stage, "fails" if cell.failures else "passes", a, b, c, d))
    return lines


def differences_table(known):
    """A row for each fact, a column for each Flet; stages with the same answer stand together."""
    versions = list(known)
    names = list(known[versions[-1]]["1:uds"])
    lines = ["| | " + " | ".join("Flet " + version for version in versions) + " |", "|---" * (len(versions) + 1) + "|"]
    lines.append("| runs on | " + " | ".join(", ".join(known[version]) for version in versions) + " |")
    for name in names:
        row = []
        for version in versions:
            by_answer = {}
            for stage, facts in known[version].items():
                by_answer.setdefault(facts[name], []).append(stage)
            row.append(next(iter(by_answer)) if len(by_answer) == 1
                       else "; ".join("%s: %s" % (", ".join(stages), answer) for answer, stages in by_answer.items()))
        lines.append("| %s | %s |" % (name if " " in name or "." not in name and "_" not in name else "`%s`" % name,
                                      " | ".join(row)))
    return lines


def write_into(path, lines, mark=MARK):
    text = path.read_text()
    first = text.index(mark) + len(mark)
    path.write_text(text[:first] + "\n" + "\n".join(lines) + "\n" + text[text.index(mark, first):])


def find_differences(build, versions):
    failed = False
    known = {}
    for version in (OLDEST, *versions):
        if not (ROOT / "build" / "venv" / version / "bin" / "python").exists():
            sys.exit("Flet %s is not in build/venv; run tools/setup.sh" % version)
        known[version] = {}
        for stage in STAGES if version != OLDEST else ("legacy",):
            cell = Cell(version, stage)
            known[version][stage] = cell.facts(build)
            print("%-7s %-7s %s" % (version, stage, cell.failures or known[version][stage]), flush=True)
            failed = failed or bool(cell.failures)
    if not failed:
        DIFFERENCES.write_text(json.dumps(known, indent=1) + "\n")
        write_into(ROOT / "MIGRATION.md", differences_table(known), DIFFERENCES_MARK)
    return failed


def other_pythons(version):
    """The environments with this Flet and another CPython, made where they are missing: the names of their folders."""
    own = subprocess.run([str(ROOT / "build/venv" / version / "bin/python"), "-c",
                          "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=True)
    found = []
    for wanted in PYTHONS:
        if wanted == own.stdout.strip():
            continue
        of_pyenv = sorted(Path.home().glob(".pyenv/versions/%s.*/bin/python%s" % (wanted, wanted)))
        python = str(of_pyenv[-1]) if of_pyenv else shutil.which("python" + wanted)
        name = "%s-python%s" % (version, wanted)
        folder = ROOT / "build" / "venv" / name
        packages = "flet==%s flet-web==%s" % (version, version)
        if python is None or subprocess.run([python, "-c", "import venv, sys; sys.exit(not sys.implementation.name == 'cpython')"],
                                            check=False, capture_output=True).returncode != 0:
            print("skipped: there is no CPython %s on this machine" % wanted)
            continue
        stamp = folder / ".packages"
        if not stamp.exists() or stamp.read_text() != packages:
            print("making build/venv/%s with %s" % (name, python), flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(folder)], check=True)
            subprocess.run([str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check", *packages.split()],
                           check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
            stamp.write_text(packages)
        found.append(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--flet", default=",".join(VERSIONS))
    parser.add_argument("--stage", default=",".join(STAGES))
    parser.add_argument("--app", default=",".join(sorted(path.stem for path in APPS.glob("*.steps"))))
    parser.add_argument("--rounds", type=int, default=1, help="runs of each counter, for its figures")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--pythons", action="store_true")
    parser.add_argument("--differences", action="store_true")
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
    if options.differences:
        sys.exit(find_differences(options.build, VERSIONS))
    cells = [Cell(version, stage) for version in versions for stage in options.stage.split(",")]
    if options.pythons and VERSIONS[-1] in versions:
        cells += [Cell(VERSIONS[-1], stage, venv) for venv in other_pythons(VERSIONS[-1])
                  for stage in options.stage.split(",")]
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
        print("%-*s %-7s %-5s  sync: start %8s, click %8s   async: start %8s, click %8s"
              % (max(len(c.venv) for c in cells), cell.venv, cell.stage, "FAIL" if cell.failures else "pass", a, b, c, d))
        for failure in cell.failures:
            print("        " + failure)
    if options.markdown:
        write_into(options.markdown, table(cells))
    failed = sum(bool(cell.failures) for cell in cells)
    print("%d of %d cells pass" % (len(cells) - failed, len(cells)))
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
