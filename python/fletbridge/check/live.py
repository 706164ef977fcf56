"""`--run`: the app on two stages, headless, with watch/sitecustomize.py inside, and what differs. Room:
python/fletbridge/check."""

import contextlib
import json
import os
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
PATIENCE = 60  # seconds for the start and the end of a run, and for its steps
PATIENCE_AT_END = 3  # for a run whose check is ended


class LiveRun:
    def __init__(self, stage, code, events, output, late):
        self.stage, self.code, self.events, self.output, self.late = stage, code, events, output, late

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
        self.failed = old.code != new.code

    def differences(self):
        """(kind, what, count on the old stage, count on the new one) of what is on one of them only."""
        old, new = (run.rows() for run in self.runs)
        return [(kind, what, len(old.get((kind, what), ())), len(new.get((kind, what), ())))
                for kind, what in sorted({*old, *new}, key=lambda key: (list(KINDS).index(key[0]), key[1]))
                if bool(old.get((kind, what))) != bool(new.get((kind, what)))]

    def document(self):
        return {
            "runs": [{"stage": run.stage, "exit_code": run.code, "timed_out": run.late, "events": run.events}
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


def run(app, request, script, stage):
    with tempfile.TemporaryDirectory(prefix="fletbridge-check-") as folder:
        seconds = float(request.get("seconds") or 3)
        steps = request.get("steps")
        if not steps:
            steps = os.path.join(folder, "steps.txt")
            Path(steps).write_text(f"sleep {round(seconds * 1000)}ms\nclose\n")
        out = Path(folder) / "events"
        environment = dict(os.environ, FB_WATCH_FILE=str(out), FB_WATCH_ROOT=str(app.root),
                           FLETBRIDGE_ENDS_WITH=str(os.getpid()))
        if script.is_file() and zipfile.is_zipfile(script):
            environment["FB_WATCH_ROOT"] = str(script.resolve())
        if "PYTHONPATH" in os.environ:
            environment["FB_WATCH_PYTHONPATH"] = os.environ["PYTHONPATH"]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(WATCH), os.environ.get("PYTHONPATH"))))
        command = [request["program"], "run", "--stage", stage, "--python", request["python"], "--ui", "headless",
                   "--steps", str(steps), str(script)]
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True)
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
        return LiveRun(stage, 128 - code if code < 0 else code, read(out), output.decode(errors="replace"), late)


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
