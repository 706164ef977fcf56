"""`--run`: the app on two stages, headless, with watch/sitecustomize.py inside, and what differs. Room:
python/fletbridge/check."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from .app import WrongUsage

WATCH = Path(__file__).resolve().parent / "watch"
KINDS = {  # in the order of the report
    "process": "processes started",
    "thread": "threads started",
    "blocked": "event loop blocked for more than 100 ms",
    "update from a thread": "updates from threads",
    "socket": "sockets listened on",
    "relative path": "files opened by a relative path",
}
# A folder that is no larger is copied for each run, so that what an app keeps there does not reach the next one.
MOST_FILES, MOST_BYTES = 5_000, 64 << 20
NOT_COPIED = {".git", "__pycache__", ".venv", "venv", "node_modules"}
PATIENCE = 60  # seconds for the start and the end of a run, and for its steps
PATIENCE_AT_END = 3  # for a run whose check is ended


class LiveRun:
    def __init__(self, stage, code, events, output, late, fresh):
        self.fresh = fresh  # ran in a copy of the app's folder
        self.stage, self.code, self.events, self.output, self.late = stage, code, events, output, late
        # The host's own words: a step that failed since the app raised, or nothing expected that it did.
        self.raised = code != 0 and any(line.startswith("fletbridge: the app raised: ") for line in output.splitlines())

    def rows(self):
        """(kind, what) -> events"""
        rows = {}
        for event in self.events:
            place = f"{event['file']}:{event['line']} {event['function']}" if event["file"] else event["by"]
            what = "" if event["kind"] == "blocked" else event["what"]
            if event["kind"] == "update from a thread":
                what = ""
            rows.setdefault((event["kind"], f"{place}  {what}".rstrip()), []).append(event)
        return rows


class Comparison:
    def __init__(self, old, new):
        self.runs = (old, new)
        self.failed = old.code != new.code or old.raised or new.raised

    def differences(self):
        """(kind, what, count on the old stage, count on the new one) of what is on one of them only."""
        old, new = (run.rows() for run in self.runs)
        return [(kind, what, len(old.get((kind, what), ())), len(new.get((kind, what), ())))
                for kind, what in sorted({*old, *new}, key=lambda key: (list(KINDS).index(key[0]), key[1]))
                if bool(old.get((kind, what))) != bool(new.get((kind, what)))]

    def document(self):
        return {
            "runs": [{"stage": run.stage, "exit_code": run.code, "timed_out": run.late, "raised": run.raised, "events": run.events}
                     for run in self.runs],
            "differences": [{"kind": kind, "what": what, "from": before, "to": after}
                            for kind, what, before, after in self.differences()],
        }

    def text(self):
        old, new = self.runs
        lines = [f"{'what happened in a run':64}stage {old.stage:<6}stage {new.stage}".rstrip()]
        rows = [run.rows() for run in self.runs]
        keys = sorted({*rows[0], *rows[1]}, key=lambda key: key[1])
        for kind, title in KINDS.items():
            mine = [key for key in keys if key[0] == kind]
            if not mine:
                continue
            lines.append(title)
            for key in mine:
                cells = [cell(kind, run.get(key, [])) for run in rows]
                mark = "*" if (cells[0] == "-") != (cells[1] == "-") else " "
                lines.append(f" {mark} {key[1]:<61}{cells[0]:<12}{cells[1]}".rstrip())
                if kind == "blocked":
                    stack = next((e["stack"] for run in rows for e in run.get(key, []) if e["stack"]), [])
                    lines += [f"       {frame}" for frame in stack[:8]]
        codes = [("timed out" if run.late else str(run.code)) for run in self.runs]
        mark = "*" if codes[0] != codes[1] else " "
        lines.append(f"{'exit code':63}{mark}{codes[0]:<12}{codes[1]}")
        lines.append("rows with a * are on one of the stages only")
        lines.append("each run had a fresh copy of the app's folder and a HOME of its own" if old.fresh else
                     f"both ran where the app is, since its folder has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB, "
                     "or cannot be copied: what it keeps there, the second one finds")
        raised = [run.stage for run in self.runs if run.raised]
        if raised:
            lines.append(f"the app raised on stage {' and '.join(raised)}, which no step expects: that is a failure, whatever "
                         "the other does")
        for run in self.runs:
            if run.code or run.late:
                lines.append(f"the end of what the run on stage {run.stage} printed:")
                lines += ["    " + line for line in run.output.splitlines()[-12:]]
        return "\n".join(lines) + "\n"


def cell(kind, events):
    if not events:
        return "-"
    if kind == "blocked":
        longest = max(event["ms"] for event in events)
        return f"{len(events)}x, {longest} ms"
    return f"{len(events)}x"


def observe(app, request):
    script = Path(request["target"])
    if script.is_dir() and not any((script / main).is_file() for main in ("main.py", "__main__.py")):
        raise WrongUsage(f"--run needs a script, and there is no main.py or __main__.py in {script}; name the script")
    if request.get("steps") and not Path(request["steps"]).is_file():
        raise WrongUsage(f"cannot open {request['steps']}: there is no such file; check --steps")
    # Whoever ends the check ends its run, and finds no folder of it; of a SIGKILL the kernel sees to the first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    return Comparison(*(run(app, request, script, request[which]) for which in ("from", "to")))


def fresh_copy(root, to):
    """A copy of the app's folder; nothing if it is too large, or something in it cannot be read."""
    files = size = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_COPIED]
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(folder, name)).st_size
            files += 1
        if files > MOST_FILES or size > MOST_BYTES:
            return None
    try:
        shutil.copytree(root, to, symlinks=True, ignore=lambda _, names: NOT_COPIED.intersection(names))
    except (OSError, shutil.Error):
        return None
    return to


