"""From a request to an exit code. Room: python/fletbridge/check.

`main` takes what tools/check_command.cc has made of the command line: target, stage ("" for all),
fail_on, select, ignore, json, sarif, flet, python, version, and for --run program, from, to, steps,
seconds. Exit code: 0, 1 for findings, 2 for wrong usage, 70 for a failure of ours.
"""

import gc
import json
import os
import sys
import traceback

from . import report_json, report_sarif
from .app import App, NoSuchApp, WrongUsage
from .report_text import text
from .rules import RULES, STAGES, WEIGHT

USAGE, FAILURE = 2, 70


def main(request):
    try:
        code = check(request)
        sys.stdout.flush()
        return code
    except (WrongUsage, NoSuchApp) as error:
        print(f"fletbridge: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python says so once more at its end
        return FAILURE
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # a mistake of ours must not look like a finding
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(f"fletbridge: check failed: {type(error).__name__}: {' '.join(str(error).split())} "
              f"({os.path.basename(where.filename)}:{where.lineno}); please report it with the app's code",
              file=sys.stderr)
        return FAILURE


def check(request):
    gc.disable()  # trees live to the end: looking through them again and again is half of the time
    app = App(request["target"], request)
    findings, silenced = app.findings(chosen(request))
    stages = [request["stage"]] if request.get("stage") else STAGES
    live = None
    if request.get("run"):
        from .live import observe
        live = observe(app, request)
    if request.get("sarif"):
        write(request["sarif"], report_sarif.document(app, findings, request, stages))
    if request.get("json"):
        document = report_json.document(app, findings, silenced, app.facts)
        if live is not None:
            document["run"] = live.document()
        json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(text(app, findings, silenced))
        if live is not None:
            sys.stdout.write("\n" + live.text())
    limit = WEIGHT[request.get("fail_on") or "breaks"]
    found = any(WEIGHT[finding.worst(stages)] >= limit for finding in findings)
    return 1 if found or live is not None and live.failed else 0


def write(path, document):
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    except OSError as error:
        raise WrongUsage(f"cannot write {path}: {error.strerror}; choose another file with --sarif") from None


def chosen(request):
    """The ids that --select and --ignore leave. A beginning, such as FB2, stands for all that begin so."""
    def matching(words, option):
        ids = set()
        for word in filter(None, (w.strip() for w in words.split(","))):
            found = {id for id in RULES if id.startswith(word)}
            if not found:
                raise WrongUsage(f"--{option} {word}: there is no such rule; MIGRATION.md lists them")
            ids |= found
        return ids

    wanted = matching(request.get("select") or "", "select") or set(RULES)
    return wanted - matching(request.get("ignore") or "", "ignore")