def placed(path, root, copy):
    """Where the same thing is in the copy; where it is, if it is elsewhere."""
    path = Path(path).resolve()
    return copy / path.relative_to(root) if path.is_relative_to(root) else path


def run(app, request, script, stage):
    with tempfile.TemporaryDirectory(prefix="fletbridge-check-") as folder:
        root = Path(app.root).resolve()
        copy = fresh_copy(root, Path(folder) / "app" / (root.name or "app"))
        seconds = float(request.get("seconds") or 3)
        steps = request.get("steps")
        if not steps:
            steps = os.path.join(folder, "steps.txt")
            Path(steps).write_text(f"sleep {round(seconds * 1000)}ms\nclose\n")
        out = Path(folder) / "events"
        environment = dict(os.environ, FB_WATCH_FILE=str(out), FB_WATCH_ROOT=str(app.root),
                           FLETBRIDGE_ENDS_WITH=str(os.getpid()))
        cwd = None
        if copy is not None:
            steps = os.path.abspath(steps)
            script, cwd = placed(script, root, copy), placed(os.getcwd(), root, copy)
            environment |= private_home(os.path.join(folder, "home")) | {"FB_WATCH_ROOT": str(copy)}
        if script.is_file() and zipfile.is_zipfile(script):
            environment["FB_WATCH_ROOT"] = str(script.resolve())
        if "PYTHONPATH" in os.environ:
            environment["FB_WATCH_PYTHONPATH"] = os.environ["PYTHONPATH"]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(WATCH), os.environ.get("PYTHONPATH"))))
        command = [request["program"], "run", "--stage", stage, "--python", request["python"], "--ui", "headless",
                   "--steps", str(steps), str(script)]
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True,
                                 cwd=cwd)
        late = False
        try:
            output, _ = child.communicate(timeout=seconds + PATIENCE)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            if not late and child.poll() is None:  # we are to end: so that nothing of it is left
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(PATIENCE_AT_END)
            if late or child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # its own session: nobody else's
                output, _ = child.communicate()
        code = child.returncode
        return LiveRun(stage, 128 - code if code < 0 else code, read(out), output.decode(errors="replace"), late,
                       copy is not None)


def private_home(folder):
    """A HOME of its own, but for caches and the packages of the user's Python."""
    os.mkdir(folder, 0o700)
    home = os.path.expanduser("~")
    environment = {"HOME": folder, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"),
                   "PYTHONUSERBASE": os.environ.get("PYTHONUSERBASE") or os.path.join(home, ".local")}
    for kind in ("CONFIG", "DATA", "STATE"):
        environment[f"XDG_{kind}_HOME"] = os.path.join(folder, kind.lower())
    return environment


def read(path):
    """The events; a line that was cut by the end of the process is left out."""
    events = []
    try:
        text = path.read_text()
    except OSError:
        return events
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events
